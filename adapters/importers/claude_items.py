"""Claude Code: what happens within a turn.

A message of the model is one record for each of its blocks. What a subagent does in the same file
(the way of old versions) is told as status items: it is no part of the thread's own conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from adapters.importers.claude_text import DECLINED, INTERRUPTED
from adapters.importers.turns import Turns
from adapters.importers.values import as_json, content_text, name, objects, string
from domain.decide.items import ItemEnd
from domain.events.base import ItemKind, Json

LATE_RESULT: Final = "a result after the end of its turn"
NO_CALL: Final = "a result without its call"

_COMMANDS: Final = frozenset({"Bash", "PowerShell"})
_CHANGES: Final = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit"})
# The argument that tells a person most about a call.
_TELLING: Final = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "query",
    "url",
    "description",
)


class Items:
    """The items of one log. `ensure_turn` sees to it that there is a turn to put them in."""

    def __init__(self, turns: Turns, ensure_turn: Callable[[], None]) -> None:
        self._turns = turns
        self._recording = turns.recording
        self._ensure_turn = ensure_turn
        self._open: dict[str, str] = {}  # tool_use id → item
        self._over: set[str] = set()

    def message(self, message: Json, *, sidechain: bool) -> None:
        """The blocks of an assistant record."""
        content = message.get("content")
        if isinstance(content, str):
            content = {"type": "text", "text": content}
        of: Json = {"message": name(message.get("id"))}
        if sidechain:
            of["sidechain"] = True
        for block in objects(content):
            self._block(block, of, sidechain=sidechain)

    def _block(self, block: Json, of: Json, *, sidechain: bool) -> None:
        kind = string(block, "type") or "no type"
        if kind == "text":
            text = string(block, "text") or ""
            self._record("status" if sidechain else "agent_message", text, text, of)
        elif kind in ("thinking", "redacted_thinking"):
            text = string(block, "thinking") or ""
            shown = text or "(not readable)"
            self._record("status" if sidechain else "reasoning", shown, text, of)
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            self._call(block, of, sidechain=sidechain)
        elif kind.endswith("_tool_result"):
            self.result(block)
        else:
            self._record("status", kind[:60], None, {**of, "record": block})

    def _call(self, block: Json, of: Json, *, sidechain: bool) -> None:
        tool = string(block, "name") or "tool"
        asked = as_json(block.get("input"))
        kind: ItemKind = "tool_call"
        if sidechain:
            kind = "status"
        elif tool in _COMMANDS:
            kind = "command_execution"
        elif tool in _CHANGES:
            kind = "file_change"
        call_id = string(block, "id") or ""
        if call_id in self._open or call_id in self._over:
            self._recording.contradiction("a tool_use id used twice")
        self._ensure_turn()
        summary = _summary(tool, asked if isinstance(asked, dict) else {}, kind)
        detail: Json = {**of, "name": tool, "input": asked}
        self._open[call_id] = self._turns.start_item(kind, summary, detail)

    def result(self, block: Json) -> str:
        """The result of a call ends its item; its text."""
        call_id = string(block, "tool_use_id") or ""
        text = content_text(block.get("content"))
        item_id = self._open.pop(call_id, None)
        if item_id is not None:
            self._over.add(call_id)
        if item_id is not None and self._turns.is_open(item_id):
            end, reason = _end(text, failed=block.get("is_error") is True)
            self._turns.end_item(item_id, end, text, reason=reason)
            return text
        why = LATE_RESULT if call_id in self._over else NO_CALL
        self._recording.contradiction(why)
        if self._turns.turn:
            self._turns.record_item("status", why, text, {"tool_use_id": call_id}, note=why)
        else:
            self._recording.skip(why)
        return text

    def status(self, summary: str, text: str | None, detail: Json | None = None) -> None:
        """What has no kind of its own. Outside a turn there is no place for it."""
        if self._turns.turn:
            self._turns.record_item("status", summary, text, detail)
        else:
            self._recording.skip(f"outside a turn: {summary}")

    def _record(self, kind: ItemKind, summary: str, text: str | None, detail: Json) -> None:
        self._ensure_turn()
        self._turns.record_item(kind, summary, text, detail)


def _end(text: str, *, failed: bool) -> tuple[ItemEnd, str | None]:
    if failed and DECLINED in text:
        return "interrupted", "declined by the user"
    if failed and text.lstrip().startswith(INTERRUPTED):
        return "interrupted", "interrupted by the user"
    return ("failed", "the tool reported an error") if failed else ("completed", None)


def _summary(tool: str, asked: Json, kind: ItemKind) -> str:
    telling = next((text for key in _TELLING if (text := string(asked, key))), "")
    return telling if kind == "command_execution" and telling else f"{tool} {telling}".strip()
