"""Events of the items inside a turn.

`detail` is what an item asks for (a tool's name and arguments), `result` what came back.
"""

from __future__ import annotations

from typing import ClassVar

from domain.events.base import ItemKind, Json, TurnEvent


class ItemEvent(TurnEvent):
    item_id: str


class ItemStarted(ItemEvent):
    name: ClassVar[str] = "item.started"
    kind: ItemKind
    summary: str
    input_id: str | None = None
    detail: Json | None = None


class ItemCompleted(ItemEvent):
    name: ClassVar[str] = "item.completed"
    text: str | None = None
    result: Json | None = None


class ItemFailed(ItemEvent):
    name: ClassVar[str] = "item.failed"
    error: str
    text: str | None = None
    result: Json | None = None


class ItemInterrupted(ItemEvent):
    """The item was cut short. For the model it is answered all the same (D20)."""

    name: ClassVar[str] = "item.interrupted"
    reason: str
    text: str | None = None
    result: Json | None = None
