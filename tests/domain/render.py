"""A history as lines to compare: the event's name and what matters about it, ids as test names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from domain.events.approval import ApprovalEvent, ApprovalRequested, ApprovalResolved
from domain.events.base import Event
from domain.events.item import ItemCompleted, ItemEvent, ItemFailed, ItemInterrupted, ItemStarted
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
from tests.domain.world import label, turn_names

Names = Mapping[str, str]


def lines(history: Sequence[Recorded], *, after_seq: int = 0) -> list[str]:
    """One line an event; names are looked up in the whole history."""
    turns = turn_names(history)
    items = {
        entry.event.item_id: entry.event.kind
        for entry in history
        if isinstance(entry.event, ItemStarted)
    }
    say = partial(line, turns=turns, items=items)
    return [say(entry.event) for entry in history if entry.seq > after_seq]


def line(event: Event, turns: Names, items: Names) -> str:
    """The event in the words of the tests."""
    words = [event.name, *_words(event, turns, items)]
    return " ".join(word for word in words if word)


def _words(event: Event, turns: Names, items: Names) -> list[str]:
    match event:
        case ThreadCreated() | ThreadUpdated():
            return [repr(event.title) if event.title is not None else ""]
        case ThreadRolledBack():
            return [*(turns[turn] for turn in event.turn_ids), event.reason]
        case TurnStarted():
            return [turns[event.turn_id], event.kind, "" if event.steerable else "unsteerable"]
        case TurnSteered():
            return [turns[event.turn_id], "with", label(event.input_id)]
        case TurnInterruptRequested():
            return [turns[event.turn_id], event.queued]
        case TurnCompleted():
            return [turns[event.turn_id], event.status, repr(event.error) if event.error else ""]
        case ApprovalEvent():
            return _approval_words(event, turns, items)
        case ItemEvent():
            return _item_words(event, turns, items)
        case _:
            return _prompt_words(event, turns)


def _prompt_words(event: Event, turns: Names) -> list[str]:
    match event:
        case PromptAdmitted():
            target = event.target_turn_id
            return [
                label(event.input_id),
                event.delivery,
                f"for {turns[target]}" if target else "",
                f"held={event.held}" if event.held else "",
                f"replaced={event.replaced}" if event.replaced else "",
            ]
        case PromptPromoted():
            return [label(event.input_id), "into", turns[event.turn_id]]
        case PromptWithdrawn():
            return [label(event.input_id), event.reason]
        case PromptEdited():
            replaced = f"replaced={event.replaced}" if event.replaced else ""
            return [label(event.input_id), repr(event.text), replaced]
        case PromptRedelivered():
            target = event.target_turn_id
            return [
                label(event.input_id),
                event.delivery,
                f"for {turns[target]}" if target else "",
            ]
        case PromptMoved():
            return [label(event.input_id), "in", *map(label, event.input_ids)]
        case QueueHeld():
            claimed = map(label, event.input_ids)
            return [*claimed, event.reason, f"of {turns[event.turn_id]}"]
        case QueueReleased():
            return [*map(label, event.input_ids)]
        case _:
            return []


def _approval_words(event: ApprovalEvent, turns: Names, items: Names) -> list[str]:
    where = [turns[event.turn_id], event.approval_id.removeprefix("appr_")]
    match event:
        case ApprovalRequested():
            return [*where, f"for {items[event.item_id]}" if event.item_id else ""]
        case ApprovalResolved():
            return [*where, event.decision, repr(event.note) if event.note else ""]
        case _:
            return [*where, str(getattr(event, "reason", ""))]


def _item_words(event: ItemEvent, turns: Names, items: Names) -> list[str]:
    where = [turns[event.turn_id], items.get(event.item_id, "unknown item")]
    match event:
        case ItemStarted():
            return [*where, label(event.input_id) if event.input_id else ""]
        case ItemCompleted():
            return [*where, repr(event.text) if event.text is not None else ""]
        case ItemFailed():
            return [*where, repr(event.error)]
        case ItemInterrupted():
            return [*where, repr(event.reason)]
        case _:
            return where
