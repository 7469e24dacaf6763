"""Rows as single events make them and change them, for the fold.

They are changed where they are (see `drafts.py`): the fold has not shown them to anybody yet. Where
most events come by, the fields of event and row are taken as the dicts they are: by attribute and
by keyword it takes twice as long. (A test compares them with the fields of the rows.)
"""

from __future__ import annotations

from domain import inbox as inboxes
from domain.events.approval import ApprovalCancelled, ApprovalRequested, ApprovalResolved
from domain.events.base import Event
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import (
    PromptAdmitted,
    PromptEdited,
    PromptPromoted,
    PromptRedelivered,
    PromptWithdrawn,
)
from domain.events.turn import (
    TurnCompleted,
    TurnInterruptRequested,
    TurnStarted,
    TurnSteered,
)
from domain.thread import Thread
from projections.drafts import amend, draft
from projections.rows import ApprovalRow, ItemRow, PromptRow, Status, TurnRow

ItemEnd = ItemCompleted | ItemFailed | ItemInterrupted


def prompt_admitted(event: PromptAdmitted, seq: int) -> PromptRow:
    """A prompt that has just entered; its place is the inbox's to say."""
    said = event.__dict__
    return draft(
        PromptRow,
        {
            "thread_id": said["thread_id"],
            "input_id": said["input_id"],
            "state": "pending",
            "place": None,
            "delivery": said["delivery"],
            "asked_delivery": said["delivery"],
            "held_reason": None,
            "withdrawn_reason": None,
            "text": said["text"],
            "summary": said["summary"],
            "options": said["options"],
            "route_intent": said["route_intent"],
            "target_turn_id": said["target_turn_id"],
            "turn_id": None,
            "origin": said["origin"],
            "actor": said["actor"],
            "admitted_seq": seq,
            "promoted_seq": None,
            "withdrawn_seq": None,
            "admitted_at": said["at"],
            "promoted_at": None,
            "withdrawn_at": None,
            "inferred": _inferred(event),
            "source_line": _source_line(event),
        },
    )


def prompt_promoted(event: PromptPromoted, seq: int, row: PromptRow, before: Thread) -> None:
    """The prompt leaves the inbox of `before` for a turn; ValueError if it was not in it."""
    amend(
        row,
        state="promoted",
        # How it waited in the end is what it left as.
        delivery=waiting(event.input_id, before).delivery,
        turn_id=event.turn_id,
        promoted_seq=seq,
        promoted_at=event.at,
        inferred=row.inferred or _inferred(event),
    )


def prompt_withdrawn(event: PromptWithdrawn, seq: int, row: PromptRow, before: Thread) -> None:
    """The prompt leaves the inbox of `before` unread; ValueError if it was not in it."""
    amend(
        row,
        state="withdrawn",
        delivery=waiting(event.input_id, before).delivery,
        withdrawn_reason=event.reason,
        withdrawn_seq=seq,
        withdrawn_at=event.at,
        inferred=row.inferred or _inferred(event),
    )


def prompt_edited(event: PromptEdited, row: PromptRow, before: Thread) -> None:
    """The prompt says something else; ValueError if it did not wait."""
    waiting(event.input_id, before)
    amend(
        row,
        text=event.text,
        summary=event.summary,
        options=event.options,
        route_intent=event.route_intent,
    )


def prompt_redelivered(event: PromptRedelivered, row: PromptRow, before: Thread) -> None:
    """The prompt is meant for another turn, or none; ValueError if it did not wait."""
    waiting(event.input_id, before)
    amend(row, target_turn_id=event.target_turn_id)


def waiting(input_id: str, thread: Thread) -> inboxes.Prompt:
    """That prompt of the inbox; ValueError if it is not in it."""
    prompt = inboxes.find(input_id, thread.inbox)
    if prompt is None:
        raise ValueError(f"{input_id} does not wait")
    return prompt


def turn_started(event: TurnStarted, seq: int) -> TurnRow:
    """A turn that has just begun."""
    said = event.__dict__
    return draft(
        TurnRow,
        {
            "thread_id": said["thread_id"],
            "turn_id": said["turn_id"],
            "kind": said["kind"],
            "status": "in_progress",
            "input_id": said["input_id"],
            "summary": said["summary"],
            "model": event.options.model,
            "options": said["options"],
            "steerable": said["steerable"],
            "in_context": True,
            "interrupt": None,
            "interrupt_seq": None,
            "steer_count": 0,
            "item_count": 0,
            "input_tokens": None,
            "cached_input_tokens": None,
            "output_tokens": None,
            "reasoning_tokens": None,
            "error": None,
            "started_seq": seq,
            "ended_seq": None,
            "started_at": said["at"],
            "ended_at": None,
            "inferred": _inferred(event),
            "source_line": _source_line(event),
        },
    )


def turn_steered(_event: TurnSteered, _seq: int, row: TurnRow) -> None:
    """A prompt went into the running turn."""
    amend(row, steer_count=row.steer_count + 1)


def interrupt_requested(event: TurnInterruptRequested, seq: int, row: TurnRow) -> None:
    """The running turn was asked to stop, perhaps once more."""
    first = seq if row.interrupt_seq is None else row.interrupt_seq
    amend(row, interrupt=event.queued, interrupt_seq=first)


def turn_completed(event: TurnCompleted, seq: int, row: TurnRow) -> None:
    """The turn is over."""
    amend(
        row,
        status=event.status,
        error=event.error,
        ended_seq=seq,
        ended_at=event.at,
        inferred=row.inferred or _inferred(event),
    )
    if (usage := event.usage) is not None:
        amend(
            row,
            input_tokens=usage.input_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            output_tokens=usage.output_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        )


def item_started(event: ItemStarted, seq: int) -> ItemRow:
    """An item that has just begun."""
    said = event.__dict__
    return draft(
        ItemRow,
        {
            "thread_id": said["thread_id"],
            "item_id": said["item_id"],
            "turn_id": said["turn_id"],
            "kind": said["kind"],
            "status": "in_progress",
            "summary": said["summary"],
            "text": None,
            "detail": said["detail"],
            "result": None,
            "error": None,
            "input_id": said["input_id"],
            "started_seq": seq,
            "ended_seq": None,
            "started_at": said["at"],
            "ended_at": None,
            "inferred": _inferred(event),
            "source_line": _source_line(event),
        },
    )


def item_completed(event: ItemCompleted, seq: int, row: ItemRow) -> None:
    """The item is done."""
    _end_item(event, seq, row, "completed", None)


def item_failed(event: ItemFailed, seq: int, row: ItemRow) -> None:
    """The item went wrong."""
    _end_item(event, seq, row, "failed", event.error)


def item_interrupted(event: ItemInterrupted, seq: int, row: ItemRow) -> None:
    """The item was cut short."""
    _end_item(event, seq, row, "interrupted", event.reason)


def _end_item(event: ItemEnd, seq: int, row: ItemRow, status: Status, error: str | None) -> None:
    said = event.__dict__
    row.__dict__.update(
        {
            "status": status,
            "text": said["text"],
            "result": said["result"],
            "error": error,
            "ended_seq": seq,
            "ended_at": said["at"],
            "inferred": row.inferred or _inferred(event),
        }
    )


def approval_requested(event: ApprovalRequested, seq: int) -> ApprovalRow:
    """An approval that has just been asked for."""
    return ApprovalRow(
        thread_id=event.thread_id,
        approval_id=event.approval_id,
        turn_id=event.turn_id,
        item_id=event.item_id,
        state="pending",
        summary=event.summary,
        detail=event.detail,
        asked_by=event.actor,
        decided_by=None,
        note=None,
        cancelled_reason=None,
        requested_seq=seq,
        resolved_seq=None,
        requested_at=event.at,
        resolved_at=None,
        inferred=_inferred(event),
        source_line=_source_line(event),
    )


def approval_resolved(event: ApprovalResolved, seq: int, row: ApprovalRow, before: Thread) -> None:
    """Somebody has answered; ValueError if it was not open in `before`."""
    _end_approval(event, seq, row, before)
    amend(row, state=event.decision, decided_by=event.actor, note=event.note)


def approval_cancelled(
    event: ApprovalCancelled, seq: int, row: ApprovalRow, before: Thread
) -> None:
    """Nobody needs the answer any more; ValueError if it was not open in `before`."""
    _end_approval(event, seq, row, before)
    amend(row, state="cancelled", cancelled_reason=event.reason)


def _end_approval(
    event: ApprovalResolved | ApprovalCancelled, seq: int, row: ApprovalRow, before: Thread
) -> None:
    if before.turn is None or before.turn.open_approval(event.approval_id) is None:
        raise ValueError(f"{event.approval_id} is not open")
    inferred = row.inferred or _inferred(event)
    amend(row, resolved_seq=seq, resolved_at=event.at, inferred=inferred)


def _inferred(event: Event) -> bool:
    source = event.__dict__["source"]
    return source is not None and source.inferred


def _source_line(event: Event) -> int | None:
    source = event.__dict__["source"]
    return source.line if source is not None else None
