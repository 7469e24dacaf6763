"""Interrupt the active turn, and what that does to the prompts waiting behind it (L4, L15)."""

from __future__ import annotations

from domain import inbox
from domain.command import Command
from domain.decide.approvals import cancel_approvals
from domain.events.base import Event
from domain.events.prompt import PromptWithdrawn, QueueHeld
from domain.events.turn import TurnInterruptRequested
from domain.options import ESCALATION, QueuePolicy
from domain.thread import Thread
from domain.turn import Turn


def decide_interrupt(
    turn_id: str, queued: QueuePolicy | None, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """Ask that turn to stop; `TurnNotActive` if it is not the active one (D4).

    A second interrupt is answered with no event unless it is stricter than the first.
    """
    return request_interrupt(queued, thread.active(turn_id), command, thread)


def request_interrupt(
    queued: QueuePolicy | None, turn: Turn, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """The request, the claims its policy makes on the prompts admitted so far, and the end of all
    approvals the turn waits for.

    Without a policy of its own it takes the one the turn was interrupted with, so that pressing
    stop twice changes nothing (L15), and else the thread's.
    """
    policy = queued or turn.interrupt or thread.settings.queue_on_interrupt
    if turn.interrupt and ESCALATION.index(policy) <= ESCALATION.index(turn.interrupt):
        return ()
    header = command.header(thread.thread_id)
    request = TurnInterruptRequested(**header, turn_id=turn.turn_id, queued=policy)
    cancelled = cancel_approvals("interrupt", turn, command, thread)
    return (request, *_claims(policy, turn, command, thread), *cancelled)


def _claims(policy: QueuePolicy, turn: Turn, command: Command, thread: Thread) -> tuple[Event, ...]:
    header = command.header(thread.thread_id)
    if policy == "discard":
        return tuple(
            PromptWithdrawn(**header, input_id=p.input_id, text=p.text, reason="interrupt")
            for p in thread.inbox
        )
    waiting = tuple(prompt.input_id for prompt in inbox.pending(thread.inbox))
    if policy == "continue" or not waiting:
        return ()
    return (QueueHeld(**header, input_ids=waiting, reason="interrupt", turn_id=turn.turn_id),)
