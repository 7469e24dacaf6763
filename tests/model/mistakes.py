"""Ways to be wrong: each makes a wrong function of a right one. `bugs.py` says which of which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from domain import inbox as inboxes
from domain.command import Command
from domain.errors import Refused, ThreadBusy
from domain.events.base import Event
from domain.events.prompt import QueueReleased
from domain.execution import Execution, Intent
from domain.inbox import Inbox, Prompt
from domain.outcome import Outcome
from domain.ports import Fence, Uncommitted
from domain.replacing import replace
from domain.thread import Thread
from domain.turn import Turn

Anything = Callable[..., Any]
Wrong = Callable[[Anything], Anything]


def changed(kind: type[Event], **fields: object) -> Wrong:
    """The decision, but its events of this kind say something else."""

    def wrong(right: Anything) -> Anything:
        return lambda *args: tuple(
            e.model_copy(update=fields) if isinstance(e, kind) else e for e in right(*args)
        )

    return wrong


def without(kind: type[Event]) -> Wrong:
    """The decision, but its events of this kind are missing."""

    def wrong(right: Anything) -> Anything:
        return lambda *args: tuple(e for e in right(*args) if not isinstance(e, kind))

    return wrong


def turn_changed(**fields: Any) -> Wrong:
    """The decision, but it takes the active turn for another one."""

    def wrong(right: Anything) -> Anything:
        def decide(*args: Any) -> Any:
            thread = args[-1]
            assert isinstance(thread, Thread)
            turn = replace(thread.turn, **fields) if thread.turn else None
            return right(*args[:-1], replace(thread, turn=turn))

        return decide

    return wrong


def nothing(_right: Anything) -> Anything:
    """No event comes of it."""
    return lambda *_: ()


def none(_right: Anything) -> Anything:
    """It answers None."""
    return lambda *_: None


def inbox_as_it_was(_right: Anything) -> Anything:
    """What happens to the inbox is forgotten."""
    return lambda _event, inbox: inbox


# ── One each ─────────────────────────────────────────────────────────────────────────────────────


def wherever_the_log_ends(right: Anything) -> Anything:
    """An append is not refused when somebody else was first."""

    def append(
        self: Execution, events: Sequence[Event], thread: Thread, fence: Fence | None
    ) -> Outcome:
        now = len(self._log.read_thread(thread.thread_id))
        outcome: Outcome = right(self, events, replace(thread, seq=now), fence)
        return outcome

    return append


def last_first(right: Anything) -> Anything:
    def next_to_run(inbox: Inbox) -> Prompt | None:
        chosen: Prompt | None = right(inbox)
        queued = [p for p in inbox if p.state == "pending" and p.delivery == "queue"]
        return queued[-1] if chosen is not None and chosen.delivery == "queue" else chosen

    return next_to_run


def admitted_before_the_check(right: Anything) -> Anything:
    def run(self: Execution, intent: Intent) -> Outcome:
        def left_behind(command: Command, thread: Thread) -> tuple[Event, ...]:
            return (QueueReleased(**command.header(thread.thread_id), input_ids=()),)

        try:
            outcome: Outcome = right(self, intent)
        except ThreadBusy:
            right(self, replace(intent, decide=left_behind))
            raise
        return outcome

    return run


def refused_from_memory(right: Anything) -> Anything:
    """A refusal is final, though it was decided on an old state."""

    def run(self: Execution, intent: Intent) -> Outcome:
        refusals: list[Refused] = []

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            if refusals:
                raise refusals[0]
            try:
                return intent.decide(command, thread)
            except Refused as refusal:
                refusals.append(refusal)
                raise

        outcome: Outcome = right(self, replace(intent, decide=decide))
        return outcome

    return run


def waits_behind_the_held(right: Anything) -> Anything:
    def decide(*args: Any) -> tuple[Event, ...]:
        thread = args[-1]
        events: tuple[Event, ...] = right(*args)
        return events[:1] if thread.turn is None and inboxes.held(thread.inbox) else events

    return decide


def remembers_another_state(right: Anything) -> Anything:
    def numbered(events: Sequence[Event], thread: Thread) -> tuple[list[Uncommitted], Thread]:
        entries, after = right(events, thread)
        return entries, replace(after, inbox=thread.inbox)

    return numbered


def version_again(right: Anything) -> Anything:
    def numbered(events: Sequence[Event], thread: Thread) -> tuple[list[Uncommitted], Thread]:
        entries, after = right(events, thread)
        return [*entries[:-1], entries[-1]._replace(version=entries[-1].version - 1)], after

    return numbered


def any_turn(right: Anything) -> Anything:
    def decide(turn_id: str, queued: Any, command: Command, thread: Thread) -> Any:
        return right(thread.turn.turn_id if thread.turn else turn_id, queued, command, thread)

    return decide


def forgets_failures(right: Anything) -> Anything:
    return lambda turn_id, command, thread: right(turn_id, command, replace(thread, failures=0))


def milder_again(right: Anything) -> Anything:
    def request(queued: Any, turn: Turn, command: Command, thread: Thread) -> Any:
        return right(queued, replace(turn, interrupt=None), command, thread)

    return request


def always_last(_right: Anything) -> Anything:
    return lambda _place, _anchor, rest: len(rest)


def aims_at_anything(_right: Anything) -> Anything:
    return lambda thread: thread.turn.turn_id if thread.turn else "turn_9"


def of_any_turn(right: Anything) -> Anything:
    """Whichever turn a worker means, it is the active one that it gets."""

    def active(self: Thread, turn_id: str) -> Turn:
        turn: Turn = right(self, self.turn.turn_id if self.turn else turn_id)
        return turn

    return active
