"""Two calls at once, on two services, end as if one had come after the other (D12, D13).

`tests/race/table.py` says for each race what that is. Here one call is stopped at a point, the
other comes, and the first goes on: so it is known which of them was first. Races of readers, forks
and worker processes have tests of their own beside this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from adapters.audit import audit_thread
from domain.outcome import Outcome
from domain.thread import Thread, fold
from tests.domain.render import lines
from tests.domain.world import THREAD
from tests.fixtures.patience import PATIENCE, eventually
from tests.race.arena import Arena, Point, Side
from tests.race.cases import Batch, Case, Order, Told, asks_the_log, batches, cases
from tests.race.table import RACES


@pytest.mark.parametrize("case", list(cases(RACES)), ids=str)
def test_it_ends_as_if_one_had_come_after_the_other(arena: Arena, case: Case) -> None:
    one, other = arena.sides(*case.race.past)
    stopped, passing = (one, other) if case.stops == "one" else (other, one)
    act, meanwhile = case.acts
    if_first, if_second = case.orders
    before = len(one.history())
    with arena.stopped(act, stopped, case.point) as call:
        passing_call = arena.begin(meanwhile, passing)
        has_to_wait = _has_to_wait(arena, passing_call, case.point)
    # Rows that are written and not committed nobody sees, and who wants to append comes after them.
    assert has_to_wait == (case.point is Point.WRITTEN and asks_the_log(if_second.first))
    calls: list[tuple[Future[object], Side]] = [(call, stopped), (passing_call, passing)]
    order = if_first if has_to_wait or case.point is Point.COMMITTED else if_second
    if order is if_second:
        calls.reverse()
    _check(calls, order, before)
    for side in (one, other):
        _check_thread(side)


@pytest.mark.parametrize("batch", list(batches(RACES)), ids=str)
def test_also_in_one_batch_of_one_service(arena: Arena, batch: Batch) -> None:
    """Both were decided on the same state, and the database gets them in one statement."""
    one, _ = arena.sides(*batch.race.past)
    before = len(one.history())
    first, second = arena.one_batch(*((act, one) for act in batch.acts))
    _check([(first, one), (second, one)], batch.order, before)
    _check_thread(one)


def _check(calls: Sequence[tuple[Future[object], Side]], order: Order, before: int) -> None:
    """The calls, in the order in which they were, did what that says, and nothing else."""
    told = (order.first, order.second)
    for (answer, side), expected in zip(calls, told, strict=True):
        _check_answer(answer, side, expected)
    events = [line for events in told if isinstance(events, tuple) for line in events]
    _, side = calls[0]
    assert lines(side.history(), after_seq=before) == events


def _has_to_wait(arena: Arena, call: Future[object], point: Point) -> bool:
    """Whether it waits for the one that is stopped; else it has got its answer meanwhile."""
    if point is Point.WRITTEN:
        eventually(lambda: call.done() or arena.gate.waiting() > 1)
        return not call.done()
    call.exception(PATIENCE)
    return False


def _check_answer(call: Future[object], side: Side, told: Told) -> None:
    """It is the refusal, or what the log says that the command did."""
    error = call.exception(PATIENCE)
    if not isinstance(told, tuple):
        assert type(error) is told
        return
    outcome = call.result()
    assert isinstance(outcome, Outcome)
    assert (outcome.repeated or outcome.seq is None) == (told == ())
    if outcome.seq is not None:
        assert outcome == side.recorded(outcome.command_id)


def _check_thread(side: Side) -> None:
    """Numbers, hashes and laws are right, and the service knows the thread as it is."""
    thread_id = side.own(THREAD)
    audit = audit_thread(thread_id, side.turnlog.recorder.select_thread(thread_id))
    assert audit.findings == ()
    folded = fold(Thread(thread_id), (entry.event for entry in audit.history))
    assert side.service.thread(THREAD) == folded
