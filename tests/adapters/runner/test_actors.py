"""The log says which worker wrote what: two workers of one turn can be told apart by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.options import Overrides, TurnOptions
from domain.ports import (
    ApprovalAsked,
    EngineCannotStart,
    EngineEvent,
    ItemBegan,
    ItemEnded,
    StepBoundary,
    TurnContext,
    TurnHandle,
)
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, silent, story

AUTO = Overrides(options=TurnOptions(auto_approve=True))


def written_by(stage: Stage) -> list[tuple[str, str]]:
    """Each command of a worker, by the first of its events, and the one actor that it has."""
    by: dict[str, tuple[str, set[str]]] = {}
    for event in stage.events():
        by.setdefault(event.command_id, (event.name, set()))[1].add(event.actor)
    assert all(len(actors) == 1 for _, actors in by.values())
    return [(name, actor) for name, (actor,) in by.values() if actor != "user"]


@story
async def test_all_that_a_worker_writes_says_who_it_is(stage: Stage) -> None:
    stage.service.create(thread_id=THREAD)
    turn_id = stage.submit("A", overrides=AUTO)
    assert turn_id is not None
    stage.submit("B", delivery="queue")
    stage.submit("S", delivery="steer")

    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.turn_id != turn_id:
            return
        yield StepBoundary()
        handle.take_input()
        yield ItemBegan("k", "tool_call", "rm")
        yield ApprovalAsked("q", "May I?", item="k")
        assert (await handle.wait_answer("q")).by == "runner worker 1"
        yield ItemEnded("k")
        yield said("done")

    await stage.runner(Played(play)).run(THREAD, turn_id)
    assert written_by(stage) == [
        (name, "runner worker 1")
        for name in (
            "prompt.promoted",
            "item.started",
            "approval.requested",
            "approval.resolved",
            "item.completed",
            "item.started",
            "turn.completed",
            "turn.completed",
        )
    ]


@story
async def test_who_recovers_a_turn_is_another_than_who_worked_on_it(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    working = asyncio.Event()

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        working.set()
        await handle.wait_interrupted()

    lost = asyncio.create_task(stage.runner(Played(play), "host:1:a").run(THREAD, turn_id))
    await working.wait()
    stage.pass_lease_time(PACE.lease_seconds + 1)  # as if it had been stopped
    rescuer = stage.runner(Played(silent), "host:2:b", service=stage.another_process())
    await rescuer.run_pending()
    [result] = await lost
    assert result.end in {"gone", "lost"}
    assert stage.ends() == [("interrupted", "worker lost"), ("completed", None)]
    assert written_by(stage) == [
        ("item.started", "runner host:1:a"),
        ("turn.completed", "runner host:2:b"),
        ("turn.completed", "runner host:2:b"),
    ]


@story
async def test_who_could_not_start_says_who_it_is(stage: Stage) -> None:
    turn_id = stage.thread("A")

    async def fail(_: TurnContext) -> None:
        raise EngineCannotStart(engine="played", why="no key")

    await stage.runner(Played(silent, on_start=fail)).run(THREAD, turn_id)
    assert written_by(stage) == [("turn.completed", "runner worker 1")]


@pytest.mark.parametrize(
    ("holder", "actor"),
    [("a\nb", "runner a?b"), ("x" * 300, "runner " + "x" * 193)],
    ids=["unprintable", "long"],
)
@story
async def test_any_name_of_a_worker_can_be_told(stage: Stage, holder: str, actor: str) -> None:
    turn_id = stage.thread("A")
    await stage.runner(Played(silent), holder).run(THREAD, turn_id)
    assert written_by(stage) == [("turn.completed", actor)]
