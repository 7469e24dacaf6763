"""Claude Code's queue as prompts that wait in a thread.

What is typed while a turn runs goes into that turn at its next step, or, if there is none, begins
the next one. That is a steer, but for one thing: a turn of ours never ends over a steer it could
take in (L6). Nor may one queued prompt overtake another (L3). Where the log does either, the
prompts concerned are withdrawn and sent again in the way that allows it, and every such event says
so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from adapters.importers.records import Record
from adapters.importers.turns import Turns
from domain import inbox as inboxes
from domain.inbox import Prompt
from domain.options import Delivery

QUEUED_HELD: Final = "queued while no turn ran; the log must show what became of it"

ENDED_OVER: Final = "a turn ended over a message it could have taken in (L6)"
OVERTAKEN: Final = "a prompt overtook those queued before it (L3)"
TAKEN_IN: Final = "a prompt that waited for a turn of its own was taken into another (L3)"


@dataclass(slots=True, eq=False)
class Entry:
    """An entry of the program's queue, in `record`. `input_id` is its prompt's id once admitted.

    A `notice` comes from background work, an `unknown` entry has no content: neither is a prompt.
    `set_aside` says that its prompt was withdrawn once to let another go first.
    """

    kind: Literal["prompt", "notice", "unknown"]
    text: str
    record: Record
    input_id: str | None = None
    set_aside: bool = False


class Waiting:
    """The entries in queue order, and their prompts in the inbox."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._recording = turns.recording
        self.entries: list[Entry] = []

    def add(self, entry: Entry, *, turn_is_over: bool) -> None:
        """Puts an entry at the end. On a free slot a prompt would run at once, so it is held back
        until the log shows that it did."""
        self.entries.append(entry)
        if self._turns.turn:
            self.admit_all(turn_is_over=turn_is_over)
        elif entry.kind == "prompt":
            self._recording.hold(QUEUED_HELD, entry.record)

    def admit_all(self, *, turn_is_over: bool = False) -> None:
        """Admits what is not admitted yet, now that a turn holds the slot."""
        turn = self._turns.active
        steers = turn.kind == "prompt" and turn.steerable and not turn_is_over
        delivery: Delivery = "steer" if steers else "queue"
        for entry in self.entries:
            if entry.kind != "prompt" or entry.input_id is not None:
                continue
            if entry.set_aside:
                entry.input_id = self._turns.submit(
                    entry.text, delivery=delivery, inferred=True, note=OVERTAKEN
                )
            else:
                entry.input_id = self._turns.submit(entry.text, delivery=delivery, by=entry.record)

    def absorb(self, entry: Entry) -> None:
        """The entry, which is no longer queued, enters the running turn."""
        if entry.input_id is None:
            entry.input_id = self._turns.submit(entry.text, delivery="steer", by=entry.record)
        elif self._prompt(entry).state == "held":
            self._turns.release(entry.input_id, note="taken in after it was held")
        if self._prompt(entry).delivery != "steer":
            self._send_again(entry, "steer", TAKEN_IN)
        for prompt in inboxes.steers(self._turns.inbox):
            if prompt.input_id == entry.input_id:
                break
            self._send_again(self._entry(prompt), "steer", OVERTAKEN)
        self._turns.take_steer(entry.input_id)

    def put_first(self, entry: Entry, by: Record) -> None:
        """The entry, which is no longer queued, is what the end of the turn will start."""
        if entry.input_id is None:
            entry.input_id = self._turns.submit(entry.text, delivery="queue", by=entry.record)
        elif self._prompt(entry).state == "held":
            self._turns.release(entry.input_id, by=by)
        pending = self._turns.pending
        others = [self._entry(p) for p in pending if p.input_id != entry.input_id]
        if pending[0].input_id != entry.input_id:
            late, why = [entry, *others], OVERTAKEN
        elif pending[0].delivery == "steer":
            late, why = [entry, *others], ENDED_OVER
        else:
            steers = {prompt.input_id for prompt in inboxes.steers(pending)}
            late, why = [other for other in others if other.input_id in steers], ENDED_OVER
        for each in late:
            self._send_again(each, "queue", why)

    def step_aside(self) -> None:
        """Withdraws what the turn's end would start; `admit_all` sends it again."""
        for prompt in self._turns.pending:
            self._recording.contradiction(OVERTAKEN)
            self._turns.withdraw(prompt.input_id, inferred=True, note=OVERTAKEN)
            entry = self._entry(prompt)
            entry.input_id, entry.set_aside = None, True

    def take_back(self) -> None:
        """All entries go back to where they were typed."""
        for entry in self.entries:
            if entry.input_id is not None:
                self._turns.withdraw(entry.input_id)
            elif entry.kind == "prompt":
                self._recording.skip("queued and taken back while no turn ran", entry.record)
        self.entries.clear()

    def _send_again(self, entry: Entry, delivery: Delivery, why: str) -> None:
        """The same words as a new prompt, last in the inbox, with that delivery."""
        assert entry.input_id is not None
        self._recording.contradiction(why)
        text = self._prompt(entry).text
        self._turns.withdraw(entry.input_id, inferred=True, note=why)
        entry.input_id = self._turns.submit(text, delivery=delivery, inferred=True, note=why)

    def _prompt(self, entry: Entry) -> Prompt:
        prompt = inboxes.find(entry.input_id or "", self._turns.inbox)
        assert prompt is not None
        return prompt

    def _entry(self, prompt: Prompt) -> Entry:
        """The entry of a waiting prompt: nothing else of a log waits in its thread's inbox."""
        return next(entry for entry in self.entries if entry.input_id == prompt.input_id)
