"""Laws about turns and their items: L1, L8, L9, and what leaves the context."""

from __future__ import annotations

from collections.abc import Iterator

from domain.events.base import TurnEvent
from domain.events.item import ItemEvent, ItemStarted
from domain.events.thread import ThreadRolledBack
from domain.events.turn import (
    TurnCompleted,
    TurnInterruptRequested,
    TurnStarted,
    TurnSteered,
)
from domain.predicates.history import History, Violation


def one_slot(history: History) -> Iterator[Violation]:
    """L1: never two active turns, and one start and one end a turn."""
    active: str | None = None
    started: set[str] = set()
    for entry in history:
        match entry.event:
            case TurnStarted(turn_id=turn_id):
                if active is not None:
                    yield Violation("L1", entry.seq, f"{turn_id} starts while {active} is active")
                if turn_id in started:
                    yield Violation("L1", entry.seq, f"{turn_id} starts a second time")
                started.add(turn_id)
                active = turn_id
            case TurnCompleted(turn_id=turn_id):
                if active != turn_id:
                    yield Violation("L1", entry.seq, f"{turn_id} ends, but {active} is active")
                active = None
            case _:
                pass


def interrupts_stop(history: History) -> Iterator[Violation]:
    """L8: nothing steers an interrupted turn, and an interrupt names the active one."""
    active: str | None = None
    interrupted: set[str] = set()
    for entry in history:
        match entry.event:
            case TurnStarted(turn_id=turn_id):
                active = turn_id
            case TurnCompleted():
                active = None
            case TurnInterruptRequested(turn_id=turn_id):
                interrupted.add(turn_id)
                if turn_id != active:
                    what = f"{turn_id} is interrupted, but {active} is active"
                    yield Violation("L8", entry.seq, what)
            case TurnSteered(turn_id=turn_id) if turn_id in interrupted or turn_id != active:
                yield Violation("L8", entry.seq, f"{turn_id} is steered, but it may not be")
            case _:
                pass


def ends_are_final(history: History) -> Iterator[Violation]:
    """L9: a turn gets no event after its end, and none before its start; it leaves no item open;
    items begin and end once."""
    started: set[str] = set()
    ended: set[str] = set()
    begun: set[str] = set()
    still_open: dict[str, str] = {}
    for entry in history:
        event = entry.event
        if not isinstance(event, TurnEvent):
            continue
        if event.turn_id in ended:
            yield Violation("L9", entry.seq, f"{event.turn_id} has ended, but gets {event.name}")
        if isinstance(event, TurnStarted):
            started.add(event.turn_id)
        elif event.turn_id not in started:
            yield Violation("L9", entry.seq, f"{event.turn_id} has not begun: {event.name}")
        if isinstance(event, ItemStarted):
            if event.item_id in begun:
                yield Violation("L9", entry.seq, f"{event.item_id} begins a second time")
            begun.add(event.item_id)
            still_open[event.item_id] = event.turn_id
        elif isinstance(event, ItemEvent):
            if still_open.pop(event.item_id, None) != event.turn_id:
                yield Violation("L9", entry.seq, f"{event.item_id} ends, but is not open")
        elif isinstance(event, TurnCompleted):
            ended.add(event.turn_id)
            for item_id in [i for i, turn in still_open.items() if turn == event.turn_id]:
                yield Violation("L9", entry.seq, f"{event.turn_id} ends with {item_id} open")


def rollbacks_end_the_context(history: History) -> Iterator[Violation]:
    """A rollback names the last turns of the context, from a prompted one on, while none is active
    (the command table)."""
    context: list[TurnStarted] = []
    active = False
    for entry in history:
        match entry.event:
            case TurnStarted() as event:
                context.append(event)
                active = True
            case TurnCompleted():
                active = False
            case ThreadRolledBack(turn_ids=turn_ids):
                leaving = context[len(context) - len(turn_ids) :]
                whole = [turn.turn_id for turn in leaving] == list(turn_ids)
                if active or not leaving or not whole or leaving[0].input_id is None:
                    yield Violation("L12", entry.seq, "the rollback names no end of the context")
                context = context[: len(context) - len(turn_ids)]
            case _:
                pass
