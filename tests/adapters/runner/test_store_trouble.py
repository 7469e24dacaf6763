"""A store that is busy, goes away, or loses its answer, in the middle of a turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from adapters.errors import AppendOutcomeUnknown, StoreBusy, StoreError, StoreUnavailable
from adapters.runner.journal import ATTEMPTS, AWAY_SECONDS, MAX_AWAY_SECONDS
from domain.errors import ThreadContended
from domain.events.approval import ApprovalRequested
from domain.events.turn import TurnSteered
from domain.ports import (
    ApprovalAsked,
    EngineEvent,
    ItemBegan,
    ItemEnded,
    StepBoundary,
    TurnContext,
    TurnHandle,
)
from domain.service import ThreadService
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, story


async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
    yield ItemBegan("1", "tool_call", "search")
    yield ItemEnded("1", "found")
    yield said("done")


def failing(
    service: ThreadService, name: str, error: Callable[[], Exception], times: int, *, late: bool
) -> ThreadService:
    """The service, whose method of that name fails so often; `late`: after it has done its work."""
    method, left = getattr(service, name), [times]

    def call(*args: object, **kwargs: object) -> object:
        if left[0]:
            left[0] -= 1
            if late:
                method(*args, **kwargs)
            raise error()
        return method(*args, **kwargs)

    setattr(service, name, call)
    return service


def busy() -> StoreError:
    return StoreBusy(why="a lock timeout")


def contended() -> ThreadContended:
    return ThreadContended(thread_id=THREAD, attempts=64)


def unknown() -> StoreError:
    return AppendOutcomeUnknown(target="there")


def away() -> StoreError:
    return StoreUnavailable(target="there", why="cut", advice="")


@pytest.mark.parametrize("method", ["start_item", "end_item", "record_item", "finish"])
@pytest.mark.parametrize("error", [busy, contended])
@story
async def test_what_was_surely_not_written_is_written_again(
    stage: Stage, method: str, error: Callable[[], Exception]
) -> None:
    service = failing(stage.another_process(), method, error, 3, late=False)
    turn_id = stage.thread("A")
    await stage.runner(Played(play), service=service).run(THREAD, turn_id)
    assert stage.texts("tool_call") == ["found"]
    assert stage.texts("agent_message") == ["done"]
    assert stage.ends() == [("completed", None)]


@pytest.mark.parametrize("method", ["start_item", "end_item", "record_item", "finish"])
@story
async def test_a_store_that_is_away_for_a_while_is_waited_for(stage: Stage, method: str) -> None:
    service = failing(stage.another_process(), method, away, 6, late=False)
    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(play), service=service).run(THREAD, turn_id))
    for times in (1, 2, 4, 8):
        await stage.time.sleeping(AWAY_SECONDS * times)
        stage.time.advance(AWAY_SECONDS * times)
    for _ in range(2):
        await stage.time.sleeping(MAX_AWAY_SECONDS)
        stage.time.advance(MAX_AWAY_SECONDS)
    [result] = await run
    assert result.end == "completed"
    assert stage.texts("tool_call") == ["found"]
    assert stage.texts("agent_message") == ["done"]


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize(
    "method",
    ["start_item", "end_item", "record_item", "take_steers", "request_approval", "finish"],
)
@story
async def test_a_command_with_an_unknown_outcome_is_sent_again_and_done_once(
    stage: Stage, method: str, late: bool
) -> None:
    """L10: under the same id, so it does not matter whether the first one was written."""

    async def everything(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        async for event in play(context, handle):
            yield event
        yield ApprovalAsked("1", "May I?")
        told = await handle.wait_answer("1")
        yield StepBoundary()
        for steer in handle.take_input():
            yield said(f"{steer.text} {told.decision}")

    service = failing(stage.another_process(), method, unknown, ATTEMPTS - 1, late=late)
    turn_id = stage.thread("A")
    stage.submit("S", delivery="steer")
    run = asyncio.create_task(
        stage.runner(Played(everything), service=service).run(THREAD, turn_id)
    )
    await stage.until_name("approval.requested")
    [asked] = stage.events(ApprovalRequested)
    stage.service.resolve_approval(THREAD, asked.approval_id, "approved")
    [result] = await run
    assert result.end == "completed"
    assert stage.texts("tool_call") == ["found"]
    assert stage.texts("agent_message") == ["done", "S approved"]
    assert len(stage.events(TurnSteered)) == len(stage.events(ApprovalRequested)) == 1
    assert stage.ends() == [("completed", None)]


@story
async def test_a_start_that_failed_with_an_unknown_outcome_is_recorded_once(stage: Stage) -> None:
    service = failing(stage.another_process(), "start_failed", unknown, 1, late=True)

    async def refuse(_: TurnContext) -> None:
        raise PermissionError("not you")

    turn_id = stage.thread("A", "B")
    await stage.runner(Played(play, on_start=refuse), service=service).run(THREAD, turn_id)
    assert stage.ends() == [("failed", "PermissionError: not you")] * 2


@story
async def test_what_stays_unknown_leaves_the_turn_to_the_next_start(stage: Stage) -> None:
    service = failing(stage.another_process(), "record_item", unknown, ATTEMPTS, late=True)
    turn_id = stage.thread("A")
    with pytest.raises(AppendOutcomeUnknown):
        await stage.runner(Played(play), service=service).run(THREAD, turn_id)
    assert stage.texts("agent_message") == ["done"]
    report = await stage.runner(Played(play)).run_pending()
    assert [result.end for result in report.results] == ["recovered"]


@pytest.mark.parametrize("method", ["start_item", "record_item", "finish"])
@story
async def test_when_the_log_cannot_be_written_the_turn_is_left_to_the_next_start(
    stage: Stage, method: str
) -> None:
    service = failing(stage.another_process(), method, away, 100, late=False)
    turn_id = stage.thread("A", "B")
    engine = Played(play)
    run = asyncio.create_task(stage.runner(engine, service=service).run(THREAD, turn_id))
    await stage.time.sleeping(AWAY_SECONDS)
    stage.pass_time(PACE.lease_seconds)
    with pytest.raises(StoreUnavailable):
        await run
    assert engine.closed == 1
    assert stage.ends() == []
    report = await stage.runner(Played(play)).run_pending()
    assert [result.end for result in report.results] == ["recovered", "completed"]


@story
async def test_a_watch_that_cannot_read_for_a_while_goes_on(stage: Stage) -> None:
    """The lease decides whether the work goes on, not a read that failed."""
    failures: list[Exception] = []

    def noted() -> Exception:
        failures.append(away())
        return failures[-1]

    service = failing(stage.another_process(), "thread", noted, 2, late=False)
    turn_id = stage.thread("A")

    async def steered(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        while len(failures) < 2:  # one read may answer several rings of the bell
            yield said("again")
        stage.submit("S", delivery="steer")
        await handle.wait_input()
        yield said("heard")
        stage.service.withdraw(THREAD, "inp_S")

    await stage.runner(Played(steered), service=service).run(THREAD, turn_id)
    assert stage.texts("agent_message")[-1] == "heard"
    assert stage.ends() == [("completed", None)]


@story
async def test_an_error_of_the_watch_that_will_not_pass_is_raised(stage: Stage) -> None:
    service = failing(
        stage.another_process(), "thread", lambda: RuntimeError("a defect"), 1, late=False
    )
    turn_id = stage.thread("A")

    async def wait(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        await handle.wait_interrupted()

    engine = Played(wait)
    with pytest.raises(RuntimeError, match="a defect"):
        await stage.runner(engine, service=service).run(THREAD, turn_id)
    assert engine.closed == len(engine.contexts)
