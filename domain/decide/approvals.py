"""Ask for an approval, answer it, and give it up when its turn or its item is over (L9)."""

from __future__ import annotations

from domain import ids, text
from domain.command import Command
from domain.errors import ApprovalClosed, InterruptRequested
from domain.events.approval import (
    ApprovalCancelled,
    ApprovalDecision,
    ApprovalRequested,
    ApprovalResolved,
    CancelReason,
)
from domain.events.base import Event, Json
from domain.thread import Thread
from domain.turn import OpenApproval, Turn


def decide_request_approval(
    approval_id: str,
    turn_id: str,
    summary: str,
    item_id: str | None,
    detail: Json | None,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """The active turn waits for an answer, for itself or for an open item.

    `TurnNotActive`, `InterruptRequested` once the turn is to stop, `ItemNotOpen`.
    """
    turn = thread.active(turn_id)
    if turn.interrupt is not None:
        raise InterruptRequested(turn_id=turn_id)
    if item_id is not None:
        turn.open_item(item_id)
    return (
        ApprovalRequested(
            **command.header(thread.thread_id),
            turn_id=turn_id,
            approval_id=ids.check("appr", approval_id),
            item_id=item_id,
            summary=text.summarize(text.clean(summary).text),
            detail=text.clean_json(detail),
        ),
    )


def decide_resolve_approval(
    approval_id: str,
    decision: ApprovalDecision,
    note: str | None,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """The answer, by the command's actor; `ApprovalClosed` if it comes too late, or to nothing."""
    turn = thread.known().turn
    approval = turn.open_approval(approval_id) if turn is not None else None
    if turn is None or approval is None:
        raise ApprovalClosed(approval_id=approval_id, thread_id=thread.thread_id)
    return (
        ApprovalResolved(
            **command.header(thread.thread_id),
            turn_id=turn.turn_id,
            approval_id=approval_id,
            decision=decision,
            note=text.shorten_error(note) if note else None,
        ),
    )


def cancel_approvals(
    reason: CancelReason, turn: Turn, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """All that are open are cancelled."""
    return _cancel(turn.open_approvals, reason, turn, command, thread)


def cancel_approvals_of(
    item_id: str, turn: Turn, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """Those that the item waits for are cancelled, as it ends."""
    its = tuple(approval for approval in turn.open_approvals if approval.item_id == item_id)
    return _cancel(its, "item", turn, command, thread)


def _cancel(
    approvals: tuple[OpenApproval, ...],
    reason: CancelReason,
    turn: Turn,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    header = command.header(thread.thread_id)
    return tuple(
        ApprovalCancelled(
            **header, turn_id=turn.turn_id, approval_id=approval.approval_id, reason=reason
        )
        for approval in approvals
    )
