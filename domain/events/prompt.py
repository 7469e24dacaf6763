"""Events of prompts and of the inbox."""

from __future__ import annotations

from typing import ClassVar, Literal

from domain.events.base import Event
from domain.options import Delivery, TurnOptions

PromptOrigin = Literal["human", "notification", "command", "shell", "program"]
Redelivery = Literal["queue", "steer"]


class PromptAdmitted(Event):
    """A prompt entered the thread, with all it needs to run resolved.

    `held` is how many prompts were on hold at that moment (L11); `replaced` how many characters
    could not be stored and became U+FFFD; `target_turn_id` the turn a steer is meant for.
    """

    name: ClassVar[str] = "prompt.admitted"
    input_id: str
    text: str
    summary: str
    delivery: Delivery
    options: TurnOptions
    route_intent: str | None = None
    target_turn_id: str | None = None
    origin: PromptOrigin = "human"
    held: int = 0
    replaced: int = 0


class PromptPromoted(Event):
    """The prompt was given to a turn: it opens the turn, or steers it."""

    name: ClassVar[str] = "prompt.promoted"
    input_id: str
    turn_id: str


class PromptWithdrawn(Event):
    """The prompt left the inbox unread. Carries the text, for an editor to restore."""

    name: ClassVar[str] = "prompt.withdrawn"
    input_id: str
    text: str
    reason: Literal["user", "interrupt"]


class PromptEdited(Event):
    """The prompt as it waits from now on: the whole of it, not a difference.

    What it was stays in the event before. `replaced` is as in `prompt.admitted`.
    """

    name: ClassVar[str] = "prompt.edited"
    input_id: str
    text: str
    summary: str
    options: TurnOptions
    route_intent: str | None = None
    replaced: int = 0


class PromptRedelivered(Event):
    """The prompt wants to enter in another way, and keeps its place and its state.

    `target_turn_id` is the turn it is meant for as a steer: the one that is active.
    """

    name: ClassVar[str] = "prompt.redelivered"
    input_id: str
    delivery: Redelivery
    target_turn_id: str | None = None


class PromptMoved(Event):
    """The prompt has another place in line. `input_ids` is the whole inbox after it, in order."""

    name: ClassVar[str] = "prompt.moved"
    input_id: str
    input_ids: tuple[str, ...]


class QueueHeld(Event):
    """These prompts wait until released. A held steer becomes a queued prompt (L4)."""

    name: ClassVar[str] = "queue.held"
    input_ids: tuple[str, ...]
    reason: Literal["interrupt", "failures"]
    turn_id: str


class QueueReleased(Event):
    name: ClassVar[str] = "queue.released"
    input_ids: tuple[str, ...]
