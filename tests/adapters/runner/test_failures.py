"""Engines that fail, at whatever moment, and what becomes of the queue behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from domain.events.item import ItemFailed
from domain.events.prompt import QueueHeld
from domain.ports import (
    EngineCannotStart,
    EngineEvent,
    EngineTurn,
    ItemBegan,
    ItemEnded,
    TurnContext,
    TurnHandle,
)
from domain.text import ERROR_LIMIT
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, scripted, silent, story


@story
async def test_d7_a_turn_that_cannot_start_lets_the_follow_up_run(stage: Stage) -> None:
    engine = scripted(
        stage,
        '{"turns": [{"when": "broken", "steps": [{"do": "fail_to_start", "why": "no key"}]}]}',
    )
    turn_id = stage.thread("broken A", "B")
    results = await stage.runner(engine).run(THREAD, turn_id)
    assert [result.end for result in results] == ["failed", "completed"]
    assert stage.ends()[0] == ("failed", "The engine scripted could not start: no key.")
    assert stage.texts("agent_message") == ["You said: B"]


@story
async def test_any_exception_at_the_start_ends_the_turn_with_its_class_and_text(
    stage: Stage,
) -> None:
    async def refuse(_: TurnContext) -> None:
        raise PermissionError("not you")

    engine = Played(silent, on_start=refuse)
    await stage.runner(engine).run(THREAD, stage.thread("A"))
    assert stage.ends() == [("failed", "PermissionError: not you")]
    assert engine.closed == 0  # it never began


@story
async def test_an_engine_that_fails_midway_leaves_no_item_open_and_the_queue_goes_on(
    stage: Stage,
) -> None:
    async def play(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        if context.turn_id == turn_id:
            yield ItemBegan("1", "tool_call", "search")
            raise ConnectionResetError("model went away")

    turn_id = stage.thread("A", "B")
    engine = Played(play)
    await stage.runner(engine).run(THREAD, turn_id)
    assert stage.ends() == [
        ("failed", "ConnectionResetError: model went away"),
        ("completed", None),
    ]
    [item] = stage.events(ItemFailed)
    assert item.error == "ConnectionResetError: model went away"
    assert engine.closed == 2


@story
async def test_no_traceback_and_no_prompt_reaches_the_log_file(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        raise ValueError(context.messages[-1].text)

    with caplog.at_level("DEBUG", logger="turnlog"):
        await stage.runner(Played(play)).run(THREAD, stage.thread("my secret"))
    [(_, error)] = stage.ends()
    assert error == "ValueError: my secret"
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


@story
async def test_a_long_error_is_cut_so_that_the_turn_can_end(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        raise RuntimeError("x" * 5_000_000)

    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    [(status, error)] = stage.ends()
    assert status == "failed"
    assert error is not None
    assert len(error) == ERROR_LIMIT
    assert error.endswith("…")


@story
async def test_an_engine_that_cancels_itself_has_failed(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        raise asyncio.CancelledError

    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    assert stage.ends() == [("failed", "CancelledError")]


@story
async def test_an_item_too_large_for_the_log_fails_the_turn_and_says_so(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ItemBegan("1", "tool_call", "read")
        yield ItemEnded("1", "x" * 2_000_000)

    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    [(status, error)] = stage.ends()
    assert status == "failed"
    assert error is not None
    assert error.startswith("TooLarge: ")
    assert "TURNLOG_MAX_EVENT_BYTES" in error


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([ItemEnded("1")], "UnknownItem: item '1' is not open"),
        (
            [ItemBegan("1", "tool_call", "a"), ItemBegan("1", "tool_call", "b")],
            "UnknownItem: item '1' was begun twice",
        ),
        (
            [ItemBegan("1", "tool_call", "a"), ItemEnded("1"), ItemEnded("1")],
            "UnknownItem: item '1' is not open",
        ),
    ],
)
@story
async def test_an_engine_that_muddles_its_items_has_failed(
    stage: Stage, events: list[EngineEvent], error: str
) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        for event in events:
            yield event

    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    assert stage.ends() == [("failed", error)]


@story
async def test_l16_three_failures_in_a_row_hold_the_queue(stage: Stage) -> None:
    engine = scripted(stage, '{"steps": [{"do": "fail", "error": "outage"}]}')
    turn_id = stage.thread("A", "B", "C", "D", "E")
    results = await stage.runner(engine).run(THREAD, turn_id)
    assert [result.end for result in results] == ["failed"] * 3
    assert stage.ends() == [("failed", "EngineFailed: outage")] * 3
    [held] = stage.events(QueueHeld)
    assert (held.input_ids, held.reason) == (("inp_D", "inp_E"), "failures")


@story
async def test_after_a_release_the_queue_runs_on(stage: Stage) -> None:
    broken = scripted(stage, '{"steps": [{"do": "fail", "error": "outage"}]}')
    await stage.runner(broken).run(THREAD, stage.thread("A", "B", "C", "D"))
    started = stage.service.release(THREAD).started_turn_id
    assert started is not None
    await stage.runner(scripted(stage, "{}")).run(THREAD, started)
    assert stage.texts("agent_message") == ["You said: D"]


@story
async def test_a_failure_while_the_engine_cleans_up_does_not_change_how_the_turn_ended(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class Untidy(Played):
        async def start(self, context: TurnContext) -> EngineTurn:
            turn = await super().start(context)

            async def close() -> None:
                raise OSError("cannot")

            turn.close = close  # type: ignore[method-assign]
            return turn

    results = await stage.runner(Untidy(silent)).run(THREAD, stage.thread("A", "B"))
    assert [result.end for result in results] == ["completed"] * 2
    assert "engine raised OSError while it cleaned up" in caplog.text


@story
async def test_an_engine_that_hangs_while_it_cleans_up_is_not_waited_for_for_ever(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    closing, let_go = asyncio.Event(), asyncio.Event()

    class Hanging(Played):
        async def start(self, context: TurnContext) -> EngineTurn:
            turn = await super().start(context)

            async def close() -> None:
                closing.set()
                while not let_go.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await let_go.wait()

            turn.close = close  # type: ignore[method-assign]
            return turn

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Hanging(silent)).run(THREAD, turn_id))
    await closing.wait()
    try:
        for _ in range(2):  # to close it, and then to cancel that
            await stage.time.sleeping(PACE.cancel_seconds)
            assert not run.done()
            stage.time.advance(PACE.cancel_seconds)
        [result] = await run
    finally:
        let_go.set()
    assert result.end == "completed"
    assert "left to itself" in caplog.text


@story
async def test_engine_cannot_start_is_a_sentence(stage: Stage) -> None:
    async def refuse(_: TurnContext) -> None:
        raise EngineCannotStart(engine="large", why="it is full")

    await stage.runner(Played(silent, on_start=refuse)).run(THREAD, stage.thread("A"))
    assert stage.ends() == [("failed", "The engine large could not start: it is full.")]
