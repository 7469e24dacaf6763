"""Codex CLI rollouts: prompts, steers, interrupts and the ends of turns.

From 0.118 on tasks say where turns begin and end; a second `user_message` within one is a steer.
Before that only the next prompt shows that a turn has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from adapters.importers.codex_fork import ForkCopy
from adapters.importers.codex_items import CodexItems
from adapters.importers.codex_prompts import PromptCopies, prompt_text
from adapters.importers.codex_usage import CodexUsage
from adapters.importers.records import Record
from adapters.importers.turns import Ending, Turns
from adapters.importers.twins import Twins
from adapters.importers.values import content_text, mapping, name, objects, string
from domain.events.base import Json

TASK_HELD: Final = "task_started waits for the turn's first record"
NOT_OPEN: Final = "the end of a turn that is not open"
NOT_STEERABLE: Final = "a prompt was sent while the context was compacted"
NO_END: Final = "the turn's end is not in the log"


class Codex:
    """The mapper of one rollout. `first` is its first record, `copy` tells what a fork copied."""

    def __init__(self, turns: Turns, first: Record, copy: ForkCopy | None) -> None:
        self._turns = turns
        self._recording = turns.recording
        self._first = first
        self._copy = copy
        self._usage = CodexUsage()
        self._items = CodexItems(turns, self._ensure_turn, self._begin_compaction)
        self._prompts = Twins()
        self._copies = PromptCopies(turns.recording)
        self._task: Record | None = None  # its task_started, while no turn is begun for it
        self._native_turn: str | None = None  # the open turn's own id, if a task began it
        self._in_task = False
        self._error: str | None = None  # the open turn's last error
        self._model: str | None = None
        self._handlers: Mapping[str, Callable[[Json], None]] = {
            "event_msg/task_started": self._task_started,
            "event_msg/task_complete": self._task_complete,
            "event_msg/turn_aborted": self._turn_aborted,
            "event_msg/user_message": self._user_message,
            "event_msg/token_count": self._token_count,
            "event_msg/thread_name_updated": self._thread_name,
            "event_msg/error": self._error_event,
            "event_msg/item_completed": self._item_completed,
            "response_item/message": self._message,
        }

    def take(self, record: Record) -> None:
        payload = mapping(record.body, "payload")
        kind = string(payload, "type")
        full_type = f"{record.type}/{kind}" if kind and record.type != "compacted" else record.type
        if full_type != "event_msg/user_message":
            self._copies.something_else()
        if record is self._first and record.type == "session_meta":
            self._recording.tally.mark(record, "mapped")  # it is what the thread was created from
            return
        if self._copy and self._copy.covers(record):
            self._copied_line(full_type, payload)
        elif handler := self._handlers.get(full_type):
            handler(payload)
        elif record.type == "session_meta":
            self._recording.skip("another session's session_meta")
        elif record.type == "turn_context":
            self._model = name(payload.get("model")) or self._model
            self._recording.skip("turn_context: settings, not a step")
        else:
            self._items.take(full_type, payload)

    def _copied_line(self, full_type: str, payload: Json) -> None:
        if full_type == "event_msg/token_count":
            self._usage.see(payload)
        self._recording.skip("a line of the parent, copied at the fork")

    # ── Turns ─────────────────────────────────────────────────────────────────────────────────────

    def _task_started(self, payload: Json) -> None:
        turn_id = string(payload, "turn_id")
        if self._turns.turn and not self._in_task and not self._items.any_in_turn:
            # The prompt was written before the task it opened.
            self._native_turn, self._in_task = turn_id, True
            self._recording.skip("task_started after the prompt that began the turn")
            return
        self._ensure_task_began()
        self._end_unended()
        self._items.forget_twins()
        self._task = self._recording.record
        self._recording.hold(TASK_HELD)

    def _task_complete(self, payload: Json) -> None:
        self._ensure_task_began()
        if not self._is_open(payload):
            return
        error = string(mapping(payload, "error"), "message")
        if error is None and not string(payload, "last_agent_message"):
            error = self._error
        self._finish(Ending("failed" if error else "completed", error, inferred=False))

    def _turn_aborted(self, payload: Json) -> None:
        self._ensure_task_began()
        if not self._is_open(payload):
            return
        self._turns.interrupt()
        reason = string(payload, "reason") or "interrupted"
        error = None if reason == "interrupted" else f"the turn was {reason}"
        self._finish(Ending("interrupted", error, inferred=False))

    def _is_open(self, payload: Json) -> bool:
        """Whether the turn that this record ends is the open one; else the record is skipped."""
        named = string(payload, "turn_id")
        other = named and self._native_turn and named != self._native_turn
        if self._turns.turn and not other:
            return True
        self._recording.contradiction(NOT_OPEN)
        self._recording.skip(NOT_OPEN)
        return False

    def _finish(self, ending: Ending) -> None:
        self._turns.finish(ending, self._usage.of_turn())
        self._native_turn, self._in_task = None, False

    def _end_unended(self) -> None:
        """Ends the open turn, for another one begins: what the log leaves open must have ended."""
        if not self._turns.turn:
            return
        if self._in_task or self._turns.turn.open_items:
            self._recording.contradiction(NO_END)
            self._finish(Ending("interrupted", NO_END, note=NO_END))
        else:
            self._finish(Ending(note="the next prompt shows that the turn has ended"))

    def _ensure_turn(self) -> None:
        """There is a turn for what comes: the held task's, or one whose beginning is missing."""
        self._ensure_task_began()
        if not self._turns.turn:
            note = "the log does not show what began this turn"
            self._turns.begin_unprompted("(no prompt in the log)", inferred=True, note=note)
            self._began(in_task=False)

    def _ensure_task_began(self) -> None:
        if task := self._task:
            self._turns.begin_unprompted("(no prompt)", by=task, inferred=False)
            self._began(in_task=True)

    def _begin_compaction(self) -> bool:
        """Takes the free slot for a compaction; whether a task did, whose end will be written."""
        task = self._task
        self._turns.begin_compaction(None, by=task)
        self._began(in_task=task is not None)
        return task is not None

    def _began(self, *, in_task: bool) -> None:
        task, self._task = self._task, None
        self._in_task = in_task
        self._native_turn = string(mapping(task.body, "payload"), "turn_id") if task else None
        self._error = None
        self._items.turn_began()
        self._usage.turn_began()

    # ── Prompts ───────────────────────────────────────────────────────────────────────────────────

    def _user_message(self, payload: Json) -> None:
        text = prompt_text(payload)
        if self._prompts.is_first("event", text):
            self._prompt(text)
        else:
            self._recording.skip("user_message: twin of an item_completed")
        self._copies.prompt(payload)

    def _prompt(self, text: str) -> None:
        if not text.strip():
            self._recording.skip("an empty prompt")
        elif self._in_task and self._turns.active.kind == "compaction":
            self._recording.contradiction(NOT_STEERABLE)
            self._turns.record_item("status", NOT_STEERABLE, text, note=NOT_STEERABLE)
        elif self._in_task:
            input_id = self._turns.submit(text, delivery="steer", model=self._model)
            self._turns.take_steer(input_id)
        else:
            self._end_unended()
            task = self._task
            if task is None:
                self._items.forget_twins()
            self._turns.submit(text, model=self._model)
            self._began(in_task=task is not None)
            if task:
                self._recording.skip("task_started: its turn began with the prompt", task)

    def _message(self, payload: Json) -> None:
        role = string(payload, "role")
        parts = (string(part, "text") for part in objects(payload.get("content")))
        text = "\n".join(part for part in parts if part)
        if role == "assistant":
            self._items.agent_message("response", text, payload)
        elif role != "user":
            self._recording.skip(f"injected message ({name(role) or 'no role'})")
        else:
            self._copies.message(text)

    # ── The rest ──────────────────────────────────────────────────────────────────────────────────

    def _item_completed(self, payload: Json) -> None:
        item = mapping(payload, "item")
        if string(item, "type") != "UserMessage":
            self._items.item_completed(item)
            return
        text = content_text(item.get("content"))
        if self._prompts.is_first("item", text):
            self._prompt(text)
        else:
            self._recording.skip("item_completed: twin of a user_message")

    def _error_event(self, payload: Json) -> None:
        message = string(payload, "message") or "an error without a message"
        self._ensure_task_began()
        if not self._turns.turn:
            self._recording.skip("error outside a turn")
            return
        self._error = message
        self._turns.record_item("error", message, message, {"error": payload})

    def _token_count(self, payload: Json) -> None:
        self._usage.see(payload)
        self._recording.skip("token_count: in the usage of its turn")

    def _thread_name(self, payload: Json) -> None:
        self._turns.rename(string(payload, "thread_name"))
