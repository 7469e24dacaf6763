"""Laws about approvals: L9."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.events.approval import (
    ApprovalCancelled,
    ApprovalEvent,
    ApprovalRequested,
    ApprovalResolved,
)
from domain.events.base import Event
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted
from domain.predicates.history import History, Violation, ends_command


@dataclass(slots=True)
class _Seen:
    """What a reader of the events knows of the active turn and what it waits for."""

    active: str | None = None
    interrupted: bool = False
    items: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    still_open: dict[str, ApprovalRequested] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        match event:
            case TurnStarted(turn_id=turn_id):
                self.active, self.interrupted, self.items = turn_id, False, set()
            case TurnCompleted():
                self.active = None
            case TurnInterruptRequested():
                self.interrupted = True
            case ItemStarted(item_id=item_id):
                self.items.add(item_id)
            case ItemCompleted() | ItemFailed() | ItemInterrupted():
                self.items.discard(event.item_id)
            case ApprovalRequested(approval_id=approval_id):
                self.asked.add(approval_id)
                self.still_open[approval_id] = event
            case ApprovalResolved() | ApprovalCancelled():
                self.still_open.pop(event.approval_id, None)
            case _:
                pass


def approvals_are_asked_once(history: History) -> Iterator[Violation]:
    """L9: an approval is asked for once, by the active turn while it is not to stop and for an item
    of it that is open; and it is answered or cancelled once."""
    seen = _Seen()
    for entry in history:
        event = entry.event
        if isinstance(event, ApprovalEvent):
            approval_id = event.approval_id
            if event.turn_id != seen.active:
                yield Violation("L9", entry.seq, f"{approval_id} is not of the active turn")
            if isinstance(event, ApprovalRequested):
                if approval_id in seen.asked:
                    yield Violation("L9", entry.seq, f"{approval_id} is asked for again")
                if seen.interrupted:
                    yield Violation("L9", entry.seq, f"{approval_id} is asked for after the stop")
                if event.item_id is not None and event.item_id not in seen.items:
                    yield Violation("L9", entry.seq, f"{event.item_id} is not open, but asks")
            elif approval_id not in seen.still_open:
                yield Violation("L9", entry.seq, f"{approval_id} gets {event.name} too late")
        seen.see(event)


def approvals_are_closed(history: History) -> Iterator[Violation]:
    """L9: no approval outlives its item, its turn, or the command that interrupts its turn."""
    seen = _Seen()
    for index, entry in enumerate(history):
        event = entry.event
        seen.see(event)
        left: list[str] = []
        match event:
            case TurnCompleted():
                left = list(seen.still_open)
            case ItemCompleted() | ItemFailed() | ItemInterrupted():
                left = [i for i, asked in seen.still_open.items() if asked.item_id == event.item_id]
            case _:
                pass
        if seen.interrupted and ends_command(history, index):
            left = list(seen.still_open)
        if left:
            yield Violation("L9", entry.seq, f"{', '.join(left)} is left open")
            for approval_id in left:
                del seen.still_open[approval_id]


def cancellations_have_a_cause(history: History) -> Iterator[Violation]:
    """L9: an approval is cancelled in the command that interrupts or ends its turn, or that ends
    its item; it is not given up for nothing."""
    items: dict[str, str | None] = {}
    for index, entry in enumerate(history):
        event = entry.event
        if isinstance(event, ApprovalRequested):
            items[event.approval_id] = event.item_id
        if isinstance(event, ApprovalCancelled):
            item_id = items.get(event.approval_id)
            if not any(_causes(other, event, item_id) for other in _of_command(history, index)):
                what = f"{event.approval_id} is cancelled, but there is no {event.reason}"
                yield Violation("L9", entry.seq, what)


def _causes(other: Event, cancelled: ApprovalCancelled, item_id: str | None) -> bool:
    match cancelled.reason:
        case "interrupt":
            return isinstance(other, TurnInterruptRequested) and other.turn_id == cancelled.turn_id
        case "end":
            return isinstance(other, TurnCompleted) and other.turn_id == cancelled.turn_id
        case "item":
            ends = isinstance(other, ItemCompleted | ItemFailed | ItemInterrupted)
            return ends and getattr(other, "item_id", None) == item_id


def _of_command(history: History, index: int) -> Iterator[Event]:
    """The events of the command of the one at `index`."""
    first = last = index
    while first > 0 and not ends_command(history, first - 1):
        first -= 1
    while not ends_command(history, last):
        last += 1
    return (entry.event for entry in history[first : last + 1])
