"""Steers reach the running engine, and none is recorded without being answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.events.prompt import PromptPromoted
from domain.events.turn import TurnCompleted, TurnSteered
from domain.options import ThreadSettings
from domain.ports import (
    EngineEvent,
    StepBoundary,
    TurnContext,
    TurnHandle,
)
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, scripted, story
from tests.fixtures.logs import interfering


@story
async def test_a_steer_enters_at_the_step_boundary_and_is_answered(stage: Stage) -> None:
    engine = scripted(
        stage,
        """{"steps": [{"do": "wait", "until": "signal", "signal": "go"}, {"do": "boundary"},
                      {"do": "say", "text": "done; steers: {steers}"}]}""",
    )
    turn_id = stage.thread("A", "B")
    stage.submit("S1", delivery="steer")
    stage.submit("S2", delivery="steer")
    assert stage.events(TurnSteered) == []
    engine.fire("go")
    await stage.runner(engine).run(THREAD, turn_id)
    assert stage.texts("agent_message")[:3] == [
        "Understood: S1",
        "Understood: S2",
        "done; steers: S1, S2",
    ]
    steered = [event.input_id for event in stage.events(TurnSteered)]
    assert steered == ["inp_S1", "inp_S2"]


@story
async def test_a_waiting_engine_hears_of_a_steer_from_another_process(stage: Stage) -> None:
    engine = scripted(stage, '{"steps": [{"do": "wait", "until": "steered"}]}')
    turn_id = stage.thread("A")

    async def steer(context: TurnContext) -> None:
        stage.another_process().steer(THREAD, turn_id, "S", input_id="inp_S")

    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        turn = await engine.start(context)
        async for event in turn.run(handle):
            yield event

    await stage.runner(Played(play, on_start=steer)).run(THREAD, turn_id)
    assert stage.texts("agent_message") == ["Understood: S"]


@story
async def test_d8_a_steer_that_arrives_as_the_turn_ends_is_answered_in_it(stage: Stage) -> None:
    """The engine is through; the steer is admitted before the end is decided."""
    turn_id = stage.thread("A", "B")

    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        for steer in handle.take_input():
            yield said(f"and {steer.text}")
        yield said(f"answer to {context.messages[-1].text}")
        if len(engine.handles) == 1:
            stage.submit("S", delivery="steer")

    engine = Played(play)
    await stage.runner(engine).run(THREAD, turn_id)
    assert stage.texts("agent_message")[:3] == ["answer to A", "and S", "answer to A"]
    assert stage.events(PromptPromoted)[1].turn_id == turn_id
    assert stage.ends() == [("completed", None)] * 2


@story
async def test_d8_also_when_another_process_admits_it_between_decision_and_append(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A")
    other = stage.another_process()
    log = interfering(
        stage.log,
        "turn.completed",
        lambda: other.submit(THREAD, "S", delivery="steer", input_id="inp_S"),
    )
    runner = stage.runner(scripted(stage, "{}"), service=stage.another_process(log))
    [result] = await runner.run(THREAD, turn_id)
    assert result.end == "completed"
    assert log.before_append is None
    assert stage.texts("agent_message") == ["You said: A", "Understood: S"]


@story
async def test_steers_that_keep_arriving_at_the_end_are_all_answered(stage: Stage) -> None:
    left = ["S1", "S2", "S3"]

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        for steer in handle.take_input():
            yield said(f"and {steer.text}")
        if left:
            stage.submit(left.pop(0), delivery="steer")

    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    assert stage.texts("agent_message") == ["and S1", "and S2", "and S3"]
    assert stage.ends() == [("completed", None)]


@story
async def test_a_steer_withdrawn_before_it_is_taken_lets_the_turn_complete(stage: Stage) -> None:
    turn_id = stage.thread("A")
    service = stage.another_process()
    taking = service.take_steers

    def withdraw_first(thread_id: str, turn_id: str, **more: Any) -> object:
        stage.service.withdraw(THREAD, "inp_S")
        return taking(thread_id, turn_id, **more)

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("yes")
        stage.submit("S", delivery="steer")

    service.take_steers = withdraw_first  # type: ignore[method-assign,assignment]
    engine = Played(play)
    await stage.runner(engine, service=service).run(THREAD, turn_id)
    assert stage.ends() == [("completed", None)]
    assert len(engine.handles) == 1


@story
async def test_steers_the_engine_took_in_but_never_read_fail_the_turn(stage: Stage) -> None:
    """It gets a second chance; then it is said aloud instead of recorded as answered."""

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield StepBoundary()

    turn_id = stage.thread("A")
    stage.submit("S", delivery="steer")
    engine = Played(play)
    await stage.runner(engine).run(THREAD, turn_id)
    assert stage.ends() == [("failed", "the engine left 1 steer(s) unread")]
    assert len(engine.handles) == 2


@story
async def test_a_steer_delivered_at_the_last_boundary_is_read_in_another_run(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if len(engine.handles) == 2:
            for steer in handle.take_input():
                yield said(f"late but read: {steer.text}")
        yield StepBoundary()

    turn_id = stage.thread("A")
    stage.submit("S", delivery="steer")
    engine = Played(play)
    await stage.runner(engine).run(THREAD, turn_id)
    assert stage.texts("agent_message") == ["late but read: S"]
    assert stage.ends() == [("completed", None)]


@pytest.mark.parametrize("queued", ["continue", "hold"])
@story
async def test_l6_a_steer_the_interrupt_left_over_opens_the_next_turn_or_is_held(
    stage: Stage, queued: str
) -> None:
    """L8: nothing enters the interrupted turn, although the engine comes to a boundary."""
    turn_id = stage.thread("A", "B")

    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.turn_id == turn_id:
            stage.submit("S", delivery="steer")
            stage.service.interrupt(THREAD, turn_id, queued=queued)  # type: ignore[arg-type]
            yield StepBoundary()
            assert handle.interrupted
            assert handle.take_input() == ()
            yield StepBoundary()
        yield said(context.messages[-1].text)

    await stage.runner(Played(play)).run(THREAD, turn_id)
    ends = stage.events(TurnCompleted)
    assert (ends[0].status, ends[0].error) == ("interrupted", None)
    assert stage.events(TurnSteered) == []
    order = [event.input_id for event in stage.events(PromptPromoted)]
    assert order == (["inp_A", "inp_S", "inp_B"] if queued == "continue" else ["inp_A"])
    assert [p.input_id for p in stage.state().inbox] == (
        [] if queued == "continue" else ["inp_B", "inp_S"]
    )


@story
async def test_an_engine_that_takes_no_steers_leaves_the_queue_alone(stage: Stage) -> None:
    turn_id = stage.thread("A", "B", settings=ThreadSettings(steerable=False))

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield StepBoundary()
        assert handle.take_input() == ()

    await stage.runner(Played(play)).run(THREAD, turn_id)
    assert stage.ends() == [("completed", None)] * 2


@story
async def test_after_a_boundary_an_engine_waits_for_the_next_steer(stage: Stage) -> None:
    turn_id = stage.thread("A")
    stage.submit("S", delivery="steer")

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        await handle.wait_input()
        yield StepBoundary()
        assert [steer.text for steer in handle.take_input()] == ["S"]
        waiting = asyncio.ensure_future(handle.wait_input())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()

    # Without hints the log is looked at once, when the test says so.
    run = asyncio.create_task(stage.runner(Played(play), hints=None).run(THREAD, turn_id))
    await stage.time.sleeping(PACE.poll_seconds)
    stage.time.advance(PACE.poll_seconds)
    await run
    assert stage.ends() == [("completed", None)]
