"""The rows of the read models: one class for each table, with its columns as fields.

The fold (`replay.py`) makes these rows from events, the adapter reads them from the tables, and
`verify.py` compares the two. `sql/tables.sql` has the same columns; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.events.approval import CancelReason
from domain.events.base import ItemKind, Json
from domain.events.prompt import PromptOrigin
from domain.events.thread import ForkPoint, Origin
from domain.events.turn import TurnKind
from domain.options import Delivery, QueuePolicy, ThreadSettings, TurnOptions

Status = Literal["in_progress", "completed", "failed", "interrupted"]
PromptState = Literal["pending", "held", "promoted", "withdrawn"]
HeldReason = Literal["interrupt", "failures"]
WithdrawnReason = Literal["user", "interrupt"]
ApprovalState = Literal["pending", "approved", "denied", "cancelled"]


@dataclass(frozen=True)
class ThreadRow:
    """A thread as it is now. `active_turn_id` is the slot, `latest_turn_id` the last turn begun.

    `updated_at` is when its last event was decided; `last_seq` and `last_position` number it.
    """

    thread_id: str
    title: str | None
    settings: ThreadSettings
    origin: Origin | None
    forked_from: ForkPoint | None
    archived: bool
    active_turn_id: str | None
    latest_turn_id: str | None
    turn_count: int
    pending_count: int
    held_count: int
    created_at: datetime
    updated_at: datetime
    last_seq: int
    last_position: int


@dataclass(frozen=True)
class TurnRow:
    """A turn. `interrupt` is the policy last asked for, `interrupt_seq` when first one was.

    `in_context` is false once the turn was rolled back. The token counts are None unless the end
    reported them. `inferred`: no record of the source states its start, or its end.
    """

    thread_id: str
    turn_id: str
    kind: TurnKind
    status: Status
    input_id: str | None
    summary: str
    model: str | None
    options: TurnOptions
    steerable: bool
    in_context: bool
    interrupt: QueuePolicy | None
    interrupt_seq: int | None
    steer_count: int
    item_count: int
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    error: str | None
    started_seq: int
    ended_seq: int | None
    started_at: datetime
    ended_at: datetime | None
    inferred: bool
    source_line: int | None


@dataclass(frozen=True)
class ItemRow:
    """An item. `error` is why it failed, or why it was interrupted."""

    thread_id: str
    item_id: str
    turn_id: str
    kind: ItemKind
    status: Status
    summary: str
    text: str | None
    detail: Json | None
    result: Json | None
    error: str | None
    input_id: str | None
    started_seq: int
    ended_seq: int | None
    started_at: datetime
    ended_at: datetime | None
    inferred: bool
    source_line: int | None


@dataclass(frozen=True)
class PromptRow:
    """A prompt. `delivery` is how it would enter now, `asked_delivery` how it was sent.

    `place` is its place in the inbox, from 1, counting pending and held ones alike; None once it
    has left. `held_reason` is there while it is held. `turn_id` is the turn it was promoted to.
    """

    thread_id: str
    input_id: str
    state: PromptState
    place: int | None
    delivery: Delivery
    asked_delivery: Delivery
    held_reason: HeldReason | None
    withdrawn_reason: WithdrawnReason | None
    text: str
    summary: str
    options: TurnOptions
    route_intent: str | None
    target_turn_id: str | None
    turn_id: str | None
    origin: PromptOrigin
    actor: str
    admitted_seq: int
    promoted_seq: int | None
    withdrawn_seq: int | None
    admitted_at: datetime
    promoted_at: datetime | None
    withdrawn_at: datetime | None
    inferred: bool
    source_line: int | None


@dataclass(frozen=True)
class ApprovalRow:
    """Something a turn may do only if somebody allows it: for the item `item_id`, or by itself.

    `decided_by` is who answered, `note` what they said to it. `cancelled_reason` is there if nobody
    needs an answer any more. `resolved_seq` is its end's, whichever it was.
    """

    thread_id: str
    approval_id: str
    turn_id: str
    item_id: str | None
    state: ApprovalState
    summary: str
    detail: Json | None
    asked_by: str
    decided_by: str | None
    note: str | None
    cancelled_reason: CancelReason | None
    requested_seq: int
    resolved_seq: int | None
    requested_at: datetime
    resolved_at: datetime | None
    inferred: bool
    source_line: int | None


Row = ThreadRow | TurnRow | ItemRow | PromptRow | ApprovalRow


@dataclass(frozen=True, slots=True)
class ThreadRows:
    """Everything the read models have of one thread.

    Turns and items in the order they began, prompts in the order they were admitted, approvals in
    the order they were asked for.
    """

    thread: ThreadRow | None
    turns: tuple[TurnRow, ...]
    items: tuple[ItemRow, ...]
    prompts: tuple[PromptRow, ...]
    approvals: tuple[ApprovalRow, ...] = ()

    @property
    def open_approvals(self) -> tuple[ApprovalRow, ...]:
        """Those that nobody has answered yet."""
        return tuple(approval for approval in self.approvals if approval.state == "pending")

    @property
    def inbox(self) -> tuple[PromptRow, ...]:
        """The prompts that wait, in inbox order."""
        waiting = [(prompt.place, prompt) for prompt in self.prompts if prompt.place is not None]
        return tuple(prompt for _, prompt in sorted(waiting, key=lambda entry: entry[0]))
