"""What a new process finds: turns of nobody, of the living, and of the dead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from adapters.errors import StoreUnavailable
from adapters.runner.runner import InternalFault
from domain.errors import ThreadIsImported
from domain.ports import EngineEvent, Lease, Leases, TurnContext, TurnHandle
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, scripted, silent, story
from tests.contracts.imported import IMPORTED, IMPORTED_TURN, import_copy
from tests.fixtures.patience import PATIENCE


class Dies(BaseException):
    """The process is gone."""


class DyingLeases:
    """Leases of a process that dies as it asks for its second one."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._asked = 0
        self.renew = leases.renew
        self.release = leases.release
        self.find = leases.find

    def acquire(self, turn_id: str, thread_id: str, holder: str, seconds: float) -> Lease | None:
        self._asked += 1
        if self._asked == 2:
            raise Dies
        return self._leases.acquire(turn_id, thread_id, holder, seconds)


@story
async def test_a_turn_that_nobody_began_is_run(stage: Stage) -> None:
    stage.thread("A", "B")
    report = await stage.runner(scripted(stage, "{}")).run_pending()
    assert [result.end for result in report.results] == ["completed"] * 2
    assert stage.texts("agent_message") == ["You said: A", "You said: B"]


@story
async def test_nothing_to_do_is_nothing_done(stage: Stage) -> None:
    stage.thread()
    report = await stage.runner(Played(silent)).run_pending()
    assert (report.results, report.unfinished) == ((), ())


@story
async def test_d16_a_turn_that_another_process_works_on_is_left_alone(stage: Stage) -> None:
    turn_id = stage.thread("A")
    working = asyncio.Event()
    go_on = asyncio.Event()

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        working.set()
        await go_on.wait()
        yield said("done")

    first = asyncio.create_task(stage.runner(Played(play), "first").run(THREAD, turn_id))
    await working.wait()
    before = stage.history()
    engine = Played(silent)
    second = stage.runner(engine, "second", service=stage.another_process())
    [result] = (await second.run_pending()).results
    assert result.end == "taken"
    assert (engine.contexts, stage.history()) == ([], before)
    go_on.set()
    assert [result.end for result in await first] == ["completed"]
    assert stage.texts("agent_message") == ["done"]


@story
async def test_d16_a_turn_whose_worker_is_lost_is_closed_by_an_event_and_the_queue_goes_on(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    dead = stage.leases.acquire(turn_id, THREAD, "dead", PACE.lease_seconds)
    stage.service.start_item(THREAD, turn_id, "tool_call", "search", lease=dead)
    stage.pass_time(PACE.lease_seconds + 1)
    report = await stage.runner(
        scripted(stage, "{}"), service=stage.another_process()
    ).run_pending()
    assert [result.end for result in report.results] == ["recovered", "completed"]
    assert stage.ends() == [("interrupted", "worker lost"), ("completed", None)]
    assert stage.texts("agent_message") == ["You said: B"]
    actor = next(e.actor for e in stage.events() if e.name == "turn.completed")
    assert actor == "runner worker 1"


@story
async def test_a_turn_that_was_given_back_unfinished_is_recovered_and_not_run_twice(
    stage: Stage,
) -> None:
    """Its engine may have done things already."""
    turn_id = stage.thread("A")
    lease = stage.leases.acquire(turn_id, THREAD, "shut down", PACE.lease_seconds)
    assert lease is not None
    stage.leases.release(lease)
    engine = Played(silent)
    [result] = (await stage.runner(engine).run_pending()).results
    assert (result.end, engine.contexts) == ("recovered", [])


@story
async def test_an_interrupted_turn_is_not_resurrected_by_a_restart(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    assert stage.leases.acquire(turn_id, THREAD, "dead", PACE.lease_seconds)
    stage.service.interrupt(THREAD, turn_id, queued="hold")
    stage.pass_time(PACE.lease_seconds + 1)
    engine = Played(silent)
    [result] = (await stage.runner(engine).run_pending()).results
    assert (result.end, engine.contexts) == ("recovered", [])
    assert [prompt.state for prompt in stage.state().inbox] == ["held"]


@story
async def test_of_two_processes_that_start_at_once_one_recovers(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    assert stage.leases.acquire(turn_id, THREAD, "dead", PACE.lease_seconds)
    stage.pass_time(PACE.lease_seconds + 1)
    runners = [
        stage.runner(scripted(stage, "{}"), name, service=stage.another_process())
        for name in ("one", "two")
    ]
    await asyncio.gather(*(runner.run_pending() for runner in runners))
    assert stage.ends() == [("interrupted", "worker lost"), ("completed", None)]
    assert stage.texts("agent_message") == ["You said: B"]


@story
async def test_a_crash_between_the_end_of_a_turn_and_the_next_loses_nothing(stage: Stage) -> None:
    turn_id = stage.thread("A", "B", "C")
    dying = stage.runner(scripted(stage, "{}"), leases=DyingLeases(stage.leases))
    with pytest.raises(Dies):
        await dying.run(THREAD, turn_id)
    assert stage.texts("agent_message") == ["You said: A"]
    report = await stage.runner(
        scripted(stage, "{}"), service=stage.another_process()
    ).run_pending()
    assert [result.end for result in report.results] == ["completed"] * 2
    assert stage.texts("agent_message") == ["You said: A", "You said: B", "You said: C"]


@story
async def test_imported_threads_are_never_touched(stage: Stage) -> None:
    stage.thread("A")
    copies = import_copy(stage.log, THREAD)
    report = await stage.runner(scripted(stage, "{}")).run_pending()
    assert [result.thread_id for result in report.results] == [THREAD]
    with pytest.raises(ThreadIsImported):
        await stage.runner(scripted(stage, "{}")).run(IMPORTED, IMPORTED_TURN)
    assert len(stage.log.read_thread(IMPORTED)) == len(copies)


@story
async def test_a_thread_that_cannot_go_on_does_not_keep_the_others_from_it(stage: Stage) -> None:
    turn_id = stage.thread("A")
    other = stage.service.create().thread_id
    stage.service.submit(other, "B")

    class Cut:
        """Leases that are out of reach for one turn."""

        def __init__(self, leases: Leases) -> None:
            self.renew, self.release, self.find = leases.renew, leases.release, leases.find

        def acquire(self, turn: str, thread: str, holder: str, seconds: float) -> Lease | None:
            if turn == turn_id:
                raise StoreUnavailable(target="there", why="cut", advice="")
            return stage.leases.acquire(turn, thread, holder, seconds)

    report = await stage.runner(scripted(stage, "{}"), leases=Cut(stage.leases)).run_pending()
    assert [result.thread_id for result in report.results] == [other]
    [left] = report.unfinished
    assert (left.thread_id, left.turn_id) == (THREAD, turn_id)
    assert isinstance(left.error, StoreUnavailable)


@story
async def test_a_defect_in_one_thread_does_not_cancel_the_others(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    turn_id = stage.thread("A")
    other = stage.service.create().thread_id
    stage.service.submit(other, "B")
    failed = threading.Event()

    class Defective:
        """Leases with a mistake in them, which shows while the other thread is at work."""

        def __init__(self, leases: Leases) -> None:
            self.renew, self.release, self.find = leases.renew, leases.release, leases.find

        def acquire(self, turn: str, thread: str, holder: str, seconds: float) -> Lease | None:
            if turn == turn_id:
                failed.set()
                raise AssertionError
            assert failed.wait(PATIENCE)
            return stage.leases.acquire(turn, thread, holder, seconds)

    runner = stage.runner(scripted(stage, "{}"), leases=Defective(stage.leases))
    with caplog.at_level("DEBUG", logger="turnlog"):
        report = await runner.run_pending()
    assert [(result.thread_id, result.end) for result in report.results] == [(other, "completed")]
    [left] = report.unfinished
    assert (left.thread_id, left.turn_id) == (THREAD, turn_id)
    assert isinstance(left.error, InternalFault)
    assert "AssertionError" in left.error.message
    assert "AssertionError" in caplog.text
    assert "Traceback" not in caplog.text


@story
async def test_run_thread_runs_all_there_is(stage: Stage) -> None:
    stage.thread("A", "B")
    results = await stage.runner(scripted(stage, "{}")).run_thread(THREAD)
    assert [result.end for result in results] == ["completed"] * 2


@story
async def test_run_thread_of_an_idle_thread_returns(stage: Stage) -> None:
    stage.thread()
    assert await stage.runner(Played(silent)).run_thread(THREAD) == ()


@story
async def test_run_thread_waits_for_the_other_worker_and_takes_over_when_that_is_lost(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    assert stage.leases.acquire(turn_id, THREAD, "other", PACE.lease_seconds)
    runner = stage.runner(scripted(stage, "{}"), hints=None)
    run = asyncio.create_task(runner.run_thread(THREAD))
    await stage.time.sleeping(PACE.poll_seconds)
    stage.time.advance(PACE.poll_seconds)
    await stage.time.sleeping(PACE.poll_seconds)
    assert not run.done()
    stage.pass_time(PACE.lease_seconds + 1)
    assert [result.end for result in await run] == ["recovered", "completed"]
