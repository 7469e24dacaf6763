"""Forks: what a copy takes along, and what stays with its parent."""

from __future__ import annotations

from domain.context import messages
from domain.events.base import Usage
from domain.events.turn import TurnCompleted
from tests.domain.given import check, given
from tests.domain.steps import complete, finish, interrupt, queue, steer, stop, submit
from tests.domain.world import THREAD, World, running, waiting

FORK = "thr_fork"


def forked(world: World) -> World:
    """The world, with a fork of its thread as it is now; the laws hold in both."""
    world.service.fork(THREAD, new_thread_id=FORK, command_id="cmd_fork")
    check(world)
    check(world, FORK)
    return world


def asked(world: World, thread_id: str) -> list[str]:
    """What the model sees of the user."""
    events = [entry.event for entry in world.history(thread_id)]
    return [message.text for message in messages(events) if message.role == "user"]


def test_100_a_fork_has_nothing_that_waits_and_its_parent_still_has_it() -> None:
    world = forked(given(submit("A"), queue("B"), steer("S")).world())
    assert world.state(FORK).inbox == ()
    assert waiting(world) == ["B pending", "S pending"]
    submit("C", "queue", thread_id=FORK)(world)
    assert asked(world, FORK) == ["A", "C"]
    assert running(world) == "A"


def test_100_what_was_held_is_not_released_in_a_fork() -> None:
    past = (submit("A"), queue("B"), interrupt("A", "hold"), stop("A"))
    world = forked(given(*past).world())
    assert world.state(FORK).inbox == ()
    assert waiting(world) == ["B held"]


def test_101_a_turn_s_tokens_are_counted_in_the_thread_where_it_ran() -> None:
    spent = Usage(input_tokens=100, output_tokens=10)
    world = forked(given(submit("A"), finish("A", usage=spent), submit("B")).world())
    complete("B")(world)
    every = [entry.event for name in (THREAD, FORK) for entry in world.history(name)]
    counted = [e.usage for e in every if isinstance(e, TurnCompleted) and e.usage]
    assert counted == [spent]
    assert len([e for e in every if isinstance(e, TurnCompleted)]) == 4
