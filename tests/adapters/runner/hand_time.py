"""Time for the runner that passes only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class HandTime:
    """A `Time` moved by `advance`. `sleeping` waits until somebody sleeps for so many seconds."""

    def __init__(self) -> None:
        self._now = 0.0
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._lengths: list[float] = []
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), done))
        self._lengths.append(seconds)
        self._changed.set()
        try:
            await done
        finally:
            self._lengths.remove(seconds)

    def advance(self, seconds: float) -> None:
        """Time goes on; who slept long enough wakes when the test awaits something."""
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, done = heapq.heappop(self._sleepers)
            if not done.done():
                done.set_result(None)

    async def sleeping(self, seconds: float) -> None:
        """Returns once somebody sleeps for exactly that long."""
        async with asyncio.timeout(10):
            while seconds not in self._lengths:
                self._changed.clear()
                await self._changed.wait()
