"""Engines that report what no event can hold: their turn fails, and no other does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from domain.events.base import Usage
from domain.events.turn import TurnCompleted
from domain.options import MAX_INTEGER
from domain.ports import (
    EngineEvent,
    EngineTurn,
    ItemBegan,
    ItemEnded,
    ItemNoted,
    TurnContext,
    TurnHandle,
    Used,
)
from tests.adapters.runner.stage import THREAD, Played, Stage, said, story


@dataclass(frozen=True)
class Novelty:
    """A report of a later engine."""

    text: str = "secret"


def anything(value: object) -> Any:
    return value


BAD = [
    (ItemNoted("tool_call", "a", detail=anything({"secret": {1, 2}})), "detail"),
    (ItemNoted("tool_call", "a", detail=anything({7: "secret"})), "TypeError"),
    (ItemNoted("tool_call", "a", detail=anything(["secret"])), "AttributeError"),
    (ItemNoted("tool_call", anything(None)), "TypeError"),
    (ItemNoted(anything("secret"), "a"), "kind"),
    (ItemBegan("1", anything("secret"), "a"), "kind"),
    (ItemBegan(anything(["secret"]), "tool_call", "a"), "TypeError"),
    (ItemEnded("open", anything(b"secret")), "TypeError"),
    (ItemEnded("open", result=anything({"secret": object()})), "result"),
    (ItemEnded("open", error=anything(["secret"])), "Error"),
    (Used(anything("secret")), "AttributeError"),
    (Used(Usage.model_construct(input_tokens=-77)), "input_tokens"),
    (anything(Novelty()), "UnknownItem: the engine yielded a Novelty"),
    (anything("secret"), "UnknownItem: the engine yielded a str"),
    (anything(None), "TypeError: the engine yielded None"),
]


@pytest.mark.parametrize(("bad", "says"), BAD, ids=[f"{i}" for i in range(len(BAD))])
@story
async def test_a_report_that_cannot_be_recorded_fails_its_turn_and_no_other(
    stage: Stage, bad: EngineEvent, says: str
) -> None:
    failed = asyncio.Event()

    async def play(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        if context.turn_id != turn_id:
            await failed.wait()
            yield said("done")
            return
        yield ItemBegan("open", "tool_call", "search")
        try:
            yield bad
        finally:
            failed.set()

    turn_id = stage.thread("A")
    other = stage.service.create().thread_id
    stage.service.submit(other, "B")
    report = await stage.runner(Played(play)).run_pending()
    assert report.unfinished == ()
    assert {result.thread_id: result.end for result in report.results} == {
        THREAD: "failed",
        other: "completed",
    }
    [(status, error)] = stage.ends()
    assert (status, stage.state().turn) == ("failed", None)
    assert error is not None
    assert says in error
    assert "secret" not in error
    assert "-77" not in error


@story
async def test_more_tokens_than_can_be_counted_are_counted_as_the_most(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        for _i in range(2):
            yield Used(Usage(input_tokens=MAX_INTEGER, output_tokens=3))

    [result] = await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    assert result.end == "completed"
    [end] = stage.events(TurnCompleted)
    assert end.usage == Usage(input_tokens=MAX_INTEGER, output_tokens=6)


@story
async def test_an_engine_whose_run_raises_at_once_has_failed(stage: Stage) -> None:
    class Defective:
        name, steerable = "defective", True

        async def start(self, _: TurnContext) -> EngineTurn:
            return cast("EngineTurn", self)

        def run(self, _: TurnHandle) -> AsyncIterator[EngineEvent]:
            raise LookupError("no such model")

        async def close(self) -> None:
            pass

    await stage.runner(Defective()).run(THREAD, stage.thread("A"))
    assert stage.ends() == [("failed", "LookupError: no such model")]
