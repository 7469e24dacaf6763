"""Claude Code: what `queue-operation` records say, and the user records that go with them.

enqueue has the text; dequeue, which starts a turn, has none, but a user record with it follows;
remove means that the running turn took the prompt in; popAll that the user took all back. Without
content the head of the queue is meant.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from adapters.importers.claude_flow import Flow
from adapters.importers.claude_text import is_notification
from adapters.importers.claude_waiting import Entry, Waiting
from adapters.importers.records import Record
from adapters.importers.turns import Turns
from adapters.importers.values import string
from domain.events.base import Json
from domain.events.prompt import PromptOrigin

DEQUEUE_HELD: Final = "a dequeue waits for the prompt it has started"
EMPTY_QUEUE: Final = "a dequeue met an empty queue"
OTHER_TEXT: Final = "a dequeued prompt was sent with another text"
UNQUEUED: Final = "a prompt was taken in that was never queued"
NOT_STEERABLE: Final = "a prompt was taken in while the context was compacted"
NO_DEQUEUE: Final = "a queued prompt was sent without a dequeue"


class Queue:
    """The queue of one log."""

    def __init__(self, turns: Turns, flow: Flow, waiting: Waiting) -> None:
        self._turns = turns
        self._recording = turns.recording
        self._flow = flow
        self._waiting = waiting
        self._dequeues: list[Record] = []  # those whose user record has not come yet
        self._sent: list[str] = []  # prompts that began before their user record came
        self._taken_in: Counter[str] = Counter()  # texts that steered, for their twins

    def operation(self, body: Json) -> None:
        """One `queue-operation` record."""
        content = string(body, "content")
        match string(body, "operation"):
            case "enqueue":
                self._enqueue(content)
            case "dequeue":
                self._dequeues.append(self._recording.record)
                self._recording.hold(DEQUEUE_HELD)
            case "remove":
                self.settle()
                self._remove(content)
            case "popAll":
                self.settle()
                self._recording.skip("popAll of an empty queue")
                self._waiting.take_back()
            case _:
                self._recording.skip("an unknown queue-operation")

    def send(self, text: str, origin: PromptOrigin) -> None:
        """A user record that begins a turn: of a prompt from the queue, or of a new one."""
        if any(_same(sent, text) for sent in self._sent):
            self._recording.skip("user record: its prompt was queued, and has begun")
            return
        self._sent = []
        dequeues, self._dequeues = self._dequeues, []
        entries = self._entries_for(text, origin, len(dequeues))
        if entries:
            self._send_queued(entries, text, origin, dequeues)
            return
        for dequeue in dequeues:
            self._recording.contradiction(EMPTY_QUEUE)
            self._recording.skip(EMPTY_QUEUE, dequeue)
        self._flow.begin(text, origin)

    def settle(self) -> None:
        """Something else came than the user record of a dequeue: the head of the queue began."""
        dequeues, self._dequeues = self._dequeues, []
        entries = self._waiting.entries[: len(dequeues)]
        for dequeue in dequeues[len(entries) :]:
            self._recording.contradiction(EMPTY_QUEUE)
            self._recording.skip(EMPTY_QUEUE, dequeue)
        prompts = [entry for entry in entries if entry.kind == "prompt"]
        for entry, dequeue in zip(entries, dequeues, strict=False):
            self._recording.skip(f"dequeue of a {entry.kind}", dequeue)
            if entry.kind != "prompt":
                self._waiting.entries.remove(entry)
        if prompts:
            self._begin(prompts, dequeues[0])
            self._sent = [entry.text for entry in prompts]

    def attached(self, text: str) -> None:
        """An attachment that shows a prompt the running turn took in; the queue says so, too."""
        queued = any(_same(entry.text, text) for entry in self._waiting.entries)
        if not text.strip():
            self._recording.skip("attachment (queued_command): without text")
        elif queued or self._take_twin(text):
            self._recording.skip("attachment (queued_command): twin of the queue's remove")
        elif is_notification(text):
            self._recording.skip("attachment (queued_command): a notification")
        else:
            self._recording.contradiction(UNQUEUED)
            self.steer(text)
            self._taken_in[text.strip()] += 1

    def steer(self, text: str) -> None:
        """Words that went into the running turn without having been queued."""
        self._flow.ensure_turn()
        if self._turns.active.kind == "compaction":
            self._recording.contradiction(NOT_STEERABLE)
            self._turns.record_item("status", NOT_STEERABLE, text, note=NOT_STEERABLE)
            return
        self._flow.over = None
        self._waiting.absorb(Entry("prompt", text, self._recording.record))

    # ── Operations ────────────────────────────────────────────────────────────────────────────────

    def _enqueue(self, content: str | None) -> None:
        record = self._recording.record
        if content is None or not content.strip():
            self._recording.skip("enqueue without content")
            entry = Entry("unknown", "", record)
        elif is_notification(content) or content.lstrip().startswith('{"task_id"'):
            self._notice(content)
            entry = Entry("notice", content, record)
        else:
            entry = Entry("prompt", content, record)
        self._waiting.add(entry, turn_is_over=self._flow.over is not None)

    def _notice(self, content: str) -> None:
        if self._turns.turn:
            self._turns.record_item("status", "queued notification", content)
        else:
            self._recording.skip("queued notification outside a turn")

    def _remove(self, content: str | None) -> None:
        entry = self._find(content) if content else next(iter(self._waiting.entries), None)
        if entry is None:
            self._removed_unknown(content)
            return
        self._waiting.entries.remove(entry)
        if entry.kind != "prompt":
            self._recording.skip(f"remove of a {entry.kind}")
            return
        self._flow.ensure_turn()
        self._flow.over = None
        if self._turns.active.kind == "compaction":
            self._recording.contradiction(NOT_STEERABLE)
            if entry.input_id:
                self._turns.withdraw(entry.input_id, note=NOT_STEERABLE)
            return
        self._waiting.absorb(entry)
        self._taken_in[entry.text.strip()] += 1

    def _removed_unknown(self, content: str | None) -> None:
        if content and self._take_twin(content):
            self._recording.skip("remove: twin of an attachment")
        elif content and content.strip() and not is_notification(content):
            self._recording.contradiction(UNQUEUED)
            self.steer(content)
            self._taken_in[content.strip()] += 1
        else:
            self._recording.contradiction("a remove met an empty queue")
            self._recording.skip("a remove met an empty queue")

    # ── Which entries a user record is about ──────────────────────────────────────────────────────

    def _entries_for(self, text: str, origin: PromptOrigin, dequeues: int) -> list[Entry]:
        """The entries that a user record sends, the first of them its turn's prompt."""
        waiting = self._waiting.entries
        if entry := self._find(text):
            if dequeues == 0:
                self._recording.contradiction(NO_DEQUEUE)
            return [entry]
        together = waiting[:dequeues]
        if dequeues > 1 and _same("\n".join(entry.text for entry in together), text):
            return together
        if dequeues and origin == "notification":
            notice = next((entry for entry in waiting if entry.kind == "notice"), None)
            return [notice] if notice else []
        return together[:1] if together and together[0].kind != "prompt" else together

    def _send_queued(
        self, entries: list[Entry], text: str, origin: PromptOrigin, dequeues: list[Record]
    ) -> None:
        for dequeue in dequeues:
            self._recording.skip("dequeue: told with its prompt", dequeue)
        by = dequeues[0] if dequeues else self._recording.record
        if entries[0].kind != "prompt":
            self._waiting.entries.remove(entries[0])
            self._flow.begin(text, origin)
            return
        self._recording.skip("user record: twin of the queued prompt")
        self._begin(entries, by)
        if not _same("\n".join(entry.text for entry in entries), text):
            self._recording.contradiction(OTHER_TEXT)
            self._turns.record_item("status", OTHER_TEXT, text, note=OTHER_TEXT)

    def _begin(self, entries: list[Entry], by: Record) -> None:
        """The first of the entries begins a turn, the others go into it."""
        first, *others = entries
        self._waiting.entries.remove(first)
        self._flow.begin_queued(first, by)
        for other in others:
            self._waiting.entries.remove(other)
            if other.kind == "prompt":
                self._waiting.absorb(other)

    def _find(self, text: str) -> Entry | None:
        return next((e for e in self._waiting.entries if _same(e.text, text)), None)

    def _take_twin(self, text: str) -> bool:
        found = self._taken_in[text.strip()] > 0
        self._taken_in[text.strip()] -= found
        return found


def _same(one: str, other: str) -> bool:
    return bool(one.strip()) and one.strip() == other.strip()
