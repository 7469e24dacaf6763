"""A store with a service over it, runners that work on it, and ways to wait for what they do."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, ParamSpec

from adapters.engines.script import parse_script
from adapters.engines.scripted import ScriptedEngine
from adapters.event_log import RecordedLog
from adapters.recorder import LogRecorder
from adapters.runner.bell import Bell
from adapters.runner.pace import Pace
from adapters.runner.runner import ActiveTurns, Runner
from adapters.threads import CachedThreads
from domain.events.base import Event
from domain.events.turn import TurnCompleted
from domain.execution import Execution
from domain.laws import violations
from domain.outcome import Outcome
from domain.ports import (
    EngineEvent,
    EngineTurn,
    EventLog,
    ItemNoted,
    Leases,
    Recorded,
    TurnContext,
    TurnHandle,
)
from domain.service import ThreadService
from domain.thread import Thread
from tests.adapters.runner.hand_time import HandTime
from tests.fixtures.clock import CountingEntropy, HandClock
from tests.fixtures.patience import PATIENCE

P = ParamSpec("P")

# Every length is one of a kind, so a test can tell who sleeps. The database's clock goes by itself:
# no lease runs out of it.
PACE = Pace(
    lease_seconds=3600, poll_seconds=0.5, pause_seconds=0, grace_seconds=7, cancel_seconds=3
)
THREAD = "thr_1"

# No two of a test run may mint the same ids, also when they share a log by different ways.
_processes = itertools.count()


def story(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs an async test. One that hangs fails, and one that leaves tasks behind."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def within_limit() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)
            await asyncio.sleep(0)  # what was cancelled last is ending
            if left := asyncio.all_tasks() - {asyncio.current_task()}:
                _, left = await asyncio.wait(left, timeout=PATIENCE)
            assert left == set()

        asyncio.run(within_limit())

    return run


class Stage:
    """Where a test about the runner plays. `pass_time` moves the leases' clock and the runner's."""

    def __init__(
        self,
        recorder: LogRecorder,
        leases: Leases,
        active: ActiveTurns,
        pass_lease_time: Callable[[float], object],
    ) -> None:
        self.recorder = recorder
        self.leases = leases
        self.active = active
        self.log: EventLog = RecordedLog(recorder)
        self.service = self.another_process()
        self.pass_lease_time = pass_lease_time

    @functools.cached_property
    def time(self) -> HandTime:
        return HandTime()

    def another_process(self, log: EventLog | None = None) -> ThreadService:
        """A service that shares nothing with the others but the log."""
        log = log or self.log
        entropy = CountingEntropy(seed=next(_processes))
        execution = Execution(log, CachedThreads(log), HandClock(), entropy)
        return ThreadService(execution)

    def runner(self, engine: object, holder: str = "worker 1", **changes: Any) -> Runner:
        parts: dict[str, Any] = {
            "service": self.service,
            "log": self.log,
            "leases": self.leases,
            "active": self.active,
            "engine": engine,
            "hints": self.recorder,
            "holder": holder,
            "pace": PACE,
            "time": self.time,
            **changes,
        }
        return Runner(**parts)

    def pass_time(self, seconds: float) -> None:
        self.pass_lease_time(seconds)
        self.time.advance(seconds)

    def thread(self, *prompts: str, **settings: Any) -> str:
        """A new thread, `thr_1`. The first prompt starts (returned: its turn), others queue."""
        self.service.create(thread_id=THREAD, **settings)
        turn_id = ""
        for i, prompt in enumerate(prompts):
            started = self.submit(prompt, delivery="queue" if i else None)
            turn_id = turn_id or started or ""
        return turn_id

    def submit(self, prompt: str, **how: Any) -> str | None:
        """A prompt whose id is `inp_` and its first word. The turn that it started."""
        input_id = f"inp_{prompt.split(maxsplit=1)[0]}"
        return self.service.submit(THREAD, prompt, input_id=input_id, **how).started_turn_id

    def end_elsewhere(self, turn_id: str) -> Outcome:
        """Another worker takes over the turn, whose lease ran out without a word, and ends it."""
        self.pass_lease_time(PACE.lease_seconds + 1)
        lease = self.leases.acquire(turn_id, THREAD, "another", PACE.lease_seconds)
        assert lease is not None
        service = self.another_process()
        return service.finish(THREAD, turn_id, "interrupted", error="by hand", lease=lease)

    def history(self, thread_id: str = THREAD) -> list[Recorded]:
        """What is recorded; and the laws hold in it."""
        recorded = list(self.log.read_thread(thread_id))
        assert violations(recorded) == []
        return recorded

    def events(self, *kinds: type[Event]) -> list[Any]:
        """The events of these kinds."""
        return [e.event for e in self.history() if not kinds or isinstance(e.event, kinds)]

    def texts(self, kind: str) -> list[str | None]:
        """What the items of that kind say, in order of their ends."""
        kinds = {e.item_id: e.kind for e in self.events() if e.name == "item.started"}
        ends = [e for e in self.events() if e.name.startswith("item.") and e.name != "item.started"]
        return [e.text for e in ends if kinds[e.item_id] == kind]

    def ends(self) -> list[tuple[str, str | None]]:
        """Status and error of each turn that ended."""
        return [(e.status, e.error) for e in self.events(TurnCompleted)]

    def state(self) -> Thread:
        """The thread as it is now."""
        return self.another_process().thread(THREAD)

    async def until(self, there: Callable[[Sequence[Recorded]], bool]) -> None:
        """Returns when the thread's history is as wanted."""
        bell = Bell()
        self.recorder.listen(bell)
        try:
            async with asyncio.timeout(PATIENCE):
                while not there(self.log.read_thread(THREAD)):
                    await bell.heard(PACE, self.time)
        finally:
            self.recorder.unlisten(bell)

    async def until_name(self, name: str, count: int = 1) -> None:
        """Returns when there are so many events of that name."""
        await self.until(lambda history: sum(e.event.name == name for e in history) >= count)


def scripted(stage: Stage, script: str) -> ScriptedEngine:
    """The engine of that script; its waits are by the stage's time."""
    return ScriptedEngine(parse_script(script, "the test"), sleep=stage.time.sleep)


Play = Callable[[TurnContext, TurnHandle], AsyncIterator[EngineEvent]]


@dataclass
class Played:
    """An engine whose turns are an async generator of the test. Remembers what it was given."""

    play: Play
    on_start: Callable[[TurnContext], Awaitable[None]] | None = None
    name: str = "played"
    steerable: bool = True
    contexts: list[TurnContext] = field(default_factory=list)
    handles: list[TurnHandle] = field(default_factory=list)
    closed: int = 0

    async def start(self, context: TurnContext) -> EngineTurn:
        self.contexts.append(context)
        if self.on_start is not None:
            await self.on_start(context)
        return _PlayedTurn(self, context)


class _PlayedTurn:
    def __init__(self, engine: Played, context: TurnContext) -> None:
        self._engine = engine
        self._context = context

    def run(self, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        self._engine.handles.append(handle)
        return self._engine.play(self._context, handle)

    async def close(self) -> None:
        self._engine.closed += 1


def said(text: str) -> ItemNoted:
    return ItemNoted("agent_message", text, text)


async def silent(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
    """A turn in which nothing happens."""
    nothing: tuple[EngineEvent, ...] = ()
    for event in nothing:
        yield event
