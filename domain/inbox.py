"""The inbox: a thread's pending and held prompts, in admission order.

Order is the tuple's order: admission order, but for an `interrupt` delivery, which enters at the
head, and for what was moved (L3). All functions are pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from domain.events.prompt import PromptAdmitted, PromptEdited, PromptMoved, PromptRedelivered
from domain.options import Delivery, TurnOptions
from domain.replacing import replace

WaitingState = Literal["pending", "held"]


@dataclass(frozen=True)
class Prompt:
    """A prompt that waits: `pending` for its turn, or `held` until released."""

    input_id: str
    text: str
    summary: str
    delivery: Delivery
    options: TurnOptions
    state: WaitingState = "pending"
    route_intent: str | None = None


Inbox = tuple[Prompt, ...]


def admitted(event: PromptAdmitted) -> Prompt:
    """The waiting prompt that this admission makes."""
    return Prompt(
        event.input_id,
        event.text,
        event.summary,
        event.delivery,
        event.options,
        route_intent=event.route_intent,
    )


def enter(prompt: Prompt, inbox: Inbox) -> Inbox:
    """`inbox` with `prompt` at its end, or at its head if it interrupts."""
    return (prompt, *inbox) if prompt.delivery == "interrupt" else (*inbox, prompt)


def leave(input_id: str, inbox: Inbox) -> Inbox:
    """`inbox` without that prompt."""
    return tuple(prompt for prompt in inbox if prompt.input_id != input_id)


def edit(event: PromptEdited, inbox: Inbox) -> Inbox:
    """That prompt with what it says now, where it stands."""
    return tuple(
        replace(
            prompt,
            text=event.text,
            summary=event.summary,
            options=event.options,
            route_intent=event.route_intent,
        )
        if prompt.input_id == event.input_id
        else prompt
        for prompt in inbox
    )


def redeliver(event: PromptRedelivered, inbox: Inbox) -> Inbox:
    """That prompt with its new delivery, where it stands, pending or held as it was."""
    return tuple(
        replace(prompt, delivery=event.delivery) if prompt.input_id == event.input_id else prompt
        for prompt in inbox
    )


def reorder(event: PromptMoved, inbox: Inbox) -> Inbox:
    """The same prompts, in the order of the event."""
    waiting = {prompt.input_id: prompt for prompt in inbox}
    return tuple(waiting[input_id] for input_id in event.input_ids)


def hold(input_ids: Collection[str], inbox: Inbox) -> Inbox:
    """Those prompts held where they stand. A claimed steer gives up its aim (L4)."""
    return tuple(
        replace(prompt, state="held", delivery="queue") if prompt.input_id in input_ids else prompt
        for prompt in inbox
    )


def release(input_ids: Collection[str], inbox: Inbox) -> Inbox:
    """Those prompts pending again, where they stand."""
    return tuple(
        replace(prompt, state="pending") if prompt.input_id in input_ids else prompt
        for prompt in inbox
    )


def find(input_id: str, inbox: Inbox) -> Prompt | None:
    """The waiting prompt of that id."""
    return next((prompt for prompt in inbox if prompt.input_id == input_id), None)


def queued(inbox: Inbox) -> Inbox:
    """The prompts that stand in line, pending or held: all but steers and those that interrupt."""
    return tuple(prompt for prompt in inbox if prompt.delivery == "queue")


def pending(inbox: Inbox) -> Inbox:
    """The prompts that may run."""
    return tuple(prompt for prompt in inbox if prompt.state == "pending")


def held(inbox: Inbox) -> Inbox:
    """The prompts that wait for a release."""
    return tuple(prompt for prompt in inbox if prompt.state == "held")


def steers(inbox: Inbox) -> Inbox:
    """The pending steers, in admission order."""
    return tuple(p for p in inbox if p.state == "pending" and p.delivery == "steer")


def next_to_run(inbox: Inbox) -> Prompt | None:
    """The prompt the drain promotes: an interrupting one, else a steer that fell back, else the
    first of the queue (L6, L3)."""
    waiting = pending(inbox)
    return _first(waiting, "interrupt") or _first(waiting, "steer") or _first(waiting, "queue")


def _first(prompts: Iterable[Prompt], delivery: Delivery) -> Prompt | None:
    return next((prompt for prompt in prompts if prompt.delivery == delivery), None)
