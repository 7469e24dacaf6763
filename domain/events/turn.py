"""Events of a turn."""

from __future__ import annotations

from typing import ClassVar, Literal

from domain.events.base import TurnEvent, Usage
from domain.options import QueuePolicy, TurnOptions

TurnKind = Literal["prompt", "compaction"]
TurnStatus = Literal["completed", "failed", "interrupted"]


class TurnStarted(TurnEvent):
    """The slot is taken. `input_id` is the prompt that opens it; a compaction has none."""

    name: ClassVar[str] = "turn.started"
    kind: TurnKind
    summary: str
    options: TurnOptions
    steerable: bool
    input_id: str | None = None


class TurnSteered(TurnEvent):
    name: ClassVar[str] = "turn.steered"
    input_id: str
    item_id: str


class TurnInterruptRequested(TurnEvent):
    """The turn must stop; `queued` is what happens to the prompts waiting at that moment."""

    name: ClassVar[str] = "turn.interrupt_requested"
    queued: QueuePolicy


class TurnCompleted(TurnEvent):
    """The turn ended and the slot is free, in the same append (D13)."""

    name: ClassVar[str] = "turn.completed"
    status: TurnStatus
    error: str | None = None
    usage: Usage | None = None
