"""Decisions that only imports need; tests/adapters/importers has what importers make of them."""

from __future__ import annotations

import pytest

from domain import ids
from domain.command import Command
from domain.decide.history import decide_take_first_steer, decide_unprompted_turn
from domain.errors import InterruptRequested, PromptNotWaiting
from domain.events.turn import TurnStarted, TurnSteered
from tests.domain.given import given
from tests.domain.steps import interrupt, steer, submit
from tests.fixtures.clock import START

COMMAND = Command("cmd_1", "importer", START, bytes(16))


def test_an_unprompted_turn_has_an_id_like_any_other() -> None:
    (started,) = decide_unprompted_turn("s", COMMAND, given().world().state())
    assert isinstance(started, TurnStarted)
    assert ids.check("turn", started.turn_id) == started.turn_id


def test_of_several_steers_the_first_enters_and_its_text_is_what_the_model_sees() -> None:
    world = given(submit("A"), steer("S", text="first"), steer("T", text="second")).world()
    turn = world.turn("A")
    events = decide_take_first_steer(turn, "inp_S", COMMAND, world.state())
    assert [event.name for event in events] == [
        *("prompt.promoted", "turn.steered", "item.started", "item.completed")
    ]
    steered, started, completed = events[1:]
    assert isinstance(steered, TurnSteered)
    assert getattr(completed, "text", None) == "first"
    assert (steered.input_id, getattr(started, "input_id", None)) == ("inp_S", "inp_S")


def test_another_than_the_first_is_refused_and_so_is_a_turn_that_is_to_stop() -> None:
    running = given(submit("A"), steer("S"), steer("T"))
    world = running.world()
    with pytest.raises(PromptNotWaiting, match=r"^Prompt inp_T is not the first pending steer\.$"):
        decide_take_first_steer(world.turn("A"), "inp_T", COMMAND, world.state())
    stopping = given(submit("A"), interrupt("A", "continue")).world()
    turn = stopping.turn("A")
    with pytest.raises(InterruptRequested, match=turn):
        decide_take_first_steer(turn, "inp_S", COMMAND, stopping.state())
