"""Those who read while others write: who hears of an end (D13), who has a cursor (D15)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.recorder import LogSubscription
from domain.events.turn import TurnCompleted
from domain.outcome import Outcome
from projections.verify import compare_thread
from tests.contracts.log_views import take
from tests.domain.steps import Step, complete, fail, queue, recover, stop, submit
from tests.domain.world import THREAD, running, waiting
from tests.fixtures.patience import PATIENCE, eventually
from tests.race.arena import Arena, Point, Side, shut


def submit_at_the_end(subscription: LogSubscription, step: Step) -> Callable[[Side], Outcome]:
    """What a client does that waits for the end of the turn."""

    def act(side: Side) -> Outcome:
        for entry in subscription:
            if entry.topic == TurnCompleted.name:
                return step(side)
        raise AssertionError("it was stopped")

    return act


@pytest.mark.parametrize("end", [complete, fail, stop, recover])
@pytest.mark.parametrize("follower", [submit("Z"), queue("Z")], ids=["submit", "queue"])
def test_d13_who_submits_the_moment_it_sees_the_end_gets_the_slot(
    arena: Arena, end: Callable[[str], Step], follower: Step
) -> None:
    """Nobody has told it but the log: whoever ended the turn has not been answered yet. And what it
    remembers is from before."""
    one, other = arena.sides(submit("A"))
    ended, started = _react(arena, one, other, end("A"), follower)
    assert ended.started_turn_id is None
    assert started.started_turn_id == other.turn("Z")
    assert started.seq == len(other.history())


@pytest.mark.parametrize("end", [complete, fail, stop, recover])
def test_d13_who_queues_the_moment_it_sees_the_end_stands_behind_who_waited(
    arena: Arena, end: Callable[[str], Step]
) -> None:
    one, other = arena.sides(submit("A"), queue("B"))
    ended, queued = _react(arena, one, other, end("A"), queue("Z"))
    assert ended.started_turn_id == one.turn("B")
    assert queued.admission is not None
    assert queued.admission.state == "pending"
    assert (running(other), waiting(other)) == ("B", ["Z pending"])


def _react(
    arena: Arena, one: Side, other: Side, end: Step, follower: Step
) -> tuple[Outcome, Outcome]:
    """The outcomes of the end, which is stopped before and after its commit, and of who reacts."""
    recorder = other.turnlog.recorder
    before, events = recorder.head(), other.history()
    unanswered = one.halts[Point.COMMITTED]
    with recorder.subscribe(gt=before) as subscription, shut(unanswered):
        reaction = arena.begin(submit_at_the_end(subscription, follower), other)
        with arena.stopped(end, one, Point.WRITTEN) as ending:
            assert (recorder.head(), other.history()) == (before, events)
            assert not reaction.done()
        reacted = reaction.result(PATIENCE)
        eventually(unanswered.somebody_waits)
        assert not ending.done()
    return ending.result(PATIENCE), reacted


@pytest.mark.parametrize("first", [0, 1], ids=["one first", "other first"])
def test_d15_a_reader_with_a_cursor_skips_nothing_whoever_commits_late(
    arena: Arena, first: int
) -> None:
    """One has its numbers and not committed; the other wants to pass it, with higher numbers."""
    both = [arena.sides()[number] for number in (first, 1 - first)]
    slow, fast = both
    recorder, turnlog = fast.turnlog.recorder, fast.turnlog
    before = turnlog.catch_up()
    with recorder.subscribe(gt=before) as subscription:
        with arena.stopped(submit("A"), slow, Point.WRITTEN) as call:
            passing = arena.begin(submit("B"), fast)
            eventually(lambda: passing.done() or arena.gate.waiting() > 1)
            assert not passing.done()
            assert recorder.select_log(after_position=before, limit=100) == []
            assert turnlog.catch_up() == before
        late, later = call.result(PATIENCE), passing.result(PATIENCE)
        heard = take(subscription, 10)
    assert (late.position, later.position) == (before + 5, before + 10)
    assert [entry.id for entry in heard] == list(range(before + 1, before + 11))
    assert recorder.select_log(after_position=before, limit=100) == heard
    assert turnlog.catch_up() == before + 10
    for side in both:
        compared = compare_thread(side.own(THREAD), turnlog.log, turnlog.rows)
        assert (compared.seq, compared.is_clean) == (6, True)
