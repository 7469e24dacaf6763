"""What the laws have to remember of a history to judge what comes next, told in two ways.

From the events, as the laws' predicates read them, and from the folded thread. When both are equal
at every step, whatever the laws remember is a function of the folded thread; so threads of one form
are one to them, however they came about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.events.approval import ApprovalCancelled, ApprovalRequested, ApprovalResolved
from domain.events.base import Event
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import PromptAdmitted, PromptEdited, QueueReleased
from domain.events.thread import ThreadRolledBack
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted
from domain.predicates.observed import ObservedInbox
from domain.thread import Thread


class Memory(NamedTuple):
    """The waiting prompts (id, state, delivery, text), the active turn (id, whether it takes
    steers, policy), its open items and approvals (with the item that waits), the failures in a
    row, and the turns in the context."""

    prompts: list[tuple[str, str, str, str]]
    turn: tuple[str, bool, str | None] | None
    items: list[str]
    approvals: dict[str, str | None]
    failures: int
    context: list[tuple[str, bool]]


@dataclass
class _Reader:
    """Reads events one by one, and knows nothing of the fold."""

    inbox: ObservedInbox = field(default_factory=ObservedInbox)
    texts: dict[str, str] = field(default_factory=dict)
    turn: tuple[str, bool, str | None] | None = None
    items: list[str] = field(default_factory=list)
    approvals: dict[str, str | None] = field(default_factory=dict)
    failures: int = 0
    context: list[tuple[str, bool]] = field(default_factory=list)

    def see(self, event: Event) -> None:
        self.inbox.see(event)
        match event:
            case PromptAdmitted() | PromptEdited():
                self.texts[event.input_id] = event.text
            case QueueReleased():
                self.failures = 0
            case ThreadRolledBack():
                self.context = self.context[: -len(event.turn_ids)]
            case TurnStarted():
                self.turn = (event.turn_id, event.steerable, None)
                self.context.append((event.turn_id, event.input_id is not None))
            case TurnInterruptRequested():
                self.turn = (event.turn_id, bool(self.turn and self.turn[1]), event.queued)
            case TurnCompleted():
                self.turn = None
                failed = event.status == "failed"
                self.failures = 0 if event.status == "completed" else self.failures + failed
            case _:
                self._see_inside(event)

    def _see_inside(self, event: Event) -> None:
        match event:
            case ItemStarted():
                self.items.append(event.item_id)
            case ItemCompleted() | ItemFailed() | ItemInterrupted():
                self.items = [item for item in self.items if item != event.item_id]
            case ApprovalRequested():
                self.approvals[event.approval_id] = event.item_id
            case ApprovalResolved() | ApprovalCancelled():
                self.approvals.pop(event.approval_id, None)
            case _:
                pass


def seen(events: Iterable[Event]) -> Memory:
    """As the events tell it."""
    reader = _Reader()
    for event in events:
        reader.see(event)
    inbox = reader.inbox
    prompts = [(i, inbox.state[i], inbox.delivery[i], reader.texts[i]) for i in inbox.order]
    return Memory(
        prompts, reader.turn, reader.items, reader.approvals, reader.failures, reader.context
    )


def folded(thread: Thread) -> Memory:
    """As the fold has it."""
    turn = thread.turn
    return Memory(
        prompts=[(p.input_id, p.state, p.delivery, p.text) for p in thread.inbox],
        turn=(turn.turn_id, turn.steerable, turn.interrupt) if turn else None,
        items=[item.item_id for item in turn.open_items] if turn else [],
        approvals={a.approval_id: a.item_id for a in turn.open_approvals} if turn else {},
        failures=thread.failures,
        context=[(entry.turn_id, entry.prompted) for entry in thread.context],
    )
