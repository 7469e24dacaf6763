"""An engine that plays a script: for tests, for demonstrations, and to try things out.

It behaves as a model's engine would, on what it is told: it takes steers in at its boundaries and
acknowledges each, stops when it is interrupted, and leaves what it was doing unfinished then.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.engines.script import (
    ECHO,
    Ask,
    Boundary,
    CallTool,
    ChangeFile,
    Die,
    Fail,
    FailToStart,
    Pause,
    RunCommand,
    Scene,
    Script,
    Step,
    Use,
    Wait,
)
from domain.errors import TurnlogError
from domain.events.base import ItemKind, Json, Usage
from domain.ports import (
    Answer,
    ApprovalAsked,
    EngineCannotStart,
    EngineEvent,
    ItemBegan,
    ItemEnded,
    ItemNoted,
    StepBoundary,
    TurnContext,
    TurnHandle,
    Used,
)

Sleep = Callable[[float], Coroutine[Any, Any, None]]

_PLACEHOLDER: Final = re.compile(r"\{(prompt|last|steers|steer|messages|answer|by|note)\}")
_SPEECH: Final[Mapping[str, ItemKind]] = {
    "say": "agent_message",
    "think": "reasoning",
    "status": "status",
    "compact": "context_compaction",
}


class EngineFailed(TurnlogError):
    """{error}"""


class ScriptedEngine:
    """Plays `script`. `sleep` is what its waits wait by; `fire` is what waits for a signal want."""

    def __init__(self, script: Script = ECHO, *, sleep: Sleep = asyncio.sleep) -> None:
        self._script = script
        self._sleep = sleep
        self._signals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @property
    def name(self) -> str:
        return self._script.name

    @property
    def steerable(self) -> bool:
        return self._script.steerable

    def fire(self, name: str) -> None:
        """Lets go what waits for that signal, now and from now on. In the event loop's thread."""
        self._signals[name].set()

    async def start(self, context: TurnContext) -> ScriptedTurn:
        """The turn of the first scene that fits, or `EngineCannotStart` if that is its script."""
        said = [message.text for message in context.messages if message.role == "user"]
        words = Words(
            prompt=said[-1] if said and context.kind == "prompt" else "",
            last=said[-1] if said else "",
            messages=len(context.messages),
        )
        scene = self._scene(context, words.prompt)
        if scene.steps and isinstance(scene.steps[0], FailToStart):
            raise EngineCannotStart(engine=self.name, why=scene.steps[0].why)
        return ScriptedTurn(scene, self._script.acknowledge, words, self._waits)

    def _scene(self, context: TurnContext, prompt: str) -> Scene:
        if context.kind == "compaction":
            return Scene(when="compaction", steps=self._script.compaction)
        for scene in self._script.turns:
            if scene.when.casefold() in prompt.casefold():
                return scene
        return Scene(when="anything", steps=self._script.steps)

    def _waits(self, wait: Wait, handle: TurnHandle) -> list[Coroutine[Any, Any, object]]:
        """What ends that wait, whichever comes first."""
        ends: list[Coroutine[Any, Any, object]] = []
        if wait.seconds is not None:
            ends.append(self._sleep(wait.seconds))
        match wait.until:
            case "steered":
                ends.append(handle.wait_input())
            case "interrupted":
                ends.append(handle.wait_interrupted())
            case "signal":
                ends.append(self._signals[wait.signal or ""].wait())
            case None:
                pass
        return ends


@dataclass(slots=True)
class Words:
    """What texts of a script can speak of."""

    prompt: str
    last: str
    messages: int
    steers: list[str] = field(default_factory=list)
    answer: Answer | None = None

    def fill(self, text: str, steer: str = "") -> str:
        """`text` with its placeholders filled in."""
        values = {
            "prompt": self.prompt,
            "last": self.last,
            "messages": str(self.messages),
            "steers": ", ".join(self.steers),
            "steer": steer,
            "answer": self.answer.decision if self.answer else "",
            "by": (self.answer.by if self.answer else None) or "",
            "note": (self.answer.note if self.answer else None) or "",
        }
        # In one pass: a prompt may contain braces, too.
        return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


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

    async def _perform(
        self, step: Step, key: str, handle: TurnHandle
    ) -> AsyncGenerator[EngineEvent, None]:
        match step:
            case Boundary():
                yield StepBoundary()
                for note in self._take(handle):
                    yield note
            case Pause() | Ask() | CallTool() | RunCommand() | ChangeFile():
                async with aclosing(self._at_length(step, key, handle)) as events:
                    async for event in events:
                        yield event
            case Use():
                yield Used(Usage.model_validate(step.model_dump(exclude={"do"})))
            case Fail():
                raise EngineFailed(error=self._words.fill(step.error))
            case Die():
                if step.during is not None:
                    # The runner asks for what comes next only when this is in the log.
                    yield _action(CallTool(do="tool", name=step.during), key)[0]
                os.kill(os.getpid(), signal.SIGKILL)
            case FailToStart():
                pass  # that was at the start
            case _:
                text = self._words.fill(step.text)
                yield ItemNoted(_SPEECH[step.do], text, text)

    def _at_length(
        self, step: Pause | Ask | CallTool | RunCommand | ChangeFile, key: str, handle: TurnHandle
    ) -> AsyncGenerator[EngineEvent, None]:
        """What takes its time."""
        match step:
            case Pause():
                return self._pause(step, handle)
            case Ask():
                return self._ask(step, key, handle)
            case _:
                return self._act(step, key, handle)

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
        self, step: CallTool | RunCommand | ChangeFile, key: str, handle: TurnHandle
    ) -> AsyncGenerator[EngineEvent, None]:
        """Something that begins, takes its time and ends; if it has to be allowed, not without."""
        began, ended = _action(step, key)
        yield began
        if step.ask is not None:
            yield ApprovalAsked(key, self._words.fill(step.ask), began.detail, key)
            answer = await self._answer(key, handle)
            if answer.decision != "approved":
                if not self._must_stop(handle):
                    yield ItemEnded(key, error=_refusal(answer))
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


def _action(step: CallTool | RunCommand | ChangeFile, key: str) -> tuple[ItemBegan, ItemEnded]:
    """The beginning and the end of something that takes its time."""
    match step:
        case CallTool():
            call: Json = {"name": step.name, "arguments": step.arguments}
            return (
                ItemBegan(key, "tool_call", step.name, call),
                ItemEnded(key, step.text, step.result, step.error),
            )
        case RunCommand():
            error = f"exit code {step.exit_code}" if step.exit_code else None
            return (
                ItemBegan(key, "command_execution", step.command, {"command": step.command}),
                ItemEnded(key, step.output, {"exit_code": step.exit_code}, error),
            )
        case ChangeFile():
            change: Json = {"path": step.path, "diff": step.diff}
            return ItemBegan(key, "file_change", step.path, change), ItemEnded(key)


def _refusal(answer: Answer) -> str:
    """`denied by Ada: not on a Friday`."""
    by = f" by {answer.by}" if answer.by else ""
    return f"{answer.decision}{by}" + (f": {answer.note}" if answer.note else "")


async def _first(waits: list[Coroutine[Any, Any, object]]) -> None:
    """Returns when the first of them does; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
