"""Thread: the aggregate that owns the inbox and the slot, as folded state.

The state is folded from all events of the thread, its own and its turns', in `seq` order; the slot
holds the active turn's own state. So one value is all a decision needs, and `seq` names exactly
what was known when it was made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch
from typing import Final

from domain import inbox as inboxes
from domain import turn as turns
from domain.errors import (
    ImpossibleEvent,
    ThreadIsArchived,
    ThreadIsImported,
    ThreadNotFound,
    TurnNotActive,
)
from domain.events.base import Event, TurnEvent
from domain.events.prompt import (
    PromptAdmitted,
    PromptEdited,
    PromptMoved,
    PromptPromoted,
    PromptRedelivered,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.thread import (
    ThreadArchived,
    ThreadCreated,
    ThreadRolledBack,
    ThreadUnarchived,
    ThreadUpdated,
)
from domain.events.turn import TurnCompleted, TurnStarted
from domain.inbox import Inbox
from domain.options import ThreadSettings
from domain.replacing import replace
from domain.turn import Turn

# To be raised whenever the state gets another shape, or the same events another state: snapshots of
# the old one are not used then. (A test notices both, if its kept histories have such events.)
FOLD_VERSION: Final = 2
# After this many failed turns without a completed one between them the drain holds (L16).
FAILURES_BEFORE_HOLD: Final = 3


@dataclass(frozen=True, slots=True)
class TurnInContext:
    """A turn whose items the model sees; `prompted` if a user message opened it."""

    turn_id: str
    prompted: bool


@dataclass(frozen=True)
class Thread:
    """A thread after `seq` events, of which `version` are its own.

    `turn` is the slot: the active turn, or None when the slot is free. `failures` counts failed
    turns since the last completed one or release.
    """

    thread_id: str
    seq: int = 0
    version: int = 0
    title: str | None = None
    settings: ThreadSettings = ThreadSettings()
    archived: bool = False
    imported: bool = False
    inbox: Inbox = ()
    turn: Turn | None = None
    failures: int = 0
    context: tuple[TurnInContext, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether the thread was ever created."""
        return self.seq > 0

    def known(self) -> Thread:
        """This thread, or `ThreadNotFound`."""
        if not self.exists:
            raise ThreadNotFound(thread_id=self.thread_id)
        return self

    def writable(self) -> Thread:
        """This thread if it exists and may go on, else why it may not."""
        self.known()
        if self.archived:
            raise ThreadIsArchived(thread_id=self.thread_id)
        return self

    def active(self, turn_id: str) -> Turn:
        """The active turn if it is that one, else `TurnNotActive`."""
        self.known()
        if self.turn is None or self.turn.turn_id != turn_id:
            raise TurnNotActive(
                thread_id=self.thread_id,
                turn_id=turn_id,
                active_turn_id=self.turn.turn_id if self.turn else None,
            )
        return self.turn

    def native(self) -> Thread:
        """This thread if it is our own; imported history takes no commands."""
        if self.imported:
            raise ThreadIsImported(thread_id=self.thread_id)
        return self


def fold(thread: Thread, events: Iterable[Event]) -> Thread:
    """`thread` after all `events`."""
    for event in events:
        thread = evolve(thread, event)
    return thread


def evolve(thread: Thread, event: Event) -> Thread:
    """`thread` after `event`, which must be the next of its history."""
    if isinstance(event, TurnEvent):
        return _apply_turn(event, thread, thread.seq + 1)
    return replace(_apply(event, thread), seq=thread.seq + 1, version=thread.version + 1)


def _apply_turn(event: TurnEvent, thread: Thread, seq: int) -> Thread:
    if type(event) is TurnStarted:  # pydantic's isinstance takes ten times as long to say no
        if thread.turn is not None:
            raise _impossible(event, thread)
        entry = TurnInContext(event.turn_id, event.input_id is not None)
        context = (*thread.context, entry)
        return replace(thread, seq=seq, turn=turns.started(event), context=context)
    if thread.turn is None or thread.turn.turn_id != event.turn_id:
        raise _impossible(event, thread)
    turn = turns.evolve(thread.turn, event)
    if type(event) is not TurnCompleted:
        return replace(thread, seq=seq, turn=turn)
    return replace(thread, seq=seq, turn=None, failures=_failures(event, thread.failures))


def _impossible(event: TurnEvent, thread: Thread) -> ImpossibleEvent:
    slot = f"{thread.turn.turn_id} holds" if thread.turn else "no turn holds"
    why = f"{event.name} of {event.turn_id}, while {slot} the slot"
    return ImpossibleEvent(thread_id=thread.thread_id, seq=thread.seq + 1, why=why)


def _failures(event: TurnCompleted, before: int) -> int:
    if event.status == "completed":
        return 0
    # An interrupted turn says nothing about the engine: a recovered one proves no health either.
    return before + 1 if event.status == "failed" else before


@singledispatch
def _apply(event: Event, thread: Thread) -> Thread:
    raise TypeError(f"a thread does not know {type(event).__name__}")


@_apply.register
def _(event: ThreadCreated, thread: Thread) -> Thread:
    imported = event.origin is not None and event.origin.kind == "imported"
    return replace(thread, title=event.title, settings=event.settings, imported=imported)


@_apply.register
def _(event: ThreadUpdated, thread: Thread) -> Thread:
    return replace(thread, title=event.title, settings=event.settings)


@_apply.register
def _(event: ThreadArchived, thread: Thread) -> Thread:
    return replace(thread, archived=True)


@_apply.register
def _(event: ThreadUnarchived, thread: Thread) -> Thread:
    return replace(thread, archived=False)


@_apply.register
def _(event: ThreadRolledBack, thread: Thread) -> Thread:
    gone = frozenset(event.turn_ids)
    return replace(thread, context=tuple(t for t in thread.context if t.turn_id not in gone))


@_apply.register
def _(event: PromptAdmitted, thread: Thread) -> Thread:
    return replace(thread, inbox=inboxes.enter(inboxes.admitted(event), thread.inbox))


@_apply.register(PromptPromoted)
@_apply.register(PromptWithdrawn)
def _(event: PromptPromoted | PromptWithdrawn, thread: Thread) -> Thread:
    return replace(thread, inbox=inboxes.leave(event.input_id, thread.inbox))


@_apply.register
def _(event: PromptEdited, thread: Thread) -> Thread:
    return replace(thread, inbox=inboxes.edit(event, thread.inbox))


@_apply.register
def _(event: PromptRedelivered, thread: Thread) -> Thread:
    return replace(thread, inbox=inboxes.redeliver(event, thread.inbox))


@_apply.register
def _(event: PromptMoved, thread: Thread) -> Thread:
    if sorted(event.input_ids) != sorted(prompt.input_id for prompt in thread.inbox):
        why = f"{event.name} of {event.input_id} names other prompts than those that wait"
        raise ImpossibleEvent(thread_id=thread.thread_id, seq=thread.seq + 1, why=why)
    return replace(thread, inbox=inboxes.reorder(event, thread.inbox))


@_apply.register
def _(event: QueueHeld, thread: Thread) -> Thread:
    return replace(thread, inbox=inboxes.hold(frozenset(event.input_ids), thread.inbox))


@_apply.register
def _(event: QueueReleased, thread: Thread) -> Thread:
    released = inboxes.release(frozenset(event.input_ids), thread.inbox)
    return replace(thread, inbox=released, failures=0)
