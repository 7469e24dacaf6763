"""The decisions only imported history needs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.command import Command
from domain.decide.compact import decide_compact
from domain.decide.history import decide_take_first_steer, decide_unprompted_turn
from domain.decide.interrupt import decide_interrupt
from domain.decide.lifecycle import decide_create
from domain.decide.submit import NewPrompt, decide_submit
from domain.errors import (
    InterruptRequested,
    PromptNotWaiting,
    ThreadBusy,
    ThreadNotFound,
    TurnNotActive,
)
from domain.events.base import Event
from domain.options import Delivery, Routing, ThreadSettings
from domain.thread import Thread, fold

AT = datetime(2026, 1, 1, tzinfo=UTC)


def command(name: str = "c") -> Command:
    return Command(f"cmd_{name}", "import:test", AT, name.encode().ljust(16, b"\0"))


def created() -> Thread:
    thread = Thread("thr_1")
    return fold(thread, decide_create(None, ThreadSettings(), None, command(), thread))


def prompted(thread: Thread, name: str, delivery: Delivery | None = None) -> Thread:
    prompt = NewPrompt(f"inp_{name}", name, delivery)
    return fold(thread, decide_submit(prompt, Routing(), command(name), thread))


def names(events: tuple[Event, ...]) -> list[str]:
    return [event.name for event in events]


def test_an_unprompted_turn_takes_the_free_slot() -> None:
    thread = created()
    events = decide_unprompted_turn("(no\0prompt)", command(), thread)
    assert names(events) == ["turn.started"]
    after = fold(thread, events)
    assert after.turn is not None
    assert (after.turn.input_id, after.turn.steerable) == (None, True)
    assert not after.context[-1].prompted


def test_an_unprompted_turn_needs_a_free_slot_and_a_thread() -> None:
    with pytest.raises(ThreadBusy):
        decide_unprompted_turn("x", command(), prompted(created(), "a"))
    with pytest.raises(ThreadNotFound):
        decide_unprompted_turn("x", command(), Thread("thr_1"))


def test_the_first_steer_alone_enters_the_turn() -> None:
    thread = prompted(prompted(prompted(created(), "a"), "b", "steer"), "c", "steer")
    assert thread.turn is not None
    events = decide_take_first_steer(thread.turn.turn_id, "inp_b", command("take"), thread)
    assert names(events) == ["prompt.promoted", "turn.steered", "item.started", "item.completed"]
    assert [prompt.input_id for prompt in fold(thread, events).inbox] == ["inp_c"]


@pytest.mark.parametrize("input_id", ["inp_c", "inp_queued", "inp_unknown"])
def test_no_other_prompt_enters_before_it(input_id: str) -> None:
    thread = prompted(prompted(prompted(created(), "a"), "queued", "queue"), "b", "steer")
    thread = prompted(thread, "c", "steer")
    assert thread.turn is not None
    with pytest.raises(PromptNotWaiting):
        decide_take_first_steer(thread.turn.turn_id, input_id, command("take"), thread)


def test_nothing_enters_an_interrupted_turn_or_another_one() -> None:
    thread = prompted(prompted(created(), "a"), "b", "steer")
    assert thread.turn is not None
    turn_id = thread.turn.turn_id
    with pytest.raises(TurnNotActive):
        decide_take_first_steer("turn_other", "inp_b", command("take"), thread)
    thread = fold(thread, decide_interrupt(turn_id, "continue", command("stop"), thread))
    with pytest.raises(InterruptRequested):
        decide_take_first_steer(turn_id, "inp_b", command("take"), thread)


def test_a_compaction_takes_no_steer() -> None:
    thread = created()
    thread = fold(thread, decide_compact(None, command("compact"), thread))
    thread = prompted(thread, "b", "queue")
    assert thread.turn is not None
    with pytest.raises(PromptNotWaiting):
        decide_take_first_steer(thread.turn.turn_id, "inp_b", command("take"), thread)
