"""Laws about interrupts and what is held: L4, L15 and L16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from domain.events.base import Event
from domain.events.prompt import (
    PromptAdmitted,
    PromptPromoted,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.turn import (
    TurnCompleted,
    TurnInterruptRequested,
    TurnStarted,
)
from domain.predicates.history import History, Violation, begins_command, decision
from domain.predicates.observed import ObservedInbox

# The laws' own words, not what the decisions take for them: a mistake there is not made here too.
STRICTER: Final = ("continue", "hold", "discard")
FAILURES_THAT_HOLD: Final = 3


def boundary_holds(history: History) -> Iterator[Violation]:
    """L4: an interrupt's hold claims exactly the prompts that were pending, and nobody else's; and
    they are released by a command of its own, not by one about something else."""
    inbox = ObservedInbox()
    for index, entry in enumerate(history):
        if isinstance(entry.event, QueueReleased) and not begins_command(history, index):
            what = f"{', '.join(entry.event.input_ids)} is released, but nobody asked for it"
            yield Violation("L4", entry.seq, what)
        if isinstance(entry.event, QueueHeld):
            pending = inbox.waiting("pending")
            if list(entry.event.input_ids) != pending:
                claimed = ", ".join(entry.event.input_ids)
                what = f"claims {claimed}, pending are {', '.join(pending) or 'none'}"
                yield Violation("L4", entry.seq, what)
        inbox.see(entry.event)


def interrupts_escalate(history: History) -> Iterator[Violation]:
    """L15: a turn is interrupted again only with a stricter policy, and the policy is followed:
    `discard` withdraws all that waits, `hold` holds all that is pending, `continue` does neither.
    """
    policies: dict[str, str] = {}
    inbox = ObservedInbox()
    for index, entry in enumerate(history):
        event = entry.event
        if isinstance(event, TurnInterruptRequested):
            before = policies.get(event.turn_id)
            if before and STRICTER.index(event.queued) <= STRICTER.index(before):
                yield Violation("L15", entry.seq, f"{event.queued} after {before}")
            policies[event.turn_id] = event.queued
            due = {
                "continue": ([], []),
                "hold": (inbox.waiting("pending"), []),
                "discard": ([], list(inbox.order)),
            }
            if (claims := _claims_after(history, index)) != due[event.queued]:
                what = f"{event.queued} holds and withdraws {claims}, not {due[event.queued]}"
                yield Violation("L15", entry.seq, what)
        inbox.see(event)


def _claims_after(history: History, index: int) -> tuple[list[str], list[str]]:
    """What the events that directly follow the interrupt at `index` hold and withdraw."""
    held: list[str] = []
    withdrawn: list[str] = []
    for following in range(index + 1, len(history)):
        event = history[following].event
        if decision(event) != decision(history[index].event):
            break
        if isinstance(event, QueueHeld) and event.reason == "interrupt":
            held.extend(event.input_ids)
        elif isinstance(event, PromptWithdrawn) and event.reason == "interrupt":
            withdrawn.append(event.input_id)
        else:
            break
    return held, withdrawn


def failures_hold(history: History) -> Iterator[Violation]:
    """L16: after three failed turns without a completed one, an end does not start the next."""
    failures = 0
    last_end: str | None = None
    for entry in history:
        match entry.event:
            case TurnCompleted(status=status) as event:
                failures = 0 if status == "completed" else failures + (status == "failed")
                last_end = decision(event)
            case QueueReleased():
                failures = 0
            case PromptPromoted(input_id=input_id) as event:
                if decision(event) == last_end and failures >= FAILURES_THAT_HOLD:
                    what = f"{input_id} is started after {failures} failures in a row"
                    yield Violation("L16", entry.seq, what)
            case _:
                pass


def holds_have_a_cause(history: History) -> Iterator[Violation]:
    """L4, L15, L16: prompts are held by a `hold` or by the end of a third failed turn, withdrawn
    (unless by the user) by a `discard`; each by the event before it, in the same command, so that
    nothing admitted after it is claimed."""
    cause: TurnInterruptRequested | TurnCompleted | None = None
    failures = 0
    for entry in history:
        event = entry.event
        if cause is not None and decision(event) != decision(cause):
            cause = None
        match event:
            case TurnInterruptRequested():
                cause = event
            case TurnCompleted(status=status):
                failures = 0 if status == "completed" else failures + (status == "failed")
                cause = event
            case QueueReleased():
                failures = 0
            case QueueHeld(reason="interrupt", turn_id=turn_id):
                if not _interrupted(cause, turn_id, "hold"):
                    yield Violation("L4", entry.seq, f"{turn_id} was not interrupted with hold")
            case QueueHeld(turn_id=turn_id):
                ended = isinstance(cause, TurnCompleted) and cause.turn_id == turn_id
                if not ended or failures < FAILURES_THAT_HOLD:
                    yield Violation("L16", entry.seq, f"held after {failures} failures in a row")
            case PromptWithdrawn(reason="interrupt", input_id=input_id):
                if not _interrupted(cause, None, "discard"):
                    yield Violation("L15", entry.seq, f"nothing discards {input_id}")
            case _:
                cause = None


def interrupts_are_asked_for(history: History) -> Iterator[Violation]:
    """L15: a prompt that interrupts is admitted only when its turn is to stop, by that command or
    before it, so that what becomes of the queue is named; else it would only jump the queue."""
    running = stopping = False
    for entry in history:
        match entry.event:
            case TurnStarted():
                running, stopping = True, False
            case TurnCompleted():
                running = False
            case TurnInterruptRequested():
                stopping = True
            case PromptAdmitted(delivery="interrupt", input_id=i) if running and not stopping:
                yield Violation("L15", entry.seq, f"{i} interrupts, but the turn is not to stop")
            case _:
                pass


def _interrupted(cause: Event | None, turn_id: str | None, policy: str) -> bool:
    return (
        isinstance(cause, TurnInterruptRequested)
        and cause.queued == policy
        and turn_id in (None, cause.turn_id)
    )
