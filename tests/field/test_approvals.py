"""Prompts, interrupts and restarts while a turn waits for an approval."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.errors import ApprovalClosed, InterruptRequested
from domain.options import QueuePolicy
from tests.domain.given import given, runs
from tests.domain.steps import (
    Step,
    answer,
    ask,
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
from tests.domain.world import World, running, waiting
from tests.field.test_interrupts import every_policy

ASKS = (submit("A"), start_item("A", "command_execution"), ask("A", kind="command_execution"))


def open_approvals(world: World) -> list[str]:
    turn = world.state().turn
    assert turn is not None
    return [approval.approval_id for approval in turn.open_approvals]


def names_since(world: World, seq: int) -> list[str]:
    return [entry.event.name for entry in world.history()[seq:]]


@pytest.mark.parametrize("message", [queue("B"), steer("B")])
def test_106_107_a_message_neither_approves_nor_rejects(message: Step) -> None:
    world = given(*ASKS).world()
    before = len(world.history())
    message(world)
    assert names_since(world, before) == ["prompt.admitted"]
    assert open_approvals(world) == ["appr_ok"]
    answer("ok", "denied")(world)
    assert open_approvals(world) == []
    assert waiting(world) == ["B pending"]


def test_106_a_steer_that_is_taken_in_answers_nothing_either() -> None:
    world = given(*ASKS, steer("yes"), take_steers("A")).world()
    assert open_approvals(world) == ["appr_ok"]


@pytest.mark.parametrize("past", [(), (queue("Q"),)])
def test_109_what_a_message_does_is_its_delivery_and_not_what_else_waits(
    past: tuple[Step, ...],
) -> None:
    asks = given(*ASKS, *past)
    asks.when(queue("B")).then("prompt.admitted B queue")
    world = asks.world()
    send_now("B", "continue")(world)
    stop("A")(world)
    assert running(world) == "B"


@every_policy
def test_110_an_interrupt_cancels_and_a_late_answer_is_refused(policy: QueuePolicy) -> None:
    world = given(*ASKS).world()
    before = len(world.history())
    interrupt("A", policy)(world)
    assert names_since(world, before) == ["turn.interrupt_requested", "approval.cancelled"]
    assert open_approvals(world) == []
    stopping = given(*ASKS, interrupt("A", policy))
    assert stopping.when(answer()).refused(ApprovalClosed).code == "approval_closed"
    stopping.when(ask("A", "again")).refused(InterruptRequested)
    given(*stopping.steps, stop("A"), submit("B")).when(answer()).refused(ApprovalClosed)


@pytest.mark.parametrize("end", [complete, fail, stop, recover])
def test_110_whatever_ends_a_turn_closes_its_approvals(end: Callable[[str], Step]) -> None:
    world = given(*ASKS, queue("B")).world()
    before = len(world.history())
    end("A")(world)
    names = names_since(world, before)
    assert names.index("approval.cancelled") < names.index("turn.completed")
    assert running(world) == "B"
    with pytest.raises(ApprovalClosed):
        answer()(world)


def test_67_an_open_or_stale_approval_does_not_turn_a_steer_into_something_else() -> None:
    past = given(*ASKS, queue("B"))
    past.when(steer("S")).then("prompt.admitted S steer for A")
    stale = given(*ASKS, stop("A"), submit("C"))
    stale.when(steer("S")).then("prompt.admitted S steer for C")


def test_70_a_prompt_that_came_while_it_asked_is_answered_after_an_interrupt() -> None:
    past = given(*ASKS, queue("B"), answer(), interrupt("A", "continue"))
    past.when(stop("A")).then(
        "item.interrupted A command_execution 'the turn was interrupted'",
        "turn.completed A interrupted",
        *runs("B"),
    )
