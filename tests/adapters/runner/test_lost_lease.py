"""A worker that cannot prove its lease stops, and what it does later is refused (L14)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.errors import StoreUnavailable
from adapters.runner.lease import RETRY_SECONDS, LeaseDesk
from domain.errors import TurnNotActive
from domain.ports import (
    EngineEvent,
    Lease,
    Leases,
    TurnContext,
    TurnHandle,
    Uncommitted,
)
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, silent, story
from tests.fixtures.logs import WatchedLog
from tests.fixtures.patience import PATIENCE


class Renewing:
    """Leases whose renewals are the test's."""

    def __init__(self, leases: Leases, renew: Callable[[Lease, float], bool]) -> None:
        self._leases = leases
        self.renew = renew
        self.acquire: Callable[[str, str, str, float], Lease | None] = leases.acquire
        self.release: Callable[[Lease], None] = leases.release
        self.find = leases.find


class Endless:
    """An engine that works until it is stopped from outside, and notes that it was."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self.go_on = asyncio.Event()

    async def play(self, _: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        try:
            yield said("begun")
            await self.go_on.wait()
        except BaseException:
            self.stopped.set()
            raise
        yield said("gone on")


def is_given_back(stage: Stage, turn_id: str) -> bool:
    """Whether it had a lease, and has none now."""
    lease = stage.leases.find(turn_id)
    return lease is not None and lease.seconds_left <= 0


def refused(_: Lease, __: float) -> bool:
    return False


def unavailable(_: Lease, __: float) -> bool:
    raise StoreUnavailable(target="there", why="cut", advice="")


@story
async def test_a_renewal_that_is_refused_stops_the_engine_at_once_and_nothing_is_written(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    engine = Endless()
    leases = Renewing(stage.leases, refused)
    released: list[Lease] = []
    leases.release = released.append
    run = asyncio.create_task(stage.runner(Played(engine.play), leases=leases).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    before = stage.history()
    await stage.time.sleeping(PACE.renew_seconds)
    stage.time.advance(PACE.renew_seconds)
    [result] = await run
    assert (result.end, result.outcome) == ("lost", None)
    assert engine.stopped.is_set()
    assert stage.history() == before
    assert released == []  # it is not ours to give back


@story
async def test_a_renewal_that_fails_is_tried_again_soon_and_costs_nothing(stage: Stage) -> None:
    tried: asyncio.Queue[bool] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def renew(lease: Lease, seconds: float) -> bool:
        loop.call_soon_threadsafe(tried.put_nowait, True)
        return unavailable(lease, seconds) if next(failures) else stage.leases.renew(lease, seconds)

    failures = iter([True, True, False, False])
    turn_id = stage.thread("A")
    engine = Endless()
    runner = stage.runner(Played(engine.play), leases=Renewing(stage.leases, renew))
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    for pause in (PACE.renew_seconds, RETRY_SECONDS, RETRY_SECONDS, PACE.renew_seconds):
        await stage.time.sleeping(pause)
        stage.pass_time(pause)
        await tried.get()
    await stage.time.sleeping(PACE.renew_seconds)
    engine.go_on.set()
    [result] = await run
    assert result.end == "completed"


@story
async def test_a_lease_that_cannot_be_renewed_is_lost_when_it_runs_out(stage: Stage) -> None:
    turn_id = stage.thread("A")
    engine = Endless()
    runner = stage.runner(Played(engine.play), leases=Renewing(stage.leases, unavailable))
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    await stage.time.sleeping(PACE.renew_seconds)
    stage.time.advance(PACE.renew_seconds)
    await stage.time.sleeping(RETRY_SECONDS)
    rest = PACE.lease_seconds - PACE.renew_seconds
    stage.time.advance(rest - 0.25)
    await stage.time.sleeping(0.25)  # no longer than what is left
    assert not run.done()
    stage.time.advance(0.25)
    [result] = await run
    assert result.end == "lost"
    assert engine.stopped.is_set()


@story
async def test_a_run_cancelled_while_it_asks_for_the_lease_gives_it_back(stage: Stage) -> None:
    asked, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def acquire(turn_id: str, thread_id: str, holder: str, seconds: float) -> Lease | None:
        loop.call_soon_threadsafe(asked.set)
        go_on.wait(PATIENCE)
        return stage.leases.acquire(turn_id, thread_id, holder, seconds)

    turn_id = stage.thread("A")
    leases = Renewing(stage.leases, stage.leases.renew)
    leases.acquire = acquire
    run = asyncio.create_task(stage.runner(Played(silent), leases=leases).run(THREAD, turn_id))
    await asked.wait()
    run.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert is_given_back(stage, turn_id)


@story
async def test_the_lease_is_kept_also_when_every_thread_of_the_loop_is_waiting(
    stage: Stage,
) -> None:
    loop, full = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    turn_id = stage.thread("A")
    waiting = loop.run_in_executor(None, full.wait, PATIENCE)
    try:
        async with asyncio.timeout(PATIENCE / 2):
            desk = LeaseDesk(stage.leases, "worker 1", PACE, stage.time)
            held = await desk.acquire(turn_id, THREAD)
            assert held is not None
            assert await held._renewed()
            await held.release()
    finally:
        full.set()
        await waiting
    assert is_given_back(stage, turn_id)


@story
async def test_a_renewal_without_an_answer_counts_as_failed_when_the_lease_runs_out(
    stage: Stage,
) -> None:
    asked, answer = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang(_: Lease, __: float) -> bool:
        loop.call_soon_threadsafe(asked.set)
        answer.wait(PATIENCE)
        return True  # too late

    turn_id = stage.thread("A")
    engine = Endless()
    runner = stage.runner(Played(engine.play), leases=Renewing(stage.leases, hang))
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    await stage.time.sleeping(PACE.renew_seconds)
    stage.time.advance(PACE.renew_seconds)
    await asked.wait()
    await stage.time.sleeping(PACE.lease_seconds - PACE.renew_seconds)
    assert not run.done()
    stage.time.advance(PACE.lease_seconds - PACE.renew_seconds)
    [result] = await run
    answer.set()
    assert result.end == "lost"
    assert engine.stopped.is_set()


@story
async def test_a_lease_that_is_renewed_lets_the_engine_work_as_long_as_it_takes(
    stage: Stage,
) -> None:
    renewed: asyncio.Queue[float] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def renew(lease: Lease, seconds: float) -> bool:
        ours = stage.leases.renew(lease, seconds)
        loop.call_soon_threadsafe(renewed.put_nowait, seconds)
        return ours

    turn_id = stage.thread("A")
    engine = Endless()
    runner = stage.runner(Played(engine.play), leases=Renewing(stage.leases, renew))
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    for _ in range(5):
        await stage.time.sleeping(PACE.renew_seconds)
        stage.pass_time(PACE.renew_seconds)
        assert await renewed.get() == PACE.lease_seconds
    engine.go_on.set()
    [result] = await run
    assert result.end == "completed"


@story
async def test_a_worker_that_overslept_its_lease_records_nothing_more(stage: Stage) -> None:
    """Its heart did not beat at all, as when the whole machine slept."""
    turn_id = stage.thread("A")
    engine = Endless()
    run = asyncio.create_task(stage.runner(Played(engine.play)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    before = stage.history()
    stage.time.oversleep(PACE.lease_seconds + 1)
    engine.go_on.set()
    [result] = await run
    assert result.end == "lost"
    assert stage.history() == before


@story
async def test_another_worker_takes_over_by_an_event_and_late_items_are_refused(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    slow = Endless()
    # This worker believes in its lease: to it, no time has passed.
    late = asyncio.create_task(
        stage.runner(Played(slow.play), "slow", hints=None).run(THREAD, turn_id)
    )
    await stage.until_name("item.completed", 2)
    stage.pass_lease_time(PACE.lease_seconds + 1)

    async def quick(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("second worker")

    other = stage.runner(Played(quick), "quick", service=stage.another_process())
    results = await other.run(THREAD, turn_id)
    assert [result.end for result in results] == ["recovered", "completed"]
    after = stage.history()
    slow.go_on.set()
    [result] = await late
    assert result.end == "gone"
    assert stage.history() == after
    assert stage.ends() == [("interrupted", "worker lost"), ("completed", None)]
    assert stage.texts("agent_message") == ["begun", "second worker"]
    with pytest.raises(TurnNotActive):
        stage.service.record_item(THREAD, turn_id, "agent_message", "late")


@story
async def test_a_worker_whose_append_is_refused_sends_no_other_and_does_not_end_the_turn(
    stage: Stage,
) -> None:
    """To it, no time has passed, and nothing was written: only the store can tell."""
    turn_id = stage.thread("A", "B")
    engine, sent = Endless(), list[Sequence[Uncommitted]]()
    log = WatchedLog(stage.log, sent.append)
    leases = Renewing(stage.leases, stage.leases.renew)
    released: list[Lease] = []
    leases.release = released.append
    played = Played(engine.play)
    runner = stage.runner(played, leases=leases, log=log, service=stage.another_process(log))
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    before, count = stage.history(), len(sent)
    stage.pass_lease_time(PACE.lease_seconds + 1)
    engine.go_on.set()
    [result] = await run
    assert (result.end, result.outcome, len(sent)) == ("lost", None, count + 1)
    assert (played.closed, released) == (1, [])
    assert stage.history() == before
    results = await stage.runner(Played(silent), "next").run(THREAD, turn_id)
    assert [result.end for result in results] == ["recovered", "completed"]


@story
async def test_a_recovery_whose_lease_has_passed_on_is_refused(stage: Stage) -> None:
    turn_id = stage.thread("A")
    dead = stage.leases.acquire(turn_id, THREAD, "dead", PACE.lease_seconds)
    assert dead is not None
    stage.leases.release(dead)
    leases = Renewing(stage.leases, stage.leases.renew)

    def acquire(turn: str, thread: str, holder: str, seconds: float) -> Lease | None:
        lease = stage.leases.acquire(turn, thread, holder, seconds)
        stage.pass_lease_time(seconds + 1)
        return lease

    leases.acquire = acquire
    [result] = await stage.runner(Played(silent), leases=leases).run(THREAD, turn_id)
    assert (result.end, result.outcome) == ("lost", None)
    assert stage.ends() == []


@story
async def test_a_cancelled_run_stops_the_engine_and_gives_the_lease_back(stage: Stage) -> None:
    turn_id = stage.thread("A")
    engine = Endless()
    played = Played(engine.play)
    run = asyncio.create_task(stage.runner(played).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert engine.stopped.is_set()
    assert played.closed == 1
    assert is_given_back(stage, turn_id)
    assert stage.ends() == []
