"""End the active turn and drain, in one append (D6, D13)."""

from __future__ import annotations

from typing import Final

from domain import inbox, text
from domain.command import Command
from domain.decide.approvals import cancel_approvals
from domain.decide.promote import drain
from domain.errors import SteersPending
from domain.events.base import Event, Usage
from domain.events.item import ItemFailed, ItemInterrupted
from domain.events.turn import TurnCompleted, TurnStatus
from domain.thread import Thread, fold
from domain.turn import OpenItem, Turn

WORKER_LOST: Final = "worker lost"


def decide_finish(
    turn_id: str,
    status: TurnStatus,
    error: str | None,
    usage: Usage | None,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """Open approvals are cancelled, open items end, the turn ends, the next prompt starts.

    `TurnNotActive`, or `SteersPending` when it would complete over a steer it could still take.
    """
    turn = thread.active(turn_id)
    waiting = len(inbox.steers(thread.inbox)) if turn.steerable else 0
    if status == "completed" and waiting:
        raise SteersPending(turn_id=turn_id, count=waiting)
    reason = text.shorten_error(error) if error else None
    end = TurnCompleted(
        **command.header(thread.thread_id),
        turn_id=turn_id,
        status=status,
        error=reason,
        usage=usage,
    )
    cancelled = cancel_approvals("end", turn, command, thread)
    ending = (*cancelled, *_close_items(turn, status, reason, command, thread), end)
    return (*ending, *drain(turn_id, command, fold(thread, ending)))


def decide_start_failed(
    turn_id: str, error: str, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """The engine could not start: as a failed end, so the follow-up is not dropped (D7)."""
    return decide_finish(turn_id, "failed", error, None, command, thread)


def decide_recover(turn_id: str, command: Command, thread: Thread) -> tuple[Event, ...]:
    """The turn's worker is gone: as an interrupted end, by an event (D16).

    Whoever calls this has made sure that the turn's lease has run out.
    """
    return decide_finish(turn_id, "interrupted", WORKER_LOST, None, command, thread)


def _close_items(
    turn: Turn, status: TurnStatus, reason: str | None, command: Command, thread: Thread
) -> tuple[Event, ...]:
    return tuple(_close(item, turn, status, reason, command, thread) for item in turn.open_items)


def _close(
    item: OpenItem,
    turn: Turn,
    status: TurnStatus,
    reason: str | None,
    command: Command,
    thread: Thread,
) -> Event:
    header = command.header(thread.thread_id)
    if status == "failed":
        error = reason or "the turn failed"
        return ItemFailed(**header, turn_id=turn.turn_id, item_id=item.item_id, error=error)
    why = reason or f"the turn was {status}"
    return ItemInterrupted(**header, turn_id=turn.turn_id, item_id=item.item_id, reason=why)
