"""The engine at arm's length: nothing it does, or fails to do, can hold the runner up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar, cast

from adapters.runner.blocking import consume
from adapters.runner.pace import Pace, Time
from adapters.runner.signals import Signals
from domain.ports import Engine, EngineEvent, EngineTurn, TurnContext, TurnHandle

T = TypeVar("T")

logger = logging.getLogger("turnlog.runner")


class Overdue(Exception):
    """The engine was interrupted, did not stop in its time, and was cancelled."""


class EngineRaised(Exception):
    """The engine raised its `cause`."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(type(cause).__name__)
        self.cause = cause


class EngineSide:
    """One turn in the engine. Every wait ends at once when the work is halted or overdue."""

    def __init__(self, signals: Signals, pace: Pace, time: Time) -> None:
        self._signals = signals
        self._pace = pace
        self._time = time
        self._turn: EngineTurn | None = None
        self._events: AsyncIterator[EngineEvent] | None = None

    async def start(self, engine: Engine, context: TurnContext) -> None:
        """Raises EngineRaised, Overdue, and whatever halts the work."""
        await self._guarded(_told(self._start(engine, context)))

    async def _start(self, engine: Engine, context: TurnContext) -> None:
        # In the guarded task: what it made must be closed also when nobody waits for it any more.
        self._turn = await engine.start(context)

    def run(self, handle: TurnHandle) -> None:
        """Begins what `next` gives, again if it was begun before. EngineRaised."""
        with _blamed():
            # (Not an assertion: an engine may have given none.)
            self._events = cast("EngineTurn", self._turn).run(handle)

    async def next(self) -> EngineEvent | None:
        """What the engine does next; None at its end. Raises like `start`."""
        return await self._guarded(_next(cast("AsyncIterator[EngineEvent]", self._events)))

    async def close(self) -> None:
        """Lets the engine clean up, for a while. What it raises there is only logged."""
        aclose = getattr(self._events, "aclose", None)
        if aclose is not None:
            await self._in_time(aclose())
        if self._turn is not None:
            await self._in_time(self._turn.close())

    async def _guarded(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        waits: list[asyncio.Future[Any]] = [task, self._signals.halted, self._signals.overdue]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            # First: what was done on a lost lease must not be looked at.
            self._signals.check()
            if task.done():
                return task.result()
            raise Overdue
        finally:
            if not task.done():
                await self._cancel(task)
            consume(task)

    async def _in_time(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        end = asyncio.create_task(self._time.sleep(self._pace.cancel_seconds))
        await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        if not task.done():
            await self._cancel(task)
        elif error := consume(task):
            logger.warning("engine raised %s while it cleaned up", type(error).__name__)

    async def _cancel(self, task: asyncio.Task[Any]) -> None:
        """Cancels the task and gives it time to end. One that ignores even that is left alone."""
        task.cancel()
        end = asyncio.create_task(self._time.sleep(self._pace.cancel_seconds))
        await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        if not task.done():
            logger.error("engine did not end when it was cancelled, and was left to itself")
            task.add_done_callback(consume)


async def _next(events: AsyncIterator[EngineEvent]) -> EngineEvent | None:
    return await _told(_anext_or_none(events))


async def _anext_or_none(events: AsyncIterator[EngineEvent]) -> EngineEvent | None:
    try:
        event = await anext(events)
    except StopAsyncIteration:
        return None
    if event is None:  # which must not pass for the end
        raise TypeError("the engine yielded None")
    return event


async def _told(work: Coroutine[Any, Any, T]) -> T:
    with _blamed():
        return await work


@contextlib.contextmanager
def _blamed() -> Iterator[None]:
    """What the engine raises, marked as the engine's. An engine may also cancel itself.

    Whatever it is: what is no `Exception` would take the turns of all other threads along. But for
    what is meant for the process: asyncio ends its loop by that anyway.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise EngineRaised(error) from error
