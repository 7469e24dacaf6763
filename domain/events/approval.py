"""Events of approvals: what a turn may do only if somebody allows it.

Whoever resolves one is the event's `actor`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from domain.events.base import Json, TurnEvent

ApprovalDecision = Literal["approved", "denied"]
CancelReason = Literal["interrupt", "item", "end"]


class ApprovalEvent(TurnEvent):
    approval_id: str


class ApprovalRequested(ApprovalEvent):
    """The turn asks; `item_id` is the item that waits for the answer, if there is one."""

    name: ClassVar[str] = "approval.requested"
    summary: str
    item_id: str | None = None
    detail: Json | None = None


class ApprovalResolved(ApprovalEvent):
    name: ClassVar[str] = "approval.resolved"
    decision: ApprovalDecision
    note: str | None = None


class ApprovalCancelled(ApprovalEvent):
    """Nobody needs the answer any more: its turn is to stop or ends, or its item has ended."""

    name: ClassVar[str] = "approval.cancelled"
    reason: CancelReason
