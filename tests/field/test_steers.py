"""Steers: into the turn they were meant for, or ahead of the queue; once, and never lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.errors import SteersPending, ThreadBusy, TurnNotActive, TurnNotSteerable
from domain.events.prompt import PromptAdmitted
from tests.domain.given import given, runs, steers
from tests.domain.steps import (
    Step,
    complete,
    fail,
    interrupt,
    queue,
    recover,
    send_now,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
)
from tests.domain.world import THREAD, running, waiting


@pytest.mark.parametrize("end", [fail, recover])
def test_52_a_steer_that_missed_its_turn_is_not_overtaken(end: Callable[[str], Step]) -> None:
    past = given(submit("A"), queue("B"), steer("S"), queue("C"))
    assert running(given(*past.steps, end("A")).world()) == "S"
    assert waiting(given(*past.steps, end("A")).world()) == ["B pending", "C pending"]
    past.when(complete("A")).refused(SteersPending)


def test_52_a_steer_that_comes_after_the_end_is_a_prompt_in_its_order() -> None:
    past = given(submit("A"), complete("A"), steer("S"))
    past.when(submit("C")).refused(ThreadBusy)
    assert running(past.world()) == "S"


def test_55_the_order_after_a_restart_is_the_one_before() -> None:
    world = given(submit("A"), queue("B"), steer("S"), fail("A")).world()
    live = world.state()
    world.crash()
    assert world.service.thread(THREAD) == live
    assert running(world) == "S"


def test_58_59_61_a_steer_in_the_last_moment_is_answered_or_refused() -> None:
    past = given(submit("A"), take_steers("A"), steer("S"))
    past.when(complete("A")).refused(SteersPending)
    past.when(take_steers("A")).then(*steers("S", "A"))


def test_58_whichever_is_written_first_the_end_or_the_steer_no_steer_is_left_over() -> None:
    end_first = given(submit("A")).world()
    end_first.log.before_append = lambda: complete("A")(end_first)
    steer("S")(end_first)
    assert (running(end_first), waiting(end_first)) == ("S", [])
    steer_first = given(submit("A")).world()
    steer_first.log.before_append = lambda: steer("S")(steer_first)
    with pytest.raises(SteersPending):
        complete("A")(steer_first)
    assert waiting(steer_first) == ["S pending"]


def test_62_a_stale_client_hears_in_a_code_that_no_turn_is_active() -> None:
    error = given(submit("A"), complete("A")).when(steer("S", "A")).refused(TurnNotActive)
    assert error.code == "turn_not_active"
    assert error.details["active_turn_id"] is None
    # Or it lets the server decide.
    given(submit("A"), complete("A")).when(steer("S")).then("prompt.admitted S steer", *runs("S"))


def test_64_a_steer_that_waited_is_not_delivered_to_another_turn() -> None:
    world = given(submit("A"), queue("B")).world()
    world.log.before_append = lambda: complete("A")(world)
    with pytest.raises(TurnNotActive):
        steer("S", "A")(world)
    assert running(world) == "B"
    late = given(submit("A"), queue("B"), steer("S"), fail("A")).world()
    assert running(late) == "S", "it opens a turn of its own, and is not put into that of B"


def test_65_from_the_interrupt_to_the_next_turn_the_thread_is_busy() -> None:
    stopping = given(submit("A"), send_now("S"))
    stopping.when(submit("B")).refused(ThreadBusy)
    given(*stopping.steps, stop("A")).when(submit("B")).refused(ThreadBusy)


def test_67_a_steer_stays_a_steer_whatever_waits_or_runs() -> None:
    past = given(submit("A"), queue("B"), start_item("A"))
    past.when(steer("S")).then("prompt.admitted S steer for A")
    past.when(steer("S", "A")).then("prompt.admitted S steer for A")
    # Where it cannot be one it is refused, and not taken as something else.
    stopping = given(submit("A"), queue("B"), interrupt("A"))
    stopping.when(steer("S", "A")).refused(TurnNotSteerable)


def test_68_79_a_steer_is_there_once_and_gone_once_consumed() -> None:
    past = given(submit("A"), steer("S"), take_steers("A"))
    assert waiting(past.world()) == []
    past.when(take_steers("A")).answers()
    past.when(steer("S")).answers()
    admitted = [e for e in past.world().history() if isinstance(e.event, PromptAdmitted)]
    assert len(admitted) == 2
    given(*past.steps, complete("A")).when(steer("S")).answers()
