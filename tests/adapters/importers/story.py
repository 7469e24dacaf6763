"""A history as lines a test can compare: where in the file it comes from, and what it says.

`3: turn 1 starts with 'hello'` is from line 3; `3?:` is inferred there; ` [why]` is the note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.events.base import Event, TurnEvent
from domain.events.item import ItemCompleted, ItemEvent, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import (
    PromptAdmitted,
    PromptPromoted,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.thread import ThreadCreated, ThreadUpdated
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted, TurnSteered


@dataclass
class _Names:
    turns: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    user_messages: set[str] = field(default_factory=set)

    def turn(self, turn_id: str) -> str:
        return f"turn {self.turns.setdefault(turn_id, len(self.turns) + 1)}"

    def text(self, input_id: str | None) -> str:
        return repr(self.texts[input_id]) if input_id else "no prompt"


def story(events: Sequence[Event]) -> list[str]:
    """One line an event; promotions and the user messages they bring are told with their turn."""
    names = _Names()
    told = [(event, _say(event, names)) for event in events]
    return [f"{_where(event)}: {line}{_note(event)}" for event, line in told if line]


def _where(event: Event) -> str:
    assert event.source is not None
    part = f".{event.source.part}" if event.source.part > 1 else ""
    return f"{event.source.line}{part}{'?' if event.source.inferred else ''}"


def _note(event: Event) -> str:
    assert event.source is not None
    return f" [{event.source.note}]" if event.source.note else ""


def _say(event: Event, names: _Names) -> str:
    match event:
        case ThreadCreated():
            made_from = event.origin
            assert made_from is not None
            parent = f", from {made_from.parent_native_id}" if made_from.parent_native_id else ""
            return f"thread {made_from.format} {made_from.native_id}{parent}"
        case ThreadUpdated():
            return f"title {event.title!r}"
        case PromptAdmitted():
            names.texts[event.input_id] = event.text
            origin = "" if event.origin == "human" else f" from {event.origin}"
            return f"{event.text!r} admitted to {event.delivery}{origin}"
        case PromptPromoted():
            return ""
        case PromptWithdrawn():
            return f"{names.text(event.input_id)} withdrawn"
        case QueueHeld():
            return f"held: {', '.join(map(names.text, event.input_ids))}"
        case QueueReleased():
            return f"released: {', '.join(map(names.text, event.input_ids))}"
        case TurnEvent():
            return _say_turn(event, names)
        case _:
            return event.name


def _say_turn(event: TurnEvent, names: _Names) -> str:
    turn = names.turn(event.turn_id)
    match event:
        case TurnStarted():
            kind = "" if event.kind == "prompt" else f" a {event.kind}"
            return f"{turn} starts{kind} with {names.text(event.input_id)}"
        case TurnSteered():
            return f"{turn} takes in {names.text(event.input_id)}"
        case TurnInterruptRequested():
            return f"{turn} must stop"
        case TurnCompleted():
            return f"{turn} {event.status}{f': {event.error}' if event.error else ''}"
        case ItemEvent():
            return _say_item(event, names)
        case _:
            return f"{turn} {event.name}"


def _say_item(event: ItemEvent, names: _Names) -> str:
    match event:
        case ItemStarted():
            names.kinds[event.item_id] = event.kind
            if event.input_id:
                names.user_messages.add(event.item_id)
                return ""
            return f"{event.kind} {event.summary!r}"
        case ItemCompleted():
            if event.item_id in names.user_messages:
                return ""
            return f"{names.kinds[event.item_id]} completed {event.text!r}"
        case ItemFailed():
            return f"{names.kinds[event.item_id]} failed ({event.error}) {event.text!r}"
        case ItemInterrupted():
            return f"{names.kinds[event.item_id]} interrupted ({event.reason}) {event.text!r}"
        case _:
            return event.name
