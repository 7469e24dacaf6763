"""What can be told of prompts and slot by reading the events alone, for the laws.

Written apart from `inbox.py` and `thread.py` on purpose: a mistake there must not be made here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.events.base import Event
from domain.events.prompt import (
    PromptAdmitted,
    PromptMoved,
    PromptPromoted,
    PromptRedelivered,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.turn import TurnCompleted, TurnStarted


@dataclass(slots=True)
class ObservedInbox:
    """What a reader of the events alone knows of the prompts, in inbox order."""

    state: dict[str, str] = field(default_factory=dict)
    delivery: dict[str, str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def see(self, event: Event) -> None:
        """Takes the next event of the history into account."""
        match event:
            case PromptAdmitted():
                self.state[event.input_id] = "pending"
                self.delivery[event.input_id] = event.delivery
                place = 0 if event.delivery == "interrupt" else len(self.order)
                self.order.insert(place, event.input_id)
            case PromptPromoted():
                self._end(event.input_id, "promoted")
            case PromptWithdrawn():
                self._end(event.input_id, "withdrawn")
            case PromptRedelivered():
                self.delivery[event.input_id] = event.delivery
            case PromptMoved():
                self.order = list(event.input_ids)
            case QueueHeld():
                for input_id in event.input_ids:
                    self.state[input_id] = "held"
                    self.delivery[input_id] = "queue"
            case QueueReleased():
                for input_id in event.input_ids:
                    self.state[input_id] = "pending"
            case _:
                pass

    def _end(self, input_id: str, state: str) -> None:
        self.state[input_id] = state
        if input_id in self.order:
            self.order.remove(input_id)

    def waiting(self, state: str) -> list[str]:
        """The prompts in that state, in inbox order."""
        return [i for i in self.order if self.state.get(i) == state]

    def pending(self, delivery: str) -> list[str]:
        """The pending prompts of that delivery, in inbox order."""
        return [i for i in self.waiting("pending") if self.delivery.get(i) == delivery]


def slot_taken(event: Event, *, before: bool) -> bool:
    """Whether a turn is active after `event`, given whether one was before it."""
    if isinstance(event, TurnStarted):
        return True
    return False if isinstance(event, TurnCompleted) else before
