"""A running engine, and what reaches it from another process: on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.errors import TurnNotActive
from domain.events.item import ItemEvent
from domain.events.turn import TurnStarted
from domain.ports import EngineEvent, ItemBegan, StepBoundary, TurnContext, TurnHandle
from tests.adapters.runner.stage import THREAD, Played, Stage, said, story


async def attentive(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
    """Works on A until it is told more or told to stop, and answers what it hears."""
    yield said(f"on {context.messages[-1].text}")
    if context.messages[-1].text != "A":
        return
    hears = [asyncio.ensure_future(wait()) for wait in (handle.wait_input, handle.wait_interrupted)]
    await asyncio.wait(hears, return_when=asyncio.FIRST_COMPLETED)
    for waiting in hears:
        waiting.cancel()
    await asyncio.gather(*hears, return_exceptions=True)
    yield StepBoundary()
    for message in handle.take_input():
        yield said(f"also {message.text}")


@story
async def test_28_a_late_abort_does_not_reach_the_engine_of_a_later_turn(stage: Stage) -> None:
    first = stage.thread("first")
    stage.service.finish(THREAD, first, "interrupted")
    second = stage.submit("A") or ""
    engine = Played(attentive)
    run = asyncio.create_task(stage.runner(engine).run(THREAD, second))
    await stage.until_name("item.completed", 3)
    with pytest.raises(TurnNotActive):
        stage.another_process().interrupt(THREAD, first, queued="discard")
    assert not engine.handles[0].interrupted
    stage.submit("S", delivery="steer")
    [result] = await run
    assert result.end == "completed"
    assert stage.texts("agent_message") == ["on A", "also S"]


@story
async def test_31_an_interrupt_reaches_the_engine_while_it_works(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    run = asyncio.create_task(stage.runner(Played(attentive)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.another_process().interrupt(THREAD, turn_id, queued="continue")
    assert [result.end for result in await run] == ["interrupted", "completed"]


@story
async def test_35_what_is_queued_is_not_given_to_the_engine_at_a_step_boundary(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    run = asyncio.create_task(stage.runner(Played(attentive)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.submit("S", delivery="steer")
    await run
    assert stage.texts("agent_message") == ["on A", "also S", "on B"]


@story
async def test_37_59_61_a_message_in_the_middle_is_answered_and_breaks_nothing_off(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(attentive)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.another_process().submit(THREAD, "S", delivery="steer")
    [result] = await run
    assert result.end == "completed"
    assert stage.texts("agent_message") == ["on A", "also S"]
    assert stage.ends() == [("completed", None)]


@story
async def test_58_a_steer_that_comes_as_the_engine_has_ended_is_answered_in_the_turn(
    stage: Stage,
) -> None:
    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        more = handle.take_input()
        yield said(f"also {more[0].text}" if more else "that is all")
        if not more:  # the last thing before the end of the iterator, which is the turn's
            stage.another_process().submit(THREAD, "S", delivery="steer")

    turn_id = stage.thread("A")
    [result] = await stage.runner(Played(play)).run(THREAD, turn_id)
    assert result.end == "completed"
    assert stage.texts("agent_message") == ["that is all", "also S"]
    assert stage.state().inbox == ()


@story
async def test_118_the_last_words_of_a_stopped_turn_are_its_own_and_come_before_the_next(
    stage: Stage,
) -> None:
    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.messages[-1].text == "A":
            yield ItemBegan("1", "tool_call", "think")
            await handle.wait_interrupted()
            yield said("stale")
            return
        yield said("fresh")

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.started", 2)
    stage.another_process().submit(THREAD, "B", delivery="interrupt")
    assert [result.end for result in await run] == ["interrupted", "completed"]
    assert stage.texts("agent_message") == ["stale", "fresh"]
    events = stage.events()
    second = [i for i, e in enumerate(events) if isinstance(e, TurnStarted)][1]
    owners = [e.turn_id for e in events[second:] if isinstance(e, ItemEvent)]
    assert turn_id not in owners
    assert stage.ends()[0][0] == "interrupted"
