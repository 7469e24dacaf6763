"""An interrupt reaches the engine it is meant for, and no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from domain.context import messages
from domain.errors import TurnNotActive
from domain.events.item import ItemInterrupted, ItemStarted
from domain.ports import EngineEvent, ItemBegan, TurnContext, TurnHandle
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, scripted, story

TOOL_THAT_TAKES_LONG = """{"turns": [{"when": "long", "steps": [
    {"do": "tool", "name": "search", "wait": {"seconds": 3600}},
    {"do": "say", "text": "never said"}]}]}"""


@story
async def test_an_interrupt_stops_a_running_engine_and_closes_its_items(stage: Stage) -> None:
    turn_id = stage.thread("long A", "B")
    run = asyncio.create_task(
        stage.runner(scripted(stage, TOOL_THAT_TAKES_LONG)).run(THREAD, turn_id)
    )
    await stage.until_name("item.started", 2)
    stage.another_process().interrupt(THREAD, turn_id, queued="continue")
    results = await run
    assert [result.end for result in results] == ["interrupted", "completed"]
    [cut] = stage.events(ItemInterrupted)
    assert cut.item_id == stage.events(ItemStarted)[1].item_id
    assert stage.texts("agent_message") == ["You said: B"]


@story
async def test_d20_the_turn_after_it_sees_an_answered_call(stage: Stage) -> None:
    turn_id = stage.thread("long A")
    run = asyncio.create_task(
        stage.runner(scripted(stage, TOOL_THAT_TAKES_LONG)).run(THREAD, turn_id)
    )
    await stage.until_name("item.started", 2)
    stage.service.interrupt(THREAD, turn_id)
    await run
    call = messages(stage.events())[1]
    assert (call.role, call.summary) == ("tool", "search")
    assert call.text == "interrupted: the turn was interrupted"


@story
async def test_held_prompts_do_not_run_after_the_interrupt(stage: Stage) -> None:
    turn_id = stage.thread("long A", "B")
    run = asyncio.create_task(
        stage.runner(scripted(stage, TOOL_THAT_TAKES_LONG)).run(THREAD, turn_id)
    )
    await stage.until_name("item.started", 2)
    stage.service.interrupt(THREAD, turn_id, queued="hold")
    assert [result.end for result in await run] == ["interrupted"]
    assert [prompt.state for prompt in stage.state().inbox] == ["held"]


@story
async def test_an_interrupting_prompt_runs_next(stage: Stage) -> None:
    turn_id = stage.thread("long A", "B")
    run = asyncio.create_task(
        stage.runner(scripted(stage, TOOL_THAT_TAKES_LONG)).run(THREAD, turn_id)
    )
    await stage.until_name("item.started", 2)
    stage.submit("C", delivery="interrupt", queued="continue")
    await run
    assert stage.texts("agent_message") == ["You said: C", "You said: B"]


@story
async def test_an_engine_that_ignores_it_is_cancelled_after_its_grace(stage: Stage) -> None:
    cleaned_up = asyncio.Event()

    async def play(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.messages[-1].text == "A":
            try:
                yield ItemBegan("1", "command_execution", "sleep for ever")
                await asyncio.Event().wait()
            finally:
                cleaned_up.set()
        yield said("next")

    turn_id = stage.thread("A", "B")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.started", 2)
    stage.service.interrupt(THREAD, turn_id, queued="continue")
    await stage.time.sleeping(PACE.grace_seconds)
    assert not run.done()
    stage.time.advance(PACE.grace_seconds)
    await run
    assert cleaned_up.is_set()
    assert stage.ends() == [
        ("interrupted", "the engine did not stop within 7 s"),
        ("completed", None),
    ]
    assert len(stage.events(ItemInterrupted)) == 1


@story
async def test_an_engine_that_ignores_even_that_is_left_to_itself(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    let_go = asyncio.Event()

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.service.interrupt(THREAD, turn_id)
    await stage.time.sleeping(PACE.grace_seconds)
    stage.time.advance(PACE.grace_seconds)
    await stage.time.sleeping(PACE.cancel_seconds)
    stage.time.advance(PACE.cancel_seconds)
    await run
    assert stage.ends() == [("interrupted", "the engine did not stop within 7 s")]
    assert "left to itself" in caplog.text
    let_go.set()
    await asyncio.sleep(0)


@story
async def test_an_engine_that_breaks_when_it_is_stopped_was_interrupted_not_failed(
    stage: Stage,
) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        await handle.wait_interrupted()
        raise ConnectionError("closed")

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.service.interrupt(THREAD, turn_id)
    await run
    assert stage.ends() == [("interrupted", "ConnectionError: closed")]
    assert stage.state().failures == 0


@story
async def test_what_the_engine_says_while_it_stops_is_recorded(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        await handle.wait_interrupted()
        yield said("as far as I got")

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.service.interrupt(THREAD, turn_id)
    await run
    assert stage.texts("agent_message") == ["begun", "as far as I got"]
    assert stage.ends() == [("interrupted", None)]


@story
async def test_a_turn_interrupted_before_it_was_begun_never_reaches_the_engine(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    stage.service.interrupt(THREAD, turn_id, queued="continue")
    engine = Played(echo)
    await stage.runner(engine).run(THREAD, turn_id)
    assert [context.messages[-1].text for context in engine.contexts] == ["B"]
    assert stage.ends() == [("interrupted", None), ("completed", None)]


@story
async def test_an_engine_that_hangs_while_it_starts_can_be_interrupted(stage: Stage) -> None:
    starting = asyncio.Event()

    async def hang(_: TurnContext) -> None:
        starting.set()
        await asyncio.Event().wait()

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(echo, on_start=hang)).run(THREAD, turn_id))
    await starting.wait()
    stage.service.interrupt(THREAD, turn_id)
    await stage.time.sleeping(PACE.grace_seconds)
    stage.time.advance(PACE.grace_seconds)
    await run
    assert stage.ends() == [("interrupted", "the engine did not stop within 7 s")]


@story
async def test_a_turn_the_engine_made_ready_too_late_is_closed_all_the_same(stage: Stage) -> None:
    starting, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: TurnContext) -> None:
        starting.set()
        with contextlib.suppress(asyncio.CancelledError):
            await go_on.wait()

    turn_id = stage.thread("A")
    engine = Played(echo, on_start=slow)
    run = asyncio.create_task(stage.runner(engine).run(THREAD, turn_id))
    await starting.wait()
    stage.end_elsewhere(turn_id)
    [result] = await run
    assert (result.end, engine.handles, engine.closed) == ("gone", [], 1)


@story
async def test_d18_a_stop_does_not_outlive_its_turn(stage: Stage) -> None:
    """Nor does the grace it started: the second turn runs longer than that."""
    second = asyncio.Event()

    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        if context.turn_id == turn_id:
            await handle.wait_interrupted()
            return
        assert not handle.interrupted
        second.set()
        await go_on.wait()
        assert not handle.interrupted
        yield said("done")

    go_on = asyncio.Event()
    turn_id = stage.thread("A", "B")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.service.interrupt(THREAD, turn_id, queued="continue")
    await second.wait()
    stage.time.advance(PACE.grace_seconds * 2)
    go_on.set()
    await run
    assert stage.ends() == [("interrupted", None), ("completed", None)]
    assert stage.texts("agent_message")[-1] == "done"


@story
async def test_a_late_interrupt_of_an_ended_turn_leaves_the_running_one_alone(
    stage: Stage,
) -> None:
    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.turn_id != turn_id:
            for who in (stage.service, stage.another_process()):
                with pytest.raises(TurnNotActive):
                    who.interrupt(THREAD, turn_id)
        yield said("done")
        assert not handle.interrupted

    turn_id = stage.thread("A", "B")
    await stage.runner(Played(play)).run(THREAD, turn_id)
    assert stage.ends() == [("completed", None)] * 2


@story
async def test_an_interrupt_is_found_by_the_clock_when_no_hint_comes(stage: Stage) -> None:
    turn_id = stage.thread("long A")
    runner = stage.runner(scripted(stage, TOOL_THAT_TAKES_LONG), hints=None)
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("item.started", 2)
    stage.service.interrupt(THREAD, turn_id)
    await stage.time.sleeping(PACE.poll_seconds)
    assert not run.done()
    stage.time.advance(PACE.poll_seconds)
    assert [result.end for result in await run] == ["interrupted"]


@story
async def test_a_turn_that_somebody_else_ended_stops_at_once_and_writes_nothing(
    stage: Stage,
) -> None:
    cleaned_up = asyncio.Event()

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        try:
            yield said("begun")
            await asyncio.Event().wait()
        finally:
            cleaned_up.set()

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.end_elsewhere(turn_id)
    [result] = await run
    assert (result.end, result.outcome) == ("gone", None)
    assert cleaned_up.is_set()
    assert stage.ends() == [("interrupted", "by hand")]


@story
async def test_what_happens_to_the_next_turn_does_not_reach_a_worker_of_the_one_before(
    stage: Stage,
) -> None:
    """Somebody ended its turn; the next one began, and was interrupted."""
    turn_id = stage.thread("A", "B")

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        await handle.wait_interrupted()
        yield said("never")

    other = stage.another_process()
    engine = Played(play)
    run = asyncio.create_task(stage.runner(engine, hints=None).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    next_id = stage.end_elsewhere(turn_id).started_turn_id
    assert next_id is not None
    other.interrupt(THREAD, next_id)
    await stage.time.sleeping(PACE.poll_seconds)
    stage.time.advance(PACE.poll_seconds)
    [result] = await run
    assert result.end == "gone"
    assert not engine.handles[0].interrupted


async def echo(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
    yield said(context.messages[-1].text)
