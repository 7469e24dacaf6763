"""Time for the runner that passes only when a test says so."""

from __future__ import annotations

import asyncio

from tests.fixtures.patience import PATIENCE


class HandTime:
    """A `Time` moved by `advance`. `sleeping` waits until somebody sleeps for so many seconds."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[_Sleeper] = []
        self._somebody_sleeps = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = _Sleeper(seconds, self._now + seconds)
        self._sleepers.append(sleeper)
        self._somebody_sleeps.set()
        try:
            await sleeper.woken
        finally:
            if sleeper in self._sleepers:  # it was cancelled
                self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Time goes on; who slept long enough wakes when the test awaits something."""
        self._now += seconds
        for sleeper in [s for s in self._sleepers if s.until <= self._now]:
            self._sleepers.remove(sleeper)
            if not sleeper.woken.done():
                sleeper.woken.set_result(None)

    def oversleep(self, seconds: float) -> None:
        """Time goes on and wakes nobody, as when the machine was suspended."""
        self._now += seconds

    async def sleeping(self, seconds: float) -> None:
        """Returns once somebody sleeps who lay down for exactly that long."""
        async with asyncio.timeout(PATIENCE):
            while all(sleeper.seconds != seconds for sleeper in self._sleepers):
                self._somebody_sleeps.clear()
                await self._somebody_sleeps.wait()


class _Sleeper:
    def __init__(self, seconds: float, until: float) -> None:
        self.seconds = seconds
        self.until = until
        self.woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
