"""One turn of a scripted engine."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final

from adapters.engines.script import Scene
from adapters.engines.steps import (
    Act,
    Ask,
    Boundary,
    CallTool,
    Die,
    Fail,
    FailToStart,
    Pause,
    Say,
    Step,
    Use,
    Wait,
)
from adapters.engines.words import Words, refusal
from domain.errors import TurnlogError
from domain.events.base import ItemKind, Usage
from domain.ports import (
    Answer,
    ApprovalAsked,
    EngineEvent,
    ItemEnded,
    ItemNoted,
    StepBoundary,
    TurnHandle,
    Used,
)

_SPEECH: Final[Mapping[str, ItemKind]] = {
    "say": "agent_message",
    "think": "reasoning",
    "status": "status",
    "compact": "context_compaction",
}


class EngineFailed(TurnlogError):
    """{error}"""


class ScriptedTurn:
    """One turn, played once. If `run` is called on, there are steers to acknowledge."""

    def __init__(
        self,
        scene: Scene,
        acknowledge: str,
        words: Words,
        waits: Callable[[Wait, TurnHandle], list[Coroutine[Any, Any, object]]],
    ) -> None:
        self._scene = scene
        self._acknowledge = acknowledge
        self._words = words
        self._waits = waits
        self._steps = iter(scene.steps)

    async def run(self, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        for note in self._take(handle):
            yield note
        for number, step in enumerate(self._steps):
            if self._must_stop(handle):
                return
            async with aclosing(self._perform(step, f"{number}", handle)) as events:
                async for event in events:
                    yield event

    async def close(self) -> None:
        """Nothing was taken."""

    def _must_stop(self, handle: TurnHandle) -> bool:
        return handle.interrupted and self._scene.heeds_interrupts

    def _perform(
        self, step: Step, key: str, handle: TurnHandle
    ) -> AsyncGenerator[EngineEvent, None]:
        match step:
            case Pause():
                return self._pause(step, handle)
            case Ask():
                return self._ask(step, key, handle)
            case Act():
                return self._act(step, key, handle)
            case _:
                return self._at_once(step, key, handle)

    async def _at_once(
        self,
        step: Say | Boundary | Use | Fail | FailToStart | Die,
        key: str,
        handle: TurnHandle,
    ) -> AsyncGenerator[EngineEvent, None]:
        """What takes no time."""
        match step:
            case Boundary():
                yield StepBoundary()
                for note in self._take(handle):
                    yield note
            case Use():
                yield Used(Usage.model_validate(step.model_dump(exclude={"do"})))
            case Fail():
                raise EngineFailed(error=self._words.fill(step.error))
            case Die():
                if step.during is not None:
                    # The runner asks for what comes next only when this is in the log.
                    yield CallTool(do="tool", name=step.during).events(key)[0]
                os.kill(os.getpid(), signal.SIGKILL)
            case FailToStart():
                pass  # that was at the start
            case _:
                text = self._words.fill(step.text)
                yield ItemNoted(_SPEECH[step.do], text, text)

    async def _ask(
        self, step: Ask, key: str, handle: TurnHandle
    ) -> AsyncGenerator[EngineEvent, None]:
        yield ApprovalAsked(key, self._words.fill(step.text), step.detail)
        answer = await self._answer(key, handle)
        if answer.decision == "approved" or step.unless is None or self._must_stop(handle):
            return
        text = self._words.fill(step.unless)
        yield ItemNoted("agent_message", text, text)
        for _ in self._steps:
            pass  # the rest is not played

    async def _act(
        self, step: Act, key: str, handle: TurnHandle
    ) -> AsyncGenerator[EngineEvent, None]:
        """Something that begins, takes its time and ends; if it has to be allowed, not without."""
        began, ended = step.events(key)
        yield began
        if step.ask is not None:
            yield ApprovalAsked(key, self._words.fill(step.ask), began.detail, key)
            answer = await self._answer(key, handle)
            if answer.decision != "approved":
                if not self._must_stop(handle):
                    yield ItemEnded(key, error=refusal(answer))
                return
        await self._wait(step.wait, handle)
        if not self._must_stop(handle):
            yield ended

    async def _answer(self, key: str, handle: TurnHandle) -> Answer:
        """What became of what was asked under that key. An interrupt is not waited out."""
        waits: list[Coroutine[Any, Any, object]] = [handle.wait_answer(key)]
        if self._scene.heeds_interrupts:
            waits.append(handle.wait_interrupted())
        await _first(waits)
        if self._must_stop(handle):
            return Answer("cancelled", reason="interrupt")
        self._words.answer = await handle.wait_answer(key)
        return self._words.answer

    async def _pause(self, pause: Pause, handle: TurnHandle) -> AsyncGenerator[EngineEvent, None]:
        """Until it is over; one for steers is over when there was one."""
        before = len(self._words.steers)
        while True:
            await self._wait(pause, handle)
            if pause.until != "steered" or self._must_stop(handle):
                return
            yield StepBoundary()
            for note in self._take(handle):
                yield note
            if pause.seconds is not None or len(self._words.steers) > before:
                return

    def _take(self, handle: TurnHandle) -> list[EngineEvent]:
        """The steers there are, each with an answer, so that one can see it arrive."""
        notes: list[EngineEvent] = []
        for message in handle.take_input():
            self._words.steers.append(message.text)
            self._words.last = message.text
            text = self._words.fill(self._acknowledge, steer=message.text)
            notes.append(ItemNoted("agent_message", text, text))
        return notes

    async def _wait(self, wait: Wait | None, handle: TurnHandle) -> None:
        if wait is None or self._must_stop(handle):
            return
        ends = self._waits(wait, handle)
        if self._scene.heeds_interrupts:
            ends.append(handle.wait_interrupted())
        await _first(ends)


async def _first(waits: list[Coroutine[Any, Any, object]]) -> None:
    """Returns when the first of them does; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
