"""Codex CLI rollouts: what happens within a turn.

Most things are written twice, as an event and as a model item; each is recorded once. An event that
reports the end of a call comes before the call's output, and is told with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from adapters.importers.codex_calls import Call, Output, command_line, function_call, output_of
from adapters.importers.turns import Ending, Turns
from adapters.importers.twins import Twins
from adapters.importers.values import content_text, mapping, name, objects, string
from domain.decide.items import ItemEnd
from domain.events.base import ItemKind, Json

LATE_OUTPUT: Final = "an output after the end of its turn"
NO_CALL: Final = "an output without its call"

_BOOKKEEPING: Final = frozenset(
    {"response_item/ghost_snapshot", "world_state", "inter_agent_communication_metadata"}
)
# Events that report the end of a call, and what to call it if the call itself is not there.
_ENDS: Final[Mapping[str, ItemKind]] = {
    "exec_command_end": "command_execution",
    "patch_apply_end": "file_change",
    "mcp_tool_call_end": "tool_call",
    "dynamic_tool_call_response": "tool_call",
    "view_image_tool_call": "tool_call",
    "image_generation_end": "tool_call",
}


class CodexItems:
    """The items of one rollout.

    `ensure_turn` sees to it that there is a turn to put them in; `begin_compaction` takes the free
    slot for one and returns whether the log will say when it ends.
    """

    def __init__(
        self, turns: Turns, ensure_turn: Callable[[], None], begin_compaction: Callable[[], bool]
    ) -> None:
        self._turns = turns
        self._recording = turns.recording
        self._ensure_turn = ensure_turn
        self._begin_compaction = begin_compaction
        self._texts = Twins()
        self._thoughts = Twins()
        self._open: dict[str, str] = {}  # call id → open item
        self._over: set[str] = set()  # call ids that have had their output
        self._reported: dict[str, Json] = {}  # call id → the event that reported its end
        self._searches = Twins()
        self._compactions = Twins()
        self.any_in_turn = False

    def forget_twins(self) -> None:
        """The log goes on to a new turn: what equals something in an older one is no twin of it."""
        self._texts, self._thoughts = Twins(), Twins()
        self._searches, self._compactions = Twins(), Twins()

    def turn_began(self) -> None:
        """What was open in the turn before is not any more."""
        self._over.update(self._open)
        self._open.clear()
        self.any_in_turn = False

    def take(self, full_type: str, payload: Json) -> None:
        """Tells one record that is neither about prompts nor about the ends of turns."""
        group, _, kind = full_type.partition("/")
        if full_type in _BOOKKEEPING:
            self._recording.skip(f"{kind or group}: bookkeeping")
        elif full_type in ("compacted", "event_msg/context_compacted"):
            self._compacted(group, payload)
        elif kind == "reasoning":
            self._reasoning(payload)
        elif full_type == "event_msg/agent_message":
            self.agent_message("event", string(payload, "message") or "", payload)
        elif full_type == "event_msg/agent_reasoning":
            self._thought("event", string(payload, "text") or "")
        elif kind in ("web_search_call", "web_search_end"):
            self._web_search(kind, payload)
        elif group == "response_item" and kind.endswith("_call"):
            self._call(payload)
        elif group == "response_item" and kind.endswith("_output"):
            self._output(payload)
        elif group == "event_msg" and kind in _ENDS:
            self._end_reported(kind, payload)
        else:
            self._status(full_type, payload)

    def agent_message(self, side: str, text: str, payload: Json) -> None:
        """What the model says, once of the two or three times it is written."""
        if not self._texts.is_first(side, text):
            self._recording.skip("agent message: written twice")
            return
        phase = string(payload, "phase")
        self._record("agent_message", text, text, {"phase": phase} if phase else None)

    def item_completed(self, item: Json) -> None:
        """An event of newer versions that repeats most of what the model items say."""
        kind, item_id = string(item, "type") or "", string(item, "id") or ""
        if kind == "AgentMessage":
            self.agent_message("item", content_text(item.get("content")), item)
        elif kind == "Reasoning":
            self._thought("item", content_text(item.get("summary_text")))
        elif item_id in self._open or item_id in self._over:
            self._recording.skip("item_completed: twin of its call")
        else:
            self._status(f"item_completed/{kind}", item)

    # ── Thoughts and summaries ────────────────────────────────────────────────────────────────────

    def _reasoning(self, payload: Json) -> None:
        parts = [string(part, "text") or "" for part in objects(payload.get("summary"))]
        news = [self._thoughts.is_first("response", part) for part in parts]
        if parts and not any(news):
            self._recording.skip("reasoning: its summary was written before")
            return
        text = "\n\n".join(part for part, is_new in zip(parts, news, strict=True) if is_new)
        self._record("reasoning", text or "(not readable)", text)

    def _thought(self, side: str, text: str) -> None:
        if not text or not self._thoughts.is_first(side, text):
            self._recording.skip("reasoning: written twice" if text else "reasoning without text")
            return
        self._record("reasoning", text, text)

    def _compacted(self, side: str, payload: Json) -> None:
        if not self._compactions.is_first(side, ""):
            self._recording.skip("context compaction: written twice")
            return
        kept = payload.get("replacement_history")
        detail: Json = {"kept": len(kept)} if isinstance(kept, list) else {}
        text = string(payload, "message") or None
        # Between two turns it is a turn of its own: asked for by hand.
        ends_here = self._turns.turn is None and not self._begin_compaction()
        self._record("context_compaction", "Context compaction", text, detail)
        if ends_here:
            self._turns.finish(Ending(note="the log has only the compaction's result"))

    # ── Calls ─────────────────────────────────────────────────────────────────────────────────────

    def _call(self, payload: Json) -> None:
        call = function_call(payload)
        call_id = string(payload, "call_id")
        if call_id is None:
            self._record_call(call, string(payload, "id"))
            return
        if call_id in self._open or call_id in self._over:
            self._recording.contradiction("a call id used twice")
        self._ensure_turn()
        self.any_in_turn = True
        self._open[call_id] = self._turns.start_item(call.kind, call.summary, call.detail)

    def _record_call(self, call: Call, call_id: str | None) -> None:
        """A call whose output is never written; its end may be reported before or after it."""
        if call_id in self._over:
            self._recording.skip("a call: written twice")
            return
        if call_id is not None:
            self._over.add(call_id)
        self._record(call.kind, call.summary, None, call.detail)

    def _output(self, payload: Json) -> None:
        call_id = string(payload, "call_id") or ""
        value = payload["output"] if "output" in payload else payload.get("tools")
        output = output_of(value, self._reported.pop(call_id, None))
        item_id = self._open.pop(call_id, None)
        if item_id is not None:
            self._over.add(call_id)
        if item_id is not None and self._turns.is_open(item_id):
            self._end(item_id, output)
            return
        why = LATE_OUTPUT if call_id in self._over else NO_CALL
        self._recording.contradiction(why)
        if self._turns.turn:
            self._turns.record_item("status", why, output.text, {"call_id": call_id}, note=why)
        else:
            self._recording.skip(why)

    def _end(self, item_id: str, output: Output) -> None:
        end: ItemEnd = "completed"
        reason = None
        if output.aborted:
            end, reason = "interrupted", "aborted by user"
        elif output.error:
            end, reason = "failed", output.error
        self._turns.end_item(item_id, end, output.text, result=output.result, reason=reason)

    def _end_reported(self, kind: str, payload: Json) -> None:
        call_id = string(payload, "call_id") or ""
        if call_id in self._open:
            self._reported[call_id] = payload
            self._recording.skip(f"{kind}: told with the call's output")
        elif call_id in self._over:
            self._recording.skip(f"{kind}: written twice")
        else:
            self._over.add(call_id)
            self._ensure_turn()
            self.any_in_turn = True
            summary = command_line(payload) or _tool_name(payload) or kind
            item_id = self._turns.start_item(_ENDS[kind], summary, {"record": payload})
            text = string(payload, "aggregated_output") or string(payload, "stdout") or ""
            self._end(item_id, output_of(text, payload))

    def _web_search(self, kind: str, payload: Json) -> None:
        action = mapping(payload, "action")
        query = string(action, "query") or string(payload, "query") or string(action, "url") or ""
        if self._searches.is_first(kind, query):
            detail: Json = {"name": "web_search", "input": action}
            self._record("tool_call", f"web_search {query}", None, detail)
        else:
            self._recording.skip("web search: written twice")

    # ── The rest ──────────────────────────────────────────────────────────────────────────────────

    def _status(self, full_type: str, payload: Json) -> None:
        """What has no kind of its own, kept as it is; a log may have types nobody knows yet."""
        bare = full_type.removeprefix("event_msg/").removeprefix("response_item/")
        shown = (name(bare) or "no type")[:60]
        if self._turns.turn:
            self._record("status", shown, None, {"type": full_type, "record": payload})
        else:
            self._recording.skip(f"outside a turn: {shown}")

    def _record(
        self, kind: ItemKind, summary: str, text: str | None, detail: Json | None = None
    ) -> None:
        self._ensure_turn()
        self.any_in_turn = True
        self._turns.record_item(kind, summary, text, detail)


def _tool_name(payload: Json) -> str | None:
    return string(mapping(payload, "invocation"), "tool") or string(payload, "tool")
