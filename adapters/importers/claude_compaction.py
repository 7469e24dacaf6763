"""Claude Code: compactions. The boundary comes first, then what the context was replaced with."""

from __future__ import annotations

from adapters.importers.claude_flow import Flow
from adapters.importers.claude_items import Items
from adapters.importers.turns import Ending, Turns
from adapters.importers.values import mapping, name, string
from domain.events.base import Json


class Compactions:
    """The compactions of one log."""

    def __init__(self, turns: Turns, flow: Flow, items: Items) -> None:
        self._turns = turns
        self._flow = flow
        self._items = items
        self._open: str | None = None  # the item that waits for its summary

    def boundary(self, body: Json) -> None:
        """A compaction: within a turn if the program began it, else a turn of its own."""
        metadata = mapping(body, "compactMetadata")
        trigger = string(metadata, "trigger")
        turn = self._turns.turn
        if turn is None or (trigger == "manual" and not turn.open_items):
            self._flow.begin_compaction(f"Context compaction ({name(trigger) or 'unknown'})")
        detail: Json = {"metadata": metadata}
        self._open = self._turns.start_item("context_compaction", "Context compaction", detail)

    def summary(self, text: str) -> None:
        """What stands for all that came before."""
        item_id, self._open = self._open, None
        turn = self._turns.turn
        if turn is None or item_id is None or not self._turns.is_open(item_id):
            self._items.status("summary of a compaction", text)
            return
        self._turns.end_item(item_id, "completed", text)
        if turn.kind == "compaction":
            self._flow.end(Ending(note="a compaction ends with its summary"))
