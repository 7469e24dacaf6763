"""finish, start_failed, recover, and the drain inside them."""

from __future__ import annotations

import pytest

from domain.errors import SteersPending, TurnNotActive
from domain.events.base import Usage
from domain.events.turn import TurnCompleted, TurnStatus
from domain.options import ThreadSettings
from tests.domain.given import Row, given, runs
from tests.domain.steps import (
    compact,
    complete,
    end_item,
    fail,
    finish,
    interrupt,
    queue,
    record_item,
    recover,
    release,
    send_now,
    start_failed,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
    withdraw,
)

THREE_FAILED = (submit("A"), fail("A"), submit("B"), fail("B"), submit("C"), fail("C"))

ENDS = [
    Row("completed", given(submit("A")), complete("A"), ("turn.completed A completed",)),
    Row("failed", given(submit("A")), fail("A"), ("turn.completed A failed 'boom'",)),
    Row("interrupted", given(submit("A")), stop("A"), ("turn.completed A interrupted",)),
    Row(
        "could not start",
        given(submit("A")),
        start_failed("A"),
        ("turn.completed A failed 'no engine'",),
    ),
    Row(
        "worker lost",
        given(submit("A")),
        recover("A"),
        ("turn.completed A interrupted 'worker lost'",),
    ),
    Row(
        "a compaction",
        given(compact()),
        complete("compaction"),
        ("turn.completed compaction completed",),
    ),
    Row(
        "completed although an interrupt was asked for (the engine was faster)",
        given(submit("A"), interrupt("A")),
        complete("A"),
        ("turn.completed A completed",),
    ),
    Row("twice", given(submit("A"), complete("A")), stop("A"), TurnNotActive),
    Row("no turn runs", given(), complete("A"), TurnNotActive),
    Row(
        "another turn runs", given(submit("A"), queue("B"), complete("A")), fail("A"), TurnNotActive
    ),
    Row("start failed, not active", given(), start_failed("A"), TurnNotActive),
    Row("recover, not active", given(submit("A"), complete("A")), recover("A"), TurnNotActive),
]

OPEN_ITEMS = [
    Row(
        "interrupted",
        given(submit("A"), start_item("A"), start_item("A", "reasoning")),
        stop("A"),
        (
            "item.interrupted A tool_call 'the turn was interrupted'",
            "item.interrupted A reasoning 'the turn was interrupted'",
            "turn.completed A interrupted",
        ),
    ),
    Row(
        "failed",
        given(submit("A"), start_item("A")),
        fail("A"),
        ("item.failed A tool_call 'boom'", "turn.completed A failed 'boom'"),
    ),
    Row(
        "failed without a word",
        given(submit("A"), start_item("A")),
        finish("A", "failed"),
        ("item.failed A tool_call 'the turn failed'", "turn.completed A failed"),
    ),
    Row(
        "completed",
        given(submit("A"), start_item("A")),
        complete("A"),
        ("item.interrupted A tool_call 'the turn was completed'", "turn.completed A completed"),
    ),
    Row(
        "worker lost, and the queue goes on",
        given(submit("A"), queue("B"), start_item("A")),
        recover("A"),
        (
            "item.interrupted A tool_call 'worker lost'",
            "turn.completed A interrupted 'worker lost'",
            *runs("B"),
        ),
    ),
    Row(
        "only the open ones",
        given(submit("A"), start_item("A"), end_item("A"), record_item("A")),
        stop("A"),
        ("turn.completed A interrupted",),
    ),
]

STEERS = [
    Row("completing over one", given(submit("A"), steer("S")), complete("A"), SteersPending),
    Row(
        "after it was taken",
        given(submit("A"), steer("S"), take_steers("A")),
        complete("A"),
        ("turn.completed A completed",),
    ),
    Row(
        "after it was withdrawn",
        given(submit("A"), steer("S"), withdraw("S")),
        complete("A"),
        ("turn.completed A completed",),
    ),
    Row(
        "one that came after the interrupt counts, too",
        given(submit("A"), interrupt("A"), steer("S")),
        complete("A"),
        SteersPending,
    ),
    Row(
        "one held by the interrupt is no steer any more",
        given(submit("A"), steer("S"), interrupt("A", "hold")),
        complete("A"),
        ("turn.completed A completed",),
    ),
    Row(
        "fails over it: it runs next, ahead of the queue",
        given(submit("A"), queue("B"), steer("S")),
        fail("A"),
        ("turn.completed A failed 'boom'", *runs("S")),
    ),
    Row(
        "is interrupted over it: likewise",
        given(submit("A"), queue("B"), steer("S"), interrupt("A", "continue")),
        stop("A"),
        ("turn.completed A interrupted", *runs("S")),
    ),
    Row(
        "the turn it fell back to cannot complete over the others",
        given(submit("A"), steer("S"), steer("T"), fail("A")),
        complete("S"),
        SteersPending,
    ),
    Row(
        "could not start: a steer is not dropped (D7)",
        given(submit("A"), steer("S")),
        start_failed("A"),
        ("turn.completed A failed 'no engine'", *runs("S")),
    ),
]

DRAIN = [
    Row(
        "the next one runs",
        given(submit("A"), queue("B"), queue("C")),
        complete("A"),
        ("turn.completed A completed", *runs("B")),
    ),
    Row(
        "after a failure, too",
        given(submit("A"), queue("B")),
        fail("A"),
        ("turn.completed A failed 'boom'", *runs("B")),
    ),
    Row(
        "after a compaction (D14)",
        given(compact(), queue("B")),
        complete("compaction"),
        ("turn.completed compaction completed", *runs("B")),
    ),
    Row(
        "not the held ones",
        given(submit("A"), queue("B"), interrupt("A", "hold")),
        stop("A"),
        ("turn.completed A interrupted",),
    ),
    Row(
        "one that came after the hold",
        given(submit("A"), queue("B"), interrupt("A", "hold"), queue("C")),
        stop("A"),
        ("turn.completed A interrupted", *runs("C")),
    ),
    Row(
        "one released while the turn ran",
        given(submit("A"), queue("B"), interrupt("A", "hold"), release()),
        stop("A"),
        ("turn.completed A interrupted", *runs("B")),
    ),
    Row(
        "the interrupting prompt before the queue",
        given(submit("A"), queue("B"), send_now("X", "continue")),
        stop("A"),
        ("turn.completed A interrupted", *runs("X")),
    ),
    Row(
        "the last to interrupt is first",
        given(submit("A"), send_now("X", "continue"), send_now("Y", "continue")),
        stop("A"),
        ("turn.completed A interrupted", *runs("Y")),
    ),
]

FAILURES = [
    Row(
        "two failures go on",
        given(submit("A"), queue("B"), queue("C"), fail("A")),
        fail("B"),
        ("turn.completed B failed 'boom'", *runs("C")),
    ),
    Row(
        "the third holds what is pending",
        given(
            submit("A"),
            queue("B"),
            queue("C"),
            queue("D"),
            steer("S"),
            take_steers("A"),
            fail("A"),
            fail("B"),
            queue("E"),
        ),
        fail("C"),
        ("turn.completed C failed 'boom'", "queue.held D E failures of C"),
    ),
    Row(
        "a failed start counts",
        given(submit("A"), queue("B"), queue("C"), queue("D"), fail("A"), fail("B")),
        start_failed("C"),
        ("turn.completed C failed 'no engine'", "queue.held D failures of C"),
    ),
    Row(
        "a pending steer is held, too",
        given(submit("A"), queue("B"), queue("C"), fail("A"), fail("B"), steer("S")),
        fail("C"),
        ("turn.completed C failed 'boom'", "queue.held S failures of C"),
    ),
    Row(
        "nothing waits, nothing is held",
        given(submit("A"), queue("B"), queue("C"), fail("A"), fail("B")),
        fail("C"),
        ("turn.completed C failed 'boom'",),
    ),
    Row(
        "a completed one in between starts the count again",
        given(
            submit("A"),
            queue("B"),
            queue("C"),
            queue("D"),
            queue("E"),
            fail("A"),
            fail("B"),
            complete("C"),
        ),
        fail("D"),
        ("turn.completed D failed 'boom'", *runs("E")),
    ),
    Row(
        "an interrupted one in between does not (47)",
        given(
            submit("A"),
            queue("B"),
            queue("C"),
            queue("D"),
            queue("E"),
            fail("A"),
            fail("B"),
            stop("C"),
        ),
        fail("D"),
        ("turn.completed D failed 'boom'", "queue.held E failures of D"),
    ),
    Row(
        "a new prompt runs at once all the same (L11)",
        given(*THREE_FAILED),
        submit("D"),
        ("prompt.admitted D queue", *runs("D")),
    ),
    Row(
        "and if it fails, what waits behind it is held",
        given(*THREE_FAILED, submit("D"), queue("E")),
        fail("D"),
        ("turn.completed D failed 'boom'", "queue.held E failures of D"),
    ),
    Row(
        "and if it completes, the queue goes on",
        given(*THREE_FAILED, submit("D"), queue("E")),
        complete("D"),
        ("turn.completed D completed", *runs("E")),
    ),
    Row(
        "release is the way out",
        given(
            submit("A"),
            queue("B"),
            queue("C"),
            queue("D"),
            queue("E"),
            fail("A"),
            fail("B"),
            fail("C"),
        ),
        release(),
        ("queue.released D E", *runs("D")),
    ),
    Row(
        "and starts the count again",
        given(
            submit("A"),
            queue("B"),
            queue("C"),
            queue("D"),
            queue("E"),
            fail("A"),
            fail("B"),
            fail("C"),
            release(),
        ),
        fail("D"),
        ("turn.completed D failed 'boom'", *runs("E")),
    ),
]


@pytest.mark.parametrize("row", ENDS, ids=str)
def test_a_turn_ends_once(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", OPEN_ITEMS, ids=str)
def test_open_items_end_with_their_turn(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", STEERS, ids=str)
def test_a_turn_ends_over_a_steer(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", DRAIN, ids=str)
def test_the_drain_picks_what_is_next(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", FAILURES, ids=str)
def test_three_failures_in_a_row_hold_the_queue(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("status", ["completed", "failed", "interrupted"])
def test_the_outcome_names_the_end_and_the_next_turn(status: TurnStatus) -> None:
    world = given(submit("A"), queue("B")).world()
    outcome = finish("A", status)(world)
    assert (outcome.ended_turn_id, outcome.ended_status) == (world.turn("A"), status)
    assert outcome.started_turn_id == world.turn("B")


def test_usage_is_kept_with_the_end() -> None:
    usage = Usage(input_tokens=7, output_tokens=3)
    world = given(submit("A")).world()
    finish("A", usage=usage)(world)
    end = world.history()[-1].event
    assert isinstance(end, TurnCompleted)
    assert end.usage == usage


def test_an_error_that_cannot_be_stored_is_made_storable() -> None:
    given(submit("A"), start_item("A")).when(finish("A", "failed", "a\0b\ud800")).then(
        "item.failed A tool_call 'a\ufffdb\ufffd'", "turn.completed A failed 'a\ufffdb\ufffd'"
    )


def test_steers_pending_says_how_many() -> None:
    error = given(submit("A"), steer("S"), steer("T")).when(complete("A")).refused(SteersPending)
    assert error.details["count"] == 2


def test_the_next_turn_is_as_steerable_as_the_thread_is_now() -> None:
    past = given(submit("A"), queue("B"), settings=ThreadSettings(steerable=False))
    past.when(complete("A")).then("turn.completed A completed", *runs("B", steerable=False))
