"""Claude Code: where turns begin and end.

No record says it reliably. A turn ends at an interrupt, at a `turn_duration` record, when a stop
hook has run after the model's last words, and else when the next one begins.
"""

from __future__ import annotations

from typing import Final

from adapters.importers.claude_usage import ClaudeUsage
from adapters.importers.claude_waiting import Entry, Waiting
from adapters.importers.records import Record
from adapters.importers.turns import Ending, Turns
from domain.events.prompt import PromptOrigin

NO_END: Final = "the turn's end is not in the log"
NO_BEGINNING: Final = "the log does not show what began this turn"
WAITS: Final = "says that a turn is over; its end comes when the queue goes on"
NOT_OPEN: Final = "says that a turn is over that has ended already"


class Flow:
    """The turns of one log. `over` is set when the open one is known to have ended, but what waits
    in the queue has not been seen to go on: its end would start that (L5)."""

    def __init__(self, turns: Turns, waiting: Waiting) -> None:
        self._turns = turns
        self._recording = turns.recording
        self._waiting = waiting
        self.usage = ClaudeUsage()
        self.over: Ending | None = None
        self.had_output = False

    def begin(self, text: str, origin: PromptOrigin) -> None:
        """A prompt that was not queued begins a turn."""
        if self._turns.turn:
            self._waiting.step_aside()
            self._finish(self._ending())
        self._turns.submit(text, origin=origin)
        self._began()

    def begin_queued(self, entry: Entry, by: Record) -> None:
        """A prompt that has just left the queue begins a turn."""
        if self._turns.turn:
            self._waiting.put_first(entry, by)
            self._finish(self._ending(), by=by)
        if self._turns.turn is None:
            if entry.input_id is None:
                self._turns.submit(entry.text, by=entry.record)
            else:
                self._turns.release(entry.input_id, by=by)
        self._began()

    def begin_compaction(self, reason: str | None) -> None:
        """A compaction that was asked for is a turn of its own."""
        if self._turns.turn:
            self._waiting.step_aside()
            self._finish(self._ending())
        self._turns.begin_compaction(reason)
        self._began()

    def ensure_turn(self) -> None:
        """There is a turn for what comes, one without a beginning if need be."""
        if self._turns.turn is None:
            self._turns.begin_unprompted("(no prompt in the log)", inferred=True, note=NO_BEGINNING)
            self._began()

    def went_on(self) -> None:
        """The model did something: whatever said that the turn was over was wrong."""
        self.over = None
        self.had_output = True

    def end(self, ending: Ending) -> None:
        """The open turn has ended. With prompts pending, the log must show first which goes on."""
        if self._turns.turn is None:
            self._recording.skip(NOT_OPEN)
        elif self._turns.pending:
            self.over = ending
            self._recording.skip(WAITS)
        else:
            self._finish(ending)

    def interrupt(self) -> None:
        """The user stopped the open turn."""
        if self._turns.turn is None:
            self._recording.contradiction("an interrupt of no turn")
            self._recording.skip("an interrupt of no turn")
            return
        self._turns.interrupt()
        self._finish(Ending("interrupted", inferred=False))

    def _ending(self) -> Ending:
        """How the open turn must have ended, now that the next one begins."""
        if self.over:
            return self.over
        if self._turns.active.open_items:
            self._recording.contradiction(NO_END)
            return Ending("interrupted", NO_END, note=NO_END)
        return Ending(note="the next prompt shows that the turn has ended")

    def _finish(self, ending: Ending, by: Record | None = None) -> None:
        self._turns.finish(ending, self.usage.take(), by=by)
        self.over = None

    def _began(self) -> None:
        self.over = None
        self.had_output = False
        self._waiting.admit_all()
