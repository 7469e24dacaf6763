"""Claude Code: commands that the program runs itself, slash commands and the user's own shell.

A command is a turn of its own; when the model answers it, an ordinary one.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.importers.claude_flow import Flow
from adapters.importers.claude_items import Items
from adapters.importers.claude_queue import Queue
from adapters.importers.claude_text import Said
from adapters.importers.turns import Ending, Turns


@dataclass(frozen=True, slots=True)
class _Running:
    """A command whose output has not come, in a turn it has begun; `item_id` if it has an item."""

    command: str
    turn_id: str
    item_id: str | None


class Commands:
    """The local commands of one log."""

    def __init__(self, turns: Turns, flow: Flow, queue: Queue, items: Items) -> None:
        self._turns = turns
        self._flow = flow
        self._queue = queue
        self._items = items
        self._running: _Running | None = None

    def run(self, words: Said) -> None:
        """The user gave a command."""
        turn = self._turns.turn
        if turn and turn.open_items and not self._flow.over:
            # Some commands run beside a working model, and end nothing.
            self._items.status(f"local command {words.text}", words.text)
            return
        self._queue.send(words.text, "shell" if words.kind == "shell" else "command")
        if self._turns.turn is None:
            return
        item_id = None
        if words.kind == "shell":
            item_id = self._turns.start_item(
                "command_execution", words.text, {"command": words.text}
            )
        self._running = _Running(words.text, self._turns.turn.turn_id, item_id)

    def output(self, text: str) -> None:
        """A command's output ends it, and the turn that was only this command."""
        running, self._running = self._running, None
        turn = self._turns.turn
        if not turn or not running or turn.turn_id != running.turn_id or self._flow.had_output:
            self._items.status("output of a local command", text)
            return
        if running.item_id:
            self._turns.end_item(running.item_id, "completed", text)
        else:
            detail = {"command": running.command}
            self._turns.record_item("command_execution", running.command, text, {**detail})
        self._flow.end(Ending(note="a local command ends with its output"))
