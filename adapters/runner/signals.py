"""Reasons for one turn's work to end before the engine is through."""

from __future__ import annotations

import asyncio
from typing import Literal

from adapters.runner.blocking import cancelled, consume
from adapters.runner.handle import Handle
from adapters.runner.pace import Pace, Time

HaltReason = Literal["lost", "gone"]


class Halted(Exception):
    """The work must stop at once and write nothing more.

    The lease is `lost` (or cannot be proved), or the turn is `gone`: somebody else ended it.
    """

    def __init__(self, reason: HaltReason) -> None:
        super().__init__(reason)
        self.reason: HaltReason = reason


class Signals:
    """What has happened to the turn meanwhile. The first reason to halt stands."""

    def __init__(self, handle: Handle, pace: Pace, time: Time) -> None:
        loop = asyncio.get_running_loop()
        self._handle = handle
        self._pace = pace
        self._time = time
        self._grace: asyncio.Task[None] | None = None
        self.halted: asyncio.Future[None] = loop.create_future()
        """Fails with what ends the work."""
        self.overdue: asyncio.Future[None] = loop.create_future()
        """Done when an interrupted engine has had its time to stop."""

    def interrupt(self) -> None:
        """The turn is to stop: tells the engine, and lets its grace begin."""
        self._handle.interrupt()
        if self._grace is None:
            self._grace = asyncio.create_task(self._let_grace_pass())

    def halt(self, error: Exception) -> None:
        """The work is over, by `Halted` or by an error that whoever runs the turn must see."""
        if not self.halted.done():
            self.halted.set_exception(error)

    def check(self) -> None:
        """Raises what ends the work, if anything does."""
        if self.halted.done():
            self.halted.result()

    async def close(self) -> None:
        """Nobody waits for these any more."""
        if self._grace is not None:
            await cancelled(self._grace)
        consume(self.halted)
        self.halted.cancel()
        self.overdue.cancel()

    async def _let_grace_pass(self) -> None:
        await self._time.sleep(self._pace.grace_seconds)
        if not self.overdue.done():
            self.overdue.set_result(None)
