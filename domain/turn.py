"""Turn: one run of the engine over the thread, as folded state.

The state is kept while the turn holds the slot; afterwards nothing may be appended to it (L9).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from domain.errors import ItemNotOpen
from domain.events.approval import ApprovalCancelled, ApprovalRequested, ApprovalResolved
from domain.events.base import ItemKind, TurnEvent
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.turn import (
    TurnCompleted,
    TurnInterruptRequested,
    TurnKind,
    TurnStarted,
    TurnSteered,
)
from domain.options import QueuePolicy, TurnOptions
from domain.replacing import replace


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An item that has begun and not ended."""

    item_id: str
    kind: ItemKind


@dataclass(frozen=True, slots=True)
class OpenApproval:
    """An approval that nobody has answered yet; `item_id` is the item that waits for it."""

    approval_id: str
    item_id: str | None = None


@dataclass(frozen=True)
class Turn:
    """The active turn. `version` counts its events; `interrupt` is the policy, once asked for."""

    turn_id: str
    kind: TurnKind
    input_id: str | None
    options: TurnOptions
    steerable: bool
    interrupt: QueuePolicy | None = None
    open_items: tuple[OpenItem, ...] = ()
    version: int = 1
    open_approvals: tuple[OpenApproval, ...] = ()

    def open_item(self, item_id: str) -> OpenItem:
        """That open item, else `ItemNotOpen`."""
        for item in self.open_items:
            if item.item_id == item_id:
                return item
        raise ItemNotOpen(item_id=item_id, turn_id=self.turn_id)

    def open_approval(self, approval_id: str) -> OpenApproval | None:
        """That approval, if it is open."""
        return next((a for a in self.open_approvals if a.approval_id == approval_id), None)


def started(event: TurnStarted) -> Turn:
    """The turn as its first event makes it."""
    return Turn(event.turn_id, event.kind, event.input_id, event.options, event.steerable)


def evolve(turn: Turn, event: TurnEvent) -> Turn:
    """`turn` after `event`, which must be its next one."""
    return _apply(event, turn, turn.version + 1)


@singledispatch
def _apply(event: TurnEvent, turn: Turn, version: int) -> Turn:
    raise TypeError(f"a turn does not know {type(event).__name__}")


@_apply.register(TurnSteered)
@_apply.register(TurnCompleted)
def _(_event: TurnSteered | TurnCompleted, turn: Turn, version: int) -> Turn:
    return replace(turn, version=version)  # the thread's state tells the rest


@_apply.register
def _(event: TurnInterruptRequested, turn: Turn, version: int) -> Turn:
    return replace(turn, interrupt=event.queued, version=version)


@_apply.register
def _(event: ItemStarted, turn: Turn, version: int) -> Turn:
    items = (*turn.open_items, OpenItem(event.item_id, event.kind))
    return replace(turn, open_items=items, version=version)


@_apply.register(ItemCompleted)
@_apply.register(ItemFailed)
@_apply.register(ItemInterrupted)
def _(event: ItemCompleted | ItemFailed | ItemInterrupted, turn: Turn, version: int) -> Turn:
    items = tuple(item for item in turn.open_items if item.item_id != event.item_id)
    return replace(turn, open_items=items, version=version)


@_apply.register
def _(event: ApprovalRequested, turn: Turn, version: int) -> Turn:
    approvals = (*turn.open_approvals, OpenApproval(event.approval_id, event.item_id))
    return replace(turn, open_approvals=approvals, version=version)


@_apply.register(ApprovalResolved)
@_apply.register(ApprovalCancelled)
def _(event: ApprovalResolved | ApprovalCancelled, turn: Turn, version: int) -> Turn:
    approvals = tuple(a for a in turn.open_approvals if a.approval_id != event.approval_id)
    return replace(turn, open_approvals=approvals, version=version)
