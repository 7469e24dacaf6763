"""Engines that raise what nobody expects, or give nothing where something is due.

Such a turn ends as failed, and what is queued behind it runs: nobody has to come and recover it,
and the turns of other threads, which the same runner has in hand, are left alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from domain.ports import EngineEvent, EngineTurn, TurnContext, TurnHandle
from tests.adapters.runner.stage import THREAD, Played, Stage, said, silent, story


class Odd(BaseException):
    """No Exception."""


class Mute(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "error", [Odd("odd"), GeneratorExit(), BaseExceptionGroup("two", [Odd(), KeyError()]), Mute()]
)
@pytest.mark.parametrize("moment", ["start", "run"])
def test_what_it_raises(stage: Stage, error: BaseException, moment: str) -> None:
    @story
    async def told(stage: Stage) -> None:
        async def refuse(context: TurnContext) -> None:
            if moment == "start" and context.messages[-1].text == "A":
                raise error

        async def play(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
            yield said("begun")
            if context.messages[-1].text == "A":
                raise error

        stage.thread("A", "B")
        stage.service.create(thread_id="thr_2")
        stage.service.submit("thr_2", "C")
        report = await stage.runner(Played(play, on_start=refuse)).run_pending()
        assert report.unfinished == ()
        ends = {(result.thread_id, result.end) for result in report.results}
        assert ends == {(THREAD, "failed"), (THREAD, "completed"), ("thr_2", "completed")}
        [first, _] = stage.ends()
        assert (first[1] or "").startswith(type(error).__name__)

    told(stage)


class Empty(Played):
    """Gives no turn, or a turn that gives no events."""

    what = "turn"

    async def start(self, context: TurnContext) -> EngineTurn:
        turn = await super().start(context)
        if context.messages[-1].text != "A":
            return turn
        if self.what == "turn":
            return cast("EngineTurn", None)
        setattr(turn, "run", lambda _: None)  # noqa: B010  # not of the type it should be
        return turn


@pytest.mark.parametrize("what", ["turn", "events"])
def test_what_it_does_not_give(stage: Stage, what: str) -> None:
    @story
    async def told(stage: Stage) -> None:
        engine: Any = Empty(silent)
        engine.what = what
        results = await stage.runner(engine).run(THREAD, stage.thread("A", "B"))
        assert [result.end for result in results] == ["failed", "completed"]

    told(stage)
