"""The pure fold of a thread's history into the rows of the read models.

It is a second implementation of what `sql/` says, written from the meaning of the events and on the
domain's own state, so that `verify` can compare the two. Neither may be written from the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from domain import inbox as inboxes
from domain.errors import ImpossibleEvent, Refused
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import PromptAdmitted, PromptPromoted, PromptWithdrawn, QueueHeld
from domain.events.thread import Origin, ThreadCreated
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted, TurnSteered
from domain.ports import Recorded
from domain.replacing import replace
from domain.thread import Thread, evolve
from projections.row_events import (
    item_ended,
    item_started,
    prompt_admitted,
    prompt_left,
    turn_moved,
    turn_started,
    waiting,
)
from projections.rows import HeldReason, ItemRow, PromptRow, ThreadRow, ThreadRows, TurnRow


def replay(history: Iterable[Recorded]) -> ThreadRows:
    """The rows of one thread after its `history`: its events from the first on, in `seq` order.

    Raises ImpossibleEvent when an event cannot follow those before it.
    """
    folded: _Folded | None = None
    for entry in history:
        if folded is None:
            folded = _Folded(Thread(entry.event.thread_id))
        _apply(entry, folded)
    return folded.rows() if folded else ThreadRows(None, (), (), ())


def until(
    history: Sequence[Recorded], *, seq: int | None = None, at: datetime | None = None
) -> Sequence[Recorded]:
    """The beginning of a history: up to an event's `seq`, or as it was at a time.

    Whatever precedes an event that was decided at that time had happened, too: clocks of different
    machines may disagree, the log's order does not.
    """
    if seq is not None:
        history = [entry for entry in history if entry.seq <= seq]
    if at is not None:
        last = max((i for i, entry in enumerate(history, 1) if entry.event.at <= at), default=0)
        history = history[:last]
    return history


@dataclass(slots=True)
class _Folded:
    """The domain's state of the thread, and what the rows say beyond it.

    `turns`, `items` and `prompts` keep the order of their first events.
    """

    thread: Thread
    turns: dict[str, TurnRow] = field(default_factory=dict)
    items: dict[str, ItemRow] = field(default_factory=dict)
    prompts: dict[str, PromptRow] = field(default_factory=dict)
    item_counts: Counter[str] = field(default_factory=Counter)
    held_reasons: dict[str, HeldReason] = field(default_factory=dict)
    origin: Origin | None = None
    created_at: datetime | None = None
    last: Recorded | None = None

    def rows(self) -> ThreadRows:
        """The rows as they are now."""
        in_context = {turn.turn_id for turn in self.thread.context}
        turns = (
            replace(row, in_context=turn_id in in_context, item_count=self.item_counts[turn_id])
            for turn_id, row in self.turns.items()
        )
        return ThreadRows(
            self._thread_row(),
            tuple(turns),
            tuple(self.items.values()),
            tuple(self._as_waiting().values()),
        )

    def _thread_row(self) -> ThreadRow | None:
        if self.last is None or self.created_at is None:
            return None
        thread = self.thread
        return ThreadRow(
            thread_id=thread.thread_id,
            title=thread.title,
            settings=thread.settings,
            origin=self.origin,
            archived=thread.archived,
            active_turn_id=thread.turn.turn_id if thread.turn else None,
            latest_turn_id=next(reversed(self.turns), None),
            turn_count=len(self.turns),
            pending_count=len(inboxes.pending(thread.inbox)),
            held_count=len(inboxes.held(thread.inbox)),
            created_at=self.created_at,
            updated_at=self.last.event.at,
            last_seq=self.last.seq,
            last_position=self.last.position,
        )

    def _as_waiting(self) -> dict[str, PromptRow]:
        """The prompts, with what the inbox says of those in it."""
        rows = dict(self.prompts)
        for place, prompt in enumerate(self.thread.inbox, start=1):
            held = prompt.state == "held"
            rows[prompt.input_id] = replace(
                rows[prompt.input_id],
                state=prompt.state,
                place=place,
                delivery=prompt.delivery,
                held_reason=self.held_reasons[prompt.input_id] if held else None,
            )
        return rows


def _apply(entry: Recorded, folded: _Folded) -> None:
    before = folded.thread
    try:
        if entry.seq != before.seq + 1:
            raise ValueError(f"it follows seq {before.seq}")
        folded.thread = evolve(before, entry.event)
        _see(entry, before, folded)
    except KeyError as error:
        why = f"{entry.event.name} names {error.args[0]}, which never was"
        raise _impossible(entry, why) from None
    except (Refused, TypeError, ValueError) as error:
        raise _impossible(entry, str(error)) from None
    folded.last = entry


def _impossible(entry: Recorded, why: str) -> ImpossibleEvent:
    return ImpossibleEvent(thread_id=entry.event.thread_id, seq=entry.seq, why=why)


def _see(entry: Recorded, before: Thread, folded: _Folded) -> None:
    """Note what the event says beyond the domain's state; `before` is the thread before it."""
    match entry.event:
        case ThreadCreated() as event:
            folded.origin, folded.created_at = event.origin, event.at
        case PromptAdmitted() as event:
            _begin(folded.prompts, event.input_id, prompt_admitted(event, entry.seq))
        case PromptPromoted() | PromptWithdrawn() as event:
            row = folded.prompts[event.input_id]
            folded.prompts[event.input_id] = prompt_left(event, entry.seq, row, before)
        case QueueHeld() as event:
            for input_id in event.input_ids:
                waiting(input_id, before)
                folded.held_reasons[input_id] = event.reason
        case TurnStarted() as event:
            _begin(folded.turns, event.turn_id, turn_started(event, entry.seq))
        case TurnSteered() | TurnInterruptRequested() | TurnCompleted() as event:
            row_ = folded.turns[event.turn_id]
            folded.turns[event.turn_id] = turn_moved(event, entry.seq, row_)
        case ItemStarted() as event:
            _begin(folded.items, event.item_id, item_started(event, entry.seq))
            folded.item_counts[event.turn_id] += 1
        case ItemCompleted() | ItemFailed() | ItemInterrupted() as event:
            item = folded.items[event.item_id]
            folded.items[event.item_id] = item_ended(event, entry.seq, item, before)
        case _:
            pass  # the domain's state says all there is


R = TypeVar("R")


def _begin(rows: dict[str, R], key: str, row: R) -> None:
    if key in rows:
        raise ValueError(f"{key} begins a second time")
    rows[key] = row
