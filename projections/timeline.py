"""A thread's history as lines a person can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import singledispatch

from domain.events.approval import ApprovalCancelled, ApprovalRequested, ApprovalResolved
from domain.events.base import Event, TurnEvent
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import (
    PromptAdmitted,
    PromptEdited,
    PromptMoved,
    PromptPromoted,
    PromptRedelivered,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.thread import ThreadCreated, ThreadRolledBack, ThreadUpdated
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted, TurnSteered
from domain.ports import Recorded
from domain.text import summarize


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event: when it was decided, by whom, what it is (`type`) and what it says (`what`).

    `turn_id` is None for events of the thread itself. `inferred` marks what an import made up.
    """

    seq: int
    position: int
    at: datetime
    actor: str
    type: str
    turn_id: str | None
    what: str
    inferred: bool


def timeline(history: Iterable[Recorded]) -> Iterator[TimelineEntry]:
    """An entry for each event of a thread's history, from its first event on."""
    kinds: dict[str, str] = {}
    for entry in history:
        event = entry.event
        if isinstance(event, ItemStarted):
            kinds[event.item_id] = event.kind
        what = _what(event)
        if isinstance(event, ItemCompleted | ItemFailed | ItemInterrupted):
            what = f"{kinds.get(event.item_id, 'item')} {what}"
        yield TimelineEntry(
            seq=entry.seq,
            position=entry.position,
            at=event.at,
            actor=event.actor,
            type=event.name,
            turn_id=event.turn_id if isinstance(event, TurnEvent) else None,
            what=what,
            inferred=event.source is not None and event.source.inferred,
        )


@singledispatch
def _what(event: Event) -> str:
    """What the event says, in words; by default its name: `thread archived`."""
    return event.name.replace(".", " ").replace("_", " ")


@_what.register
def _(event: ThreadCreated) -> str:
    source = f", imported from {event.origin.format}" if event.origin else ""
    if event.forked_from:
        source = f", forked from {event.forked_from.thread_id} at {event.forked_from.seq}"
    return f"thread created: {event.title or 'untitled'}{source}"


@_what.register
def _(event: ThreadUpdated) -> str:
    return f"thread updated: {event.title or 'untitled'}"


@_what.register
def _(event: ThreadRolledBack) -> str:
    return f"{_count(event.turn_ids, 'turn')} left the context ({event.reason})"


@_what.register
def _(event: PromptAdmitted) -> str:
    return f"prompt admitted ({event.delivery}): {event.summary}"


@_what.register
def _(event: PromptPromoted) -> str:
    return f"prompt {event.input_id} promoted into turn {event.turn_id}"


@_what.register
def _(event: PromptWithdrawn) -> str:
    by = "taken back" if event.reason == "user" else "discarded by an interrupt"
    return f"prompt {event.input_id} {by}: {summarize(event.text)}"


@_what.register
def _(event: PromptEdited) -> str:
    return f"prompt {event.input_id} edited: {event.summary}"


@_what.register
def _(event: PromptRedelivered) -> str:
    way = f"is to steer turn {event.target_turn_id}" if event.target_turn_id else "is queued again"
    return f"prompt {event.input_id} {way}"


@_what.register
def _(event: PromptMoved) -> str:
    if event.input_id not in event.input_ids:  # a damaged log is to be read, too
        return f"prompt {event.input_id} moved to no place"
    place = event.input_ids.index(event.input_id) + 1
    return f"prompt {event.input_id} moved to place {place} of {len(event.input_ids)}"


@_what.register
def _(event: QueueHeld) -> str:
    why = "an interrupt" if event.reason == "interrupt" else "too many failures in a row"
    return f"{_count(event.input_ids, 'prompt')} held after {why}: {', '.join(event.input_ids)}"


@_what.register
def _(event: QueueReleased) -> str:
    return f"{_count(event.input_ids, 'prompt')} released: {', '.join(event.input_ids)}"


@_what.register
def _(event: TurnStarted) -> str:
    model = f" with {event.options.model}" if event.options.model else ""
    return f"{event.kind} turn started{model}: {event.summary}"


@_what.register
def _(event: TurnSteered) -> str:
    return f"turn steered by prompt {event.input_id}"


@_what.register
def _(event: TurnInterruptRequested) -> str:
    policies = {
        "continue": "the queue goes on",
        "hold": "waiting prompts are held",
        "discard": "waiting prompts are discarded",
    }
    return f"interrupt requested: {policies[event.queued]}"


@_what.register
def _(event: TurnCompleted) -> str:
    tokens = ""
    if event.usage is not None:
        tokens = f" ({event.usage.input_tokens} tokens in, {event.usage.output_tokens} out)"
    return f"turn {event.status}{tokens}{_because(event.error)}"


@_what.register
def _(event: ItemStarted) -> str:
    return f"{event.kind} started: {event.summary}"


@_what.register
def _(event: ItemCompleted) -> str:
    return "completed" + (f": {summarize(event.text)}" if event.text else "")


@_what.register
def _(event: ItemFailed) -> str:
    return f"failed{_because(event.error)}"


@_what.register
def _(event: ItemInterrupted) -> str:
    return f"interrupted{_because(event.reason)}"


@_what.register
def _(event: ApprovalRequested) -> str:
    return f"approval {event.approval_id} asked for: {event.summary}"


@_what.register
def _(event: ApprovalResolved) -> str:
    return f"approval {event.approval_id} {event.decision}{_because(event.note)}"


@_what.register
def _(event: ApprovalCancelled) -> str:
    why = {"interrupt": "an interrupt", "item": "the end of its item", "end": "the end of its turn"}
    return f"approval {event.approval_id} cancelled by {why[event.reason]}"


def _because(reason: str | None) -> str:
    return f": {summarize(reason)}" if reason else ""


def _count(of: tuple[str, ...], noun: str) -> str:
    return f"{len(of)} {noun}{'' if len(of) == 1 else 's'}"
