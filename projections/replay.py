"""The pure fold of a thread's history into the rows of the read models.

It is a second implementation of what `sql/` says, written from the meaning of the events and on the
domain's own state, so that `verify` can compare the two. Neither may be written from the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

from domain import inbox as inboxes
from domain.errors import ImpossibleEvent, ItemNotOpen, Refused
from domain.events.approval import ApprovalCancelled, ApprovalRequested, ApprovalResolved
from domain.events.base import Event
from domain.events.item import (
    ItemCompleted,
    ItemEvent,
    ItemFailed,
    ItemInterrupted,
    ItemStarted,
)
from domain.events.prompt import (
    PromptAdmitted,
    PromptEdited,
    PromptMoved,
    PromptPromoted,
    PromptRedelivered,
    PromptWithdrawn,
    QueueHeld,
)
from domain.events.thread import ForkPoint, Origin, ThreadCreated
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted, TurnSteered
from domain.ports import Recorded
from domain.replacing import replace
from domain.thread import Thread, evolve
from domain.turn import OpenItem
from projections import row_events as rows_of
from projections.drafts import amend
from projections.rows import (
    ApprovalRow,
    HeldReason,
    ItemRow,
    PromptRow,
    ThreadRow,
    ThreadRows,
    TurnRow,
)


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

    `turns`, `items`, `prompts` and `approvals` keep the order of their first events. Most events
    are of items and change nothing in the domain's state but which items are open: that is noted in
    `open`, and the state brought up to it (`settled`) when an event comes that may look at it. So
    `thread` is the state before the last `unsettled` events.
    """

    thread: Thread
    seq: int = 0
    unsettled: int = 0
    open: dict[str, ItemRow] = field(default_factory=dict)
    turns: dict[str, TurnRow] = field(default_factory=dict)
    items: dict[str, ItemRow] = field(default_factory=dict)
    prompts: dict[str, PromptRow] = field(default_factory=dict)
    approvals: dict[str, ApprovalRow] = field(default_factory=dict)
    held_reasons: dict[str, HeldReason] = field(default_factory=dict)
    origin: Origin | None = None
    forked_from: ForkPoint | None = None
    created_at: datetime | None = None
    last: Recorded | None = None

    def settled(self) -> Thread:
        """The domain's state after all events so far."""
        if self.unsettled and self.thread.turn is not None:
            still_open = [OpenItem(row.item_id, row.kind) for row in self.open.values()]
            turn = replace(
                self.thread.turn,
                open_items=tuple(still_open),
                version=self.thread.turn.version + self.unsettled,
            )
            self.thread = replace(self.thread, seq=self.seq, turn=turn)
            self.unsettled = 0
        return self.thread

    def evolve(self, event: Event) -> Thread:
        """Take the event into the domain's state; returns the state before it."""
        before = self.settled()
        self.thread = evolve(before, event)
        turn = self.thread.turn
        if turn is not before.turn:
            self.open = {i.item_id: self.items[i.item_id] for i in turn.open_items} if turn else {}
        return before

    def rows(self) -> ThreadRows:
        """The rows as they are now. For once: they are the caller's then."""
        self.settled()
        self._tell_turns()
        self._tell_waiting()
        return ThreadRows(
            self._thread_row(),
            tuple(self.turns.values()),
            tuple(self.items.values()),
            tuple(self.prompts.values()),
            tuple(self.approvals.values()),
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
            forked_from=self.forked_from,
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

    def _tell_turns(self) -> None:
        """What the turns' rows say that is seen at the end only."""
        in_context = {turn.turn_id for turn in self.thread.context}
        counts = Counter([item.turn_id for item in self.items.values()])
        for turn_id, row in self.turns.items():
            amend(row, in_context=turn_id in in_context, item_count=counts[turn_id])

    def _tell_waiting(self) -> None:
        """What the inbox says of the prompts in it."""
        for place, prompt in enumerate(self.thread.inbox, start=1):
            held = prompt.state == "held"
            amend(
                self.prompts[prompt.input_id],
                state=prompt.state,
                place=place,
                delivery=prompt.delivery,
                held_reason=self.held_reasons[prompt.input_id] if held else None,
            )


def _apply(entry: Recorded, folded: _Folded) -> None:
    event, seq = entry.event, entry.seq
    try:
        if seq != folded.seq + 1:
            raise ValueError(f"it follows seq {folded.seq}")
        see_item, active = _OF_ITEMS.get(type(event)), folded.thread.turn
        # One of another turn is the domain's to complain about.
        if see_item and active is not None and active.turn_id == event.__dict__["turn_id"]:
            see_item(event, seq, folded)
            folded.unsettled += 1
        else:
            before = folded.evolve(event)
            see = _OTHERS.get(type(event))
            if see is not None:  # else the domain's state says all there is
                see(event, seq, folded, before)
    except KeyError as error:
        why = f"{event.name} names {error.args[0]}, which never was"
        raise _impossible(entry, why) from None
    except (Refused, TypeError, ValueError) as error:
        raise _impossible(entry, str(error)) from None
    folded.seq, folded.last = seq, entry


def _impossible(entry: Recorded, why: str) -> ImpossibleEvent:
    return ImpossibleEvent(thread_id=entry.event.thread_id, seq=entry.seq, why=why)


R = TypeVar("R")


def _begin(rows: dict[str, R], key: str, row: R) -> None:
    if key in rows:
        raise ValueError(f"{key} begins a second time")
    rows[key] = row


def _item_started(event: ItemStarted, seq: int, folded: _Folded) -> None:
    row = rows_of.item_started(event, seq)
    _begin(folded.items, event.item_id, row)
    folded.open[event.item_id] = row


def _ended(event: ItemEvent, folded: _Folded) -> ItemRow:
    """The open item that ends now; a KeyError if it never began, ItemNotOpen if it has ended."""
    row = folded.items[event.item_id]
    if folded.open.pop(event.item_id, None) is None:
        raise ItemNotOpen(item_id=event.item_id, turn_id=event.turn_id)
    return row


def _item_completed(event: ItemCompleted, seq: int, folded: _Folded) -> None:
    rows_of.item_completed(event, seq, _ended(event, folded))


def _item_failed(event: ItemFailed, seq: int, folded: _Folded) -> None:
    rows_of.item_failed(event, seq, _ended(event, folded))


def _item_interrupted(event: ItemInterrupted, seq: int, folded: _Folded) -> None:
    rows_of.item_interrupted(event, seq, _ended(event, folded))


def _thread_created(event: ThreadCreated, _seq: int, folded: _Folded, _before: Thread) -> None:
    folded.origin, folded.created_at = event.origin, event.at
    folded.forked_from = event.forked_from


def _prompt_admitted(event: PromptAdmitted, seq: int, folded: _Folded, _before: Thread) -> None:
    _begin(folded.prompts, event.input_id, rows_of.prompt_admitted(event, seq))


def _prompt_promoted(event: PromptPromoted, seq: int, folded: _Folded, before: Thread) -> None:
    rows_of.prompt_promoted(event, seq, folded.prompts[event.input_id], before)


def _prompt_withdrawn(event: PromptWithdrawn, seq: int, folded: _Folded, before: Thread) -> None:
    rows_of.prompt_withdrawn(event, seq, folded.prompts[event.input_id], before)


def _prompt_edited(event: PromptEdited, _seq: int, folded: _Folded, before: Thread) -> None:
    rows_of.prompt_edited(event, folded.prompts[event.input_id], before)


def _prompt_redelivered(
    event: PromptRedelivered, _seq: int, folded: _Folded, before: Thread
) -> None:
    rows_of.prompt_redelivered(event, folded.prompts[event.input_id], before)


def _prompt_moved(event: PromptMoved, _seq: int, _folded: _Folded, before: Thread) -> None:
    rows_of.waiting(event.input_id, before)


def _queue_held(event: QueueHeld, _seq: int, folded: _Folded, before: Thread) -> None:
    for input_id in event.input_ids:
        rows_of.waiting(input_id, before)
        folded.held_reasons[input_id] = event.reason


def _turn_started(event: TurnStarted, seq: int, folded: _Folded, _before: Thread) -> None:
    _begin(folded.turns, event.turn_id, rows_of.turn_started(event, seq))


def _turn_steered(event: TurnSteered, seq: int, folded: _Folded, _before: Thread) -> None:
    rows_of.turn_steered(event, seq, folded.turns[event.turn_id])


def _interrupt_requested(
    event: TurnInterruptRequested, seq: int, folded: _Folded, _before: Thread
) -> None:
    rows_of.interrupt_requested(event, seq, folded.turns[event.turn_id])


def _turn_completed(event: TurnCompleted, seq: int, folded: _Folded, _before: Thread) -> None:
    rows_of.turn_completed(event, seq, folded.turns[event.turn_id])


def _approval_requested(
    event: ApprovalRequested, seq: int, folded: _Folded, _before: Thread
) -> None:
    _begin(folded.approvals, event.approval_id, rows_of.approval_requested(event, seq))


def _approval_resolved(event: ApprovalResolved, seq: int, folded: _Folded, before: Thread) -> None:
    rows_of.approval_resolved(event, seq, folded.approvals[event.approval_id], before)


def _approval_cancelled(
    event: ApprovalCancelled, seq: int, folded: _Folded, before: Thread
) -> None:
    rows_of.approval_cancelled(event, seq, folded.approvals[event.approval_id], before)


# What each event says beyond the domain's state: given the event, its seq, what is folded, and for
# those not of items the thread before it.
_OF_ITEMS: Final[Mapping[type[Event], Callable[[Any, int, _Folded], None]]] = MappingProxyType(
    {
        ItemStarted: _item_started,
        ItemCompleted: _item_completed,
        ItemFailed: _item_failed,
        ItemInterrupted: _item_interrupted,
    }
)
_OTHERS: Final[Mapping[type[Event], Callable[[Any, int, _Folded, Thread], None]]] = (
    MappingProxyType(
        {
            ThreadCreated: _thread_created,
            PromptAdmitted: _prompt_admitted,
            PromptPromoted: _prompt_promoted,
            PromptWithdrawn: _prompt_withdrawn,
            PromptEdited: _prompt_edited,
            PromptRedelivered: _prompt_redelivered,
            PromptMoved: _prompt_moved,
            QueueHeld: _queue_held,
            TurnStarted: _turn_started,
            TurnSteered: _turn_steered,
            TurnInterruptRequested: _interrupt_requested,
            TurnCompleted: _turn_completed,
            ApprovalRequested: _approval_requested,
            ApprovalResolved: _approval_resolved,
            ApprovalCancelled: _approval_cancelled,
        }
    )
)
