"""A fork of a thread that goes on meanwhile: the history as it was, whole, and once."""

from __future__ import annotations

import pytest

from adapters.audit import audit_thread
from domain.events.turn import TurnCompleted
from domain.outcome import Outcome
from tests.domain.render import lines
from tests.domain.steps import complete, queue, submit
from tests.domain.world import THREAD, World
from tests.fixtures.patience import PATIENCE, eventually
from tests.race.arena import Arena, Point, Side

CHILD = "thr_2"
BEFORE = ["interrupted"]
"""How the turns of a fork of A's turn ended, while that ran: it is cut short in the fork."""

AFTER = ["completed", "interrupted"]
"""And once it had completed, and B's had begun."""


def fork(world: World) -> Outcome:
    return world.service.fork(THREAD, new_thread_id=CHILD, command_id="cmd_fork")


def ends_in_fork(side: Side) -> list[str]:
    """How the fork's turns ended; it is a thread that stands for itself."""
    child = side.own(CHILD)
    audit = audit_thread(child, side.turnlog.recorder.select_thread(child))
    assert audit.findings == ()
    events = [entry.event for entry in audit.history]
    return [event.status for event in events if isinstance(event, TurnCompleted)]


@pytest.mark.parametrize("point", Point)
def test_a_fork_has_the_history_as_it_read_it_whatever_is_appended_then(
    arena: Arena, point: Point
) -> None:
    """It is read as the fork is decided."""
    one, other = arena.sides(submit("A"), queue("B"))
    before = lines(one.history())
    with arena.stopped(fork, one, point) as forking:
        ending = arena.begin(complete("A"), other)
        eventually(lambda: ending.done() or arena.gate.waiting() > 1)
        # Also what is appended to other threads stands in one line.
        assert ending.done() == (point is not Point.WRITTEN)
    forked, ended = forking.result(PATIENCE), ending.result(PATIENCE)
    assert ends_in_fork(one) == (AFTER if point is Point.LOADED else BEFORE)
    assert forked == one.recorded(forked.command_id)
    assert ended.started_turn_id == other.turn("B")
    assert lines(other.history())[: len(before)] == before


@pytest.mark.parametrize("point", Point)
def test_a_fork_has_all_of_an_append_that_was_committed_and_nothing_of_one_that_was_not(
    arena: Arena, point: Point
) -> None:
    one, other = arena.sides(submit("A"), queue("B"))
    with arena.stopped(complete("A"), one, point) as ending:
        forking = arena.begin(fork, other)
        eventually(lambda: forking.done() or arena.gate.waiting() > 1)
        assert forking.done() == (point is not Point.WRITTEN)
    forked, ended = forking.result(PATIENCE), ending.result(PATIENCE)
    assert ends_in_fork(other) == (AFTER if point is Point.COMMITTED else BEFORE)
    assert forked == other.recorded(forked.command_id)
    assert ended == one.recorded(ended.command_id)


@pytest.mark.parametrize("point", Point)
def test_of_two_forks_that_are_one_command_the_first_is_the_answer_to_both(
    arena: Arena, point: Point
) -> None:
    """Although the history that they read was not the same."""
    one, other = arena.sides(submit("A"), queue("B"))
    with arena.stopped(fork, one, point) as first:
        second = arena.begin(lambda side: (complete("A")(side), fork(side))[1], other)
        eventually(lambda: second.done() or arena.gate.waiting() > 1)
    outcomes = first.result(PATIENCE), second.result(PATIENCE)
    is_first = point in (Point.WRITTEN, Point.COMMITTED)
    assert outcomes[0] == outcomes[1] == one.recorded(outcomes[0].command_id)
    assert [outcome.repeated for outcome in outcomes] == [not is_first, is_first]
    assert ends_in_fork(one) == (BEFORE if is_first else AFTER)
