"""A turn from its start to its end, and on to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.errors import ThreadNotFound
from domain.events.base import Usage
from domain.events.item import ItemCompleted, ItemStarted
from domain.events.turn import TurnCompleted
from domain.options import ThreadSettings, TurnOptions
from domain.ports import EngineEvent, ItemBegan, ItemEnded, TurnContext, TurnHandle, Used
from tests.adapters.runner.stage import THREAD, Played, Stage, said, scripted, silent, story


@story
async def test_a_turn_runs_and_every_event_is_recorded_in_order(stage: Stage) -> None:
    turn_id = stage.thread("hello")
    [result] = await stage.runner(scripted(stage, "{}")).run(THREAD, turn_id)
    assert (result.turn_id, result.end) == (turn_id, "completed")
    assert [event.name for event in stage.events()] == [
        "thread.created",
        "prompt.admitted",
        "prompt.promoted",
        "turn.started",
        "item.started",
        "item.completed",
        "item.started",
        "item.completed",
        "turn.completed",
    ]
    assert stage.texts("agent_message") == ["You said: hello"]


@story
async def test_what_is_queued_runs_in_order_without_another_call(stage: Stage) -> None:
    turn_id = stage.thread("A", "B", "C")
    results = await stage.runner(scripted(stage, "{}")).run(THREAD, turn_id)
    assert [result.end for result in results] == ["completed"] * 3
    assert stage.texts("agent_message") == ["You said: A", "You said: B", "You said: C"]
    assert stage.state().turn is None


@story
async def test_each_turn_has_a_lease_and_gives_it_back(stage: Stage) -> None:
    held: list[str] = []

    async def look(context: TurnContext) -> None:
        lease = stage.leases.find(context.turn_id)
        assert lease is not None
        assert lease.seconds_left > 0
        held.append(lease.holder)

    turn_id = stage.thread("A", "B")
    await stage.runner(Played(silent, on_start=look)).run(THREAD, turn_id)
    assert held == ["worker 1", "worker 1"]
    lease = stage.leases.find(turn_id)
    assert lease is not None
    assert lease.seconds_left <= 0


@story
async def test_a_call_is_recorded_when_it_begins_and_again_when_it_ends(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ItemBegan("1", "tool_call", "search", {"name": "search", "arguments": {"q": "x"}})
        assert stage.state().turn is not None
        assert len(stage.events(ItemStarted)) == 2  # the prompt, and this
        yield ItemBegan("2", "command_execution", "make test")
        yield ItemEnded("2", "boom", {"exit_code": 2}, "exit code 2")
        yield ItemEnded("1", "found", {"hits": 3})

    await stage.runner(Played(play)).run(THREAD, stage.thread("go"))
    _, search, command = stage.events(ItemStarted)
    assert (search.summary, search.detail["name"]) == ("search", "search")
    ends = [e for e in stage.events() if e.name in ("item.completed", "item.failed")][1:]
    assert [(e.item_id, e.name, e.text) for e in ends] == [
        (command.item_id, "item.failed", "boom"),
        (search.item_id, "item.completed", "found"),
    ]
    assert (ends[0].error, ends[1].result) == ("exit code 2", {"hits": 3})


@story
async def test_usage_is_summed_over_the_turn(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield Used(Usage(input_tokens=100, output_tokens=5))
        yield Used(Usage(input_tokens=50, reasoning_tokens=7))

    await stage.runner(Played(play)).run(THREAD, stage.thread("go"))
    [end] = stage.events(TurnCompleted)
    assert end.usage == Usage(input_tokens=150, output_tokens=5, reasoning_tokens=7)


@story
async def test_a_turn_that_reports_no_usage_has_none(stage: Stage) -> None:
    await stage.runner(Played(silent)).run(THREAD, stage.thread("go"))
    assert stage.events(TurnCompleted)[0].usage is None


@story
async def test_the_engine_gets_the_options_and_the_turns_before(stage: Stage) -> None:
    settings = ThreadSettings(options=TurnOptions(model="large"))
    turn_id = stage.thread("A", "B", settings=settings)

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("yes")

    engine = Played(play)
    await stage.runner(engine).run(THREAD, turn_id)
    first, second = engine.contexts
    assert (first.thread_id, first.turn_id, first.kind) == (THREAD, turn_id, "prompt")
    assert second.options.model == "large"
    assert [m.text for m in first.messages] == ["A"]
    assert [(m.role, m.text) for m in second.messages] == [
        ("user", "A"),
        ("assistant", "yes"),
        ("user", "B"),
    ]
    assert engine.closed == 2


@story
async def test_a_prompt_is_promoted_in_the_log_before_the_engine_gets_it(stage: Stage) -> None:
    """L18, for prompts that open turns and for steers."""

    def recorded() -> list[str]:
        return [e.text or "" for e in stage.events(ItemCompleted)]

    async def look(context: TurnContext) -> None:
        assert recorded() == [message.text for message in context.messages]

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if len(engine.handles) == 1:
            stage.submit("S", delivery="steer")
            await handle.wait_input()
            assert handle.take_input() == ()  # no boundary, no steer
        else:
            [steer] = handle.take_input()
            assert steer.text == recorded()[-1] == "S"
        yield said("yes")

    engine = Played(play, on_start=look)
    await stage.runner(engine).run(THREAD, stage.thread("A"))
    assert len(engine.handles) == 2
    assert stage.ends() == [("completed", None)]


@story
async def test_a_turn_that_ended_already_is_left_alone(stage: Stage) -> None:
    turn_id = stage.thread("A")
    stage.service.finish(THREAD, turn_id, "completed")
    engine = Played(silent)
    [result] = await stage.runner(engine).run(THREAD, turn_id)
    assert (result.end, result.outcome, engine.contexts) == ("gone", None, [])
    [again] = await stage.runner(engine).run(THREAD, turn_id)
    assert again.end == "gone"


@story
async def test_an_unknown_thread_is_refused(stage: Stage) -> None:
    with pytest.raises(ThreadNotFound):
        await stage.runner(Played(silent)).run("thr_none", "turn_none")
