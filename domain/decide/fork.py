"""Fork a thread: a new one that begins with a copy of the history up to a point.

The copy is whole and stands for itself: it has ids of its own, and all laws hold for it. It takes
no part in what the parent's events did elsewhere: it has none of its receipts (a retry goes to the
parent), and its tokens are not counted again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from domain import ids
from domain.command import Command
from domain.decide.finish import decide_finish
from domain.decide.lifecycle import clean_title
from domain.errors import InvalidArgument, ThreadExists, TurnNotFound
from domain.events.base import FORK, Event, Source
from domain.events.prompt import PromptWithdrawn
from domain.events.thread import (
    ForkPoint,
    ThreadArchived,
    ThreadCreated,
    ThreadUnarchived,
    ThreadUpdated,
)
from domain.events.turn import TurnCompleted, TurnStarted
from domain.ports import Recorded
from domain.thread import Thread, fold

FORKED: Final = "the thread was forked here"
LEFT_BEHIND: Final = "it waits in the thread that was forked"
# The parent's own life. Title and settings come with the fork's first event, as they were then.
NOT_COPIED: Final = (ThreadCreated, ThreadUpdated, ThreadArchived, ThreadUnarchived)
# Everything by which events name turns, items, prompts and approvals.
NAMES: Final[Mapping[str, ids.Prefix]] = {
    "turn_id": "turn",
    "target_turn_id": "turn",
    "turn_ids": "turn",
    "item_id": "item",
    "input_id": "inp",
    "input_ids": "inp",
    "approval_id": "appr",
}

Rename = Callable[[ids.Prefix, str], str]


def find_cut(turn_id: str | None, seq: int | None, history: Sequence[Recorded]) -> int:
    """How many events of the history come along: up to the end of that turn (or all, if it runs),
    up to that event, or all.

    A command is copied whole or not at all; but what follows the end of a turn is another turn's,
    or nobody's. `TurnNotFound`, `InvalidArgument`.
    """
    if turn_id is not None and seq is not None:
        raise InvalidArgument(what="The place to fork at", why="give a turn or a seq, not both")
    if turn_id is not None:
        return _end_of(turn_id, history)
    if seq is None:
        return len(history)
    if not 1 <= seq <= len(history):
        why = f"the thread has events 1 to {len(history)}"
        raise InvalidArgument(what=f"The seq {seq}", why=why)
    while seq > 1 and not _may_end(seq, history):
        seq -= 1
    return seq


def _end_of(turn_id: str, history: Sequence[Recorded]) -> int:
    begun = False
    for entry in history:
        match entry.event:
            case TurnStarted() as event if event.turn_id == turn_id:
                begun = True
            case TurnCompleted() as event if event.turn_id == turn_id:
                return entry.seq
            case _:
                pass
    if not begun:
        raise TurnNotFound(thread_id=history[0].event.thread_id, turn_id=turn_id)
    return len(history)


def _may_end(seq: int, history: Sequence[Recorded]) -> bool:
    """Whether a history may end with the event of that seq."""
    event = history[seq - 1].event
    if seq == len(history) or isinstance(event, TurnCompleted):
        return True
    return _decided_by(event) != _decided_by(history[seq].event)


def decide_fork(
    history: Sequence[Recorded], title: str | None, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """The new thread, with the history as it is here; `ThreadExists`.

    What waits in the inbox stays behind, so it is withdrawn in the copy; a turn that runs is
    interrupted there. Both are marked as inferred.
    """
    if thread.exists:
        raise ThreadExists(thread_id=thread.thread_id)
    parent_id, cut = history[0].event.thread_id, history[-1].seq
    parent = fold(Thread(parent_id), (entry.event for entry in history))
    header = command.header(thread.thread_id)
    created = ThreadCreated(
        **header,
        title=parent.title,
        settings=parent.settings,
        forked_from=ForkPoint(thread_id=parent_id, seq=cut),
    )
    rename = functools.cache(command.mint)
    copies = tuple(
        _copy(entry, rename, command, thread)
        for entry in history
        if not isinstance(entry.event, NOT_COPIED)
    )
    closing = _closing(cut, copies, command, fold(thread, (created, *copies)))
    # Last, so that the fork is as new as it is, and not as old as what it copies.
    named = ThreadUpdated(
        **header, title=clean_title(title) or parent.title, settings=parent.settings
    )
    return (created, *copies, *closing, named)


def _copy(entry: Recorded, rename: Rename, command: Command, thread: Thread) -> Event:
    event = entry.event
    before = event.source
    update: dict[str, object] = {
        "thread_id": thread.thread_id,
        "command_id": command.command_id,
        "receipt": None,
        "source": Source(
            format=FORK,
            line=entry.seq,
            record=_decided_by(event),
            time=before.time if before else None,
            inferred=before is not None and before.inferred,
            note=before.note if before else None,
        ),
    }
    for name in _names_in(type(event)):
        match getattr(event, name):
            case str() as one:
                update[name] = rename(NAMES[name], one)
            case tuple() as several:
                update[name] = tuple(rename(NAMES[name], one) for one in several)
            case _:
                pass
    if isinstance(event, TurnCompleted):
        update["usage"] = None
    return event.model_copy(update=update)


@functools.cache
def _names_in(cls: type[Event]) -> tuple[str, ...]:
    return tuple(name for name in NAMES if name in cls.model_fields)


def _decided_by(event: Event) -> str:
    """The command that decided it, also if it has been copied before."""
    copied_from = event.source.record if event.source and event.copied else None
    return copied_from or event.command_id


def _closing(
    cut: int, copies: Sequence[Event], command: Command, thread: Thread
) -> tuple[Event, ...]:
    """Nothing waits and nothing runs: as part of the last decision that was copied, for only
    together with that it is one the laws allow."""
    header = command.header(thread.thread_id)
    last = _decided_by(copies[-1]) if copies else None
    left = tuple(
        PromptWithdrawn(**header, input_id=p.input_id, text=p.text, reason="user")
        for p in thread.inbox
    )
    ended: tuple[Event, ...] = ()
    if thread.turn is not None:
        after = fold(thread, left)
        turn_id = thread.turn.turn_id
        ended = decide_finish(turn_id, "interrupted", FORKED, None, command, after)

    def inferred(event: Event, note: str) -> Event:
        source = Source(format=FORK, line=cut, record=last, inferred=True, note=note)
        return event.model_copy(update={"source": source})

    return (
        *(inferred(event, LEFT_BEHIND) for event in left),
        *(inferred(event, FORKED) for event in ended),
    )
