"""Turn: one run of the engine over the thread, as folded state.

The state is kept while the turn holds the slot; afterwards nothing may be appended to it (L9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch

from domain.errors import ItemNotOpen
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


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An item that has begun and not ended."""

    item_id: str
    kind: ItemKind


@dataclass(frozen=True, slots=True)
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

    def open_item(self, item_id: str) -> OpenItem:
        """That open item, else `ItemNotOpen`."""
        for item in self.open_items:
            if item.item_id == item_id:
                return item
        raise ItemNotOpen(item_id=item_id, turn_id=self.turn_id)


def started(event: TurnStarted) -> Turn:
    """The turn as its first event makes it."""
    return Turn(event.turn_id, event.kind, event.input_id, event.options, event.steerable)


def evolve(turn: Turn, event: TurnEvent) -> Turn:
    """`turn` after `event`, which must be its next one."""
    return replace(_apply(event, turn), version=turn.version + 1)


@singledispatch
def _apply(event: TurnEvent, turn: Turn) -> Turn:
    raise TypeError(f"a turn does not know {type(event).__name__}")


@_apply.register(TurnSteered)
@_apply.register(TurnCompleted)
def _(event: TurnSteered | TurnCompleted, turn: Turn) -> Turn:
    return turn  # the thread's state tells the rest


@_apply.register
def _(event: TurnInterruptRequested, turn: Turn) -> Turn:
    return replace(turn, interrupt=event.queued)


@_apply.register
def _(event: ItemStarted, turn: Turn) -> Turn:
    return replace(turn, open_items=(*turn.open_items, OpenItem(event.item_id, event.kind)))


@_apply.register(ItemCompleted)
@_apply.register(ItemFailed)
@_apply.register(ItemInterrupted)
def _(event: ItemCompleted | ItemFailed | ItemInterrupted, turn: Turn) -> Turn:
    return replace(turn, open_items=tuple(i for i in turn.open_items if i.item_id != event.item_id))
