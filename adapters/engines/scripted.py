"""An engine that plays a script: for tests, for demonstrations, and to try things out.

It behaves as a model's engine would, on what it is told: it takes steers in at its boundaries and
acknowledges each, stops when it is interrupted, and leaves what it was doing unfinished then.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

from adapters.engines.script import ECHO, Scene, Script
from adapters.engines.scripted_turn import ScriptedTurn
from adapters.engines.steps import FailToStart, Wait
from adapters.engines.words import Words
from domain.ports import EngineCannotStart, TurnContext, TurnHandle

Sleep = Callable[[float], Coroutine[Any, Any, None]]


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
