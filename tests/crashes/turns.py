"""What a worker's process does: turns, with an engine whose every deed is seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from adapters.composition import Turnlog
from adapters.runner.pace import Pace, RealTime
from adapters.runner.runner import Runner
from domain.events.base import Usage
from domain.ports import (
    ApprovalAsked,
    EngineCannotStart,
    EngineEvent,
    ItemBegan,
    ItemEnded,
    ItemNoted,
    Lease,
    StepBoundary,
    TurnContext,
    TurnHandle,
    Used,
)
from tests.crashes.process import LEASE_SECONDS, Given, Stage

STARTS: Final = "engine starts"
WORKS: Final = "engine works"


class SeenEngine:
    """Plays by the prompt's first word. What it does out there is done by the stage."""

    name = "seen"
    steerable = True

    def __init__(self, stage: Stage, renewing: Renewing, look: Callable[[str], object]) -> None:
        self._stage = stage
        self._renewing = renewing
        self._look = look

    async def start(self, context: TurnContext) -> SeenTurn:
        await asyncio.to_thread(self._stage.effect, STARTS, context.turn_id)
        prompt = [m.text for m in context.messages if m.role == "user"][-1].split()[0]
        if prompt == "refuse":
            raise EngineCannotStart(engine=self.name, why="it was asked to refuse")
        return SeenTurn(prompt, context, self._stage, self._renewing, self._look)


class SeenTurn:
    def __init__(
        self,
        prompt: str,
        context: TurnContext,
        stage: Stage,
        renewing: Renewing,
        look: Callable[[str], object],
    ) -> None:
        self._prompt = prompt
        self._thread_id = context.thread_id
        self._turn_id = context.turn_id
        self._stage = stage
        self._renewing = renewing
        self._look = look
        self._runs = 0

    async def run(self, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        self._runs += 1
        for message in handle.take_input():
            yield _said(f"understood: {message.text}")
        if self._runs > 1:
            return
        yield ItemBegan("tool", "tool_call", "deploy")
        await asyncio.to_thread(self._stage.effect, WORKS, self._turn_id)
        if self._prompt == "stop":
            await self._ask("interrupt")
            await handle.wait_interrupted()
            return
        if self._prompt == "steer":
            await self._ask("steer")
            await handle.wait_input()
            yield StepBoundary()
            for message in handle.take_input():
                yield _said(f"understood: {message.text}")
        if self._prompt == "ask":
            yield ApprovalAsked("may I", "May I?", item="tool")
            await self._ask("approve")
            assert (await handle.wait_answer("may I")).decision == "approved"
        if self._prompt == "renew":
            await self._renewing.done()
        yield ItemEnded("tool", text="deployed")
        yield Used(Usage(input_tokens=1))
        if self._prompt == "steer":
            await self._ask("steer late")
            await handle.wait_input()

    async def close(self) -> None:
        """Nothing was taken."""

    async def _ask(self, what: str) -> None:
        await asyncio.to_thread(self._stage.ask, f"{what} {self._turn_id}")
        # So that the worker knows of it, in any case: else its next append may be refused once,
        # for having been decided on an older state.
        await asyncio.to_thread(self._look, self._thread_id)


def _said(text: str) -> ItemNoted:
    return ItemNoted("agent_message", text, text)


class Renewing(RealTime):
    """Leases that are renewed when an engine waits for it, and at no other time."""

    def __init__(self, turnlog: Turnlog, pace: Pace) -> None:
        leases = turnlog.leases
        self.acquire, self.release, self.find = leases.acquire, leases.release, leases.find
        self._renew = leases.renew
        self._pause = pace.renew_seconds
        self._wanted = asyncio.Event()
        self._renewed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def renew(self, lease: Lease, seconds: float) -> bool:
        renewed = self._renew(lease, seconds)
        self._loop.call_soon_threadsafe(self._renewed.set)
        return renewed

    async def sleep(self, seconds: float) -> None:
        if seconds != self._pause:
            await super().sleep(seconds)
            return
        await self._wanted.wait()
        self._wanted.clear()

    async def done(self) -> None:
        """Returns when a lease was renewed."""
        self._wanted.set()
        await self._renewed.wait()


def work(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """The process of a worker: everything that there is to do."""
    asyncio.run(_work(turnlog, stage))


async def _work(turnlog: Turnlog, stage: Stage) -> None:
    pace = Pace(
        lease_seconds=LEASE_SECONDS,
        pause_seconds=0,
        grace_seconds=LEASE_SECONDS,
        cancel_seconds=LEASE_SECONDS,
    )
    renewing = Renewing(turnlog, pace)
    runner = Runner(
        turnlog.service,
        turnlog.log,
        renewing,
        turnlog,
        SeenEngine(stage, renewing, turnlog.service.thread),
        hints=turnlog.recorder,
        pace=pace,
        time=renewing,
    )
    report = await runner.run_pending()
    assert not report.unfinished, report.unfinished
