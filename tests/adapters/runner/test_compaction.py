"""A compaction is a turn: it runs, ends, drains, and its summary stands for the past."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.errors import TurnNotSteerable
from domain.ports import EngineEvent, ItemNoted, TurnContext, TurnHandle
from tests.adapters.runner.stage import THREAD, Played, Stage, said, scripted, story


async def play(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
    if context.kind == "compaction":
        yield ItemNoted("context_compaction", "Compacted", "They said A.")
    else:
        yield said("yes")


@story
async def test_d14_a_compaction_ends_and_drains(stage: Stage) -> None:
    engine = Played(play)
    await stage.runner(engine).run(THREAD, stage.thread("A"))
    turn_id = stage.service.compact(THREAD).started_turn_id
    assert turn_id is not None
    stage.submit("B", delivery="queue")
    results = await stage.runner(engine).run(THREAD, turn_id)
    assert [result.end for result in results] == ["completed"] * 2
    _, compaction, after = engine.contexts
    assert compaction.kind == "compaction"
    assert [m.text for m in compaction.messages] == ["A", "yes"]
    assert [(m.role, m.text) for m in after.messages] == [("system", "They said A."), ("user", "B")]


@story
async def test_a_failed_compaction_drains_and_replaces_nothing(stage: Stage) -> None:
    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    turn_id = stage.service.compact(THREAD).started_turn_id
    assert turn_id is not None
    stage.submit("B", delivery="queue")

    async def broken(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.kind == "compaction":
            raise MemoryError("too long")
        async for event in play(context, handle):
            yield event

    engine = Played(broken)
    results = await stage.runner(engine).run(THREAD, turn_id)
    assert [result.end for result in results] == ["failed", "completed"]
    assert [m.text for m in engine.contexts[1].messages] == ["A", "yes", "B"]


@story
async def test_a_steer_for_a_compaction_is_refused_and_the_scripted_engine_compacts(
    stage: Stage,
) -> None:
    engine = scripted(stage, "{}")
    await stage.runner(engine).run(THREAD, stage.thread("A"))
    turn_id = stage.service.compact(THREAD).started_turn_id
    assert turn_id is not None
    with pytest.raises(TurnNotSteerable):
        stage.service.steer(THREAD, turn_id, "S")
    await stage.runner(engine).run(THREAD, turn_id)
    assert stage.texts("context_compaction") == ["Summary of 2 message(s)."]
