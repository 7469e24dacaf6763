"""Rows as single events make them and change them, for the fold."""

from __future__ import annotations

from domain import inbox as inboxes
from domain.events.base import Event, Usage
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import PromptAdmitted, PromptPromoted, PromptWithdrawn
from domain.events.turn import (
    TurnCompleted,
    TurnInterruptRequested,
    TurnStarted,
    TurnSteered,
)
from domain.replacing import replace
from domain.thread import Thread
from projections.rows import ItemRow, PromptRow, Status, TurnRow

ItemEnd = ItemCompleted | ItemFailed | ItemInterrupted


def prompt_admitted(event: PromptAdmitted, seq: int) -> PromptRow:
    """A prompt that has just entered; its place is the inbox's to say."""
    return PromptRow(
        thread_id=event.thread_id,
        input_id=event.input_id,
        state="pending",
        place=None,
        delivery=event.delivery,
        asked_delivery=event.delivery,
        held_reason=None,
        withdrawn_reason=None,
        text=event.text,
        summary=event.summary,
        options=event.options,
        route_intent=event.route_intent,
        target_turn_id=event.target_turn_id,
        turn_id=None,
        origin=event.origin,
        actor=event.actor,
        admitted_seq=seq,
        promoted_seq=None,
        withdrawn_seq=None,
        admitted_at=event.at,
        promoted_at=None,
        withdrawn_at=None,
        inferred=_inferred(event),
        source_line=_source_line(event),
    )


def prompt_left(
    event: PromptPromoted | PromptWithdrawn, seq: int, row: PromptRow, before: Thread
) -> PromptRow:
    """A prompt that has left the inbox of `before`; ValueError if it was not in it."""
    # How it waited in the end is what it left as.
    left = replace(
        row,
        delivery=waiting(event.input_id, before).delivery,
        inferred=row.inferred or _inferred(event),
    )
    if isinstance(event, PromptPromoted):
        return replace(
            left, state="promoted", turn_id=event.turn_id, promoted_seq=seq, promoted_at=event.at
        )
    return replace(
        left,
        state="withdrawn",
        withdrawn_reason=event.reason,
        withdrawn_seq=seq,
        withdrawn_at=event.at,
    )


def waiting(input_id: str, thread: Thread) -> inboxes.Prompt:
    """That prompt of the inbox; ValueError if it is not in it."""
    prompt = inboxes.find(input_id, thread.inbox)
    if prompt is None:
        raise ValueError(f"{input_id} does not wait")
    return prompt


def turn_started(event: TurnStarted, seq: int) -> TurnRow:
    """A turn that has just begun."""
    return TurnRow(
        thread_id=event.thread_id,
        turn_id=event.turn_id,
        kind=event.kind,
        status="in_progress",
        input_id=event.input_id,
        summary=event.summary,
        model=event.options.model,
        options=event.options,
        steerable=event.steerable,
        in_context=True,
        interrupt=None,
        interrupt_seq=None,
        steer_count=0,
        item_count=0,
        input_tokens=None,
        cached_input_tokens=None,
        output_tokens=None,
        reasoning_tokens=None,
        error=None,
        started_seq=seq,
        ended_seq=None,
        started_at=event.at,
        ended_at=None,
        inferred=_inferred(event),
        source_line=_source_line(event),
    )


def turn_moved(
    event: TurnSteered | TurnInterruptRequested | TurnCompleted, seq: int, row: TurnRow
) -> TurnRow:
    """A turn after an event of its own that is not of an item."""
    match event:
        case TurnSteered():
            return replace(row, steer_count=row.steer_count + 1)
        case TurnInterruptRequested():
            first = seq if row.interrupt_seq is None else row.interrupt_seq
            return replace(row, interrupt=event.queued, interrupt_seq=first)
        case TurnCompleted():
            return _with_usage(event.usage, _turn_ended(event, seq, row))


def _turn_ended(event: TurnCompleted, seq: int, row: TurnRow) -> TurnRow:
    return replace(
        row,
        status=event.status,
        error=event.error,
        ended_seq=seq,
        ended_at=event.at,
        inferred=row.inferred or _inferred(event),
    )


def _with_usage(usage: Usage | None, row: TurnRow) -> TurnRow:
    if usage is None:
        return row
    return replace(
        row,
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def item_started(event: ItemStarted, seq: int) -> ItemRow:
    """An item that has just begun."""
    return ItemRow(
        thread_id=event.thread_id,
        item_id=event.item_id,
        turn_id=event.turn_id,
        kind=event.kind,
        status="in_progress",
        summary=event.summary,
        text=None,
        detail=event.detail,
        result=None,
        error=None,
        input_id=event.input_id,
        started_seq=seq,
        ended_seq=None,
        started_at=event.at,
        ended_at=None,
        inferred=_inferred(event),
        source_line=_source_line(event),
    )


def item_ended(event: ItemEnd, seq: int, row: ItemRow, before: Thread) -> ItemRow:
    """An item that has ended in the turn of `before`; ItemNotOpen or ValueError if it cannot."""
    if before.turn is None:
        raise ValueError(f"{event.item_id} ends in no turn")
    before.turn.open_item(event.item_id)  # else ItemNotOpen
    status, error = _how(event)
    return replace(
        row,
        status=status,
        text=event.text,
        result=event.result,
        error=error,
        ended_seq=seq,
        ended_at=event.at,
        inferred=row.inferred or _inferred(event),
    )


def _how(event: ItemEnd) -> tuple[Status, str | None]:
    match event:
        case ItemCompleted():
            return "completed", None
        case ItemFailed():
            return "failed", event.error
        case ItemInterrupted():
            return "interrupted", event.reason


def _inferred(event: Event) -> bool:
    return event.source is not None and event.source.inferred


def _source_line(event: Event) -> int | None:
    return event.source.line if event.source else None
