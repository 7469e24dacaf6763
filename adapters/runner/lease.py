"""The lease of the turn at hand: kept as long as it can be, and never trusted beyond that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from adapters.runner.blocking import consume
from adapters.runner.pace import Pace, Time
from domain.ports import Lease, Leases

T = TypeVar("T")

logger = logging.getLogger("turnlog.runner")


class HeldLease:
    """A lease this process got from the store.

    `until` is counted from before the store was asked, by our own clock, so it ends a little
    earlier for us than for the others.
    """

    def __init__(
        self, leases: Leases, lease: Lease, asked_at: float, pace: Pace, time: Time
    ) -> None:
        self._leases = leases
        self._lease = lease
        self._pace = pace
        self._time = time
        self._until = asked_at + pace.lease_seconds

    @property
    def token(self) -> int:
        """1 if nobody had worked on the turn before."""
        return self._lease.token

    @property
    def alive(self) -> bool:
        """Whether the last proof that it is ours still holds."""
        return self._time.now() < self._until

    async def keep(self) -> None:
        """Renews the lease for as long as it can; returns when it must count as lost.

        A renewal that fails may have been refused, or its answer may be lost, or the store away.
        They are not told apart: who cannot prove the lease acts as if it had passed on.
        """
        while True:
            await self._time.sleep(self._pace.renew_seconds)
            asked_at = self._time.now()
            if not await self._renewed():
                self._until = asked_at
                logger.warning(
                    "lease of turn %s lost by %s", self._lease.turn_id, self._lease.holder
                )
                return
            self._until = asked_at + self._pace.lease_seconds

    async def _renewed(self) -> bool:
        """Whether the store said yes before the lease ran out."""
        left = self._until - self._time.now()
        seconds = self._pace.lease_seconds
        renewal = await self._asked(lambda: self._leases.renew(self._lease, seconds), left)
        return renewal.done() and renewal.exception() is None and renewal.result()

    async def release(self) -> None:
        """Gives the lease back, if it is ours. If that fails it runs out by itself."""
        if not self.alive:
            return
        release = await self._asked(
            lambda: self._leases.release(self._lease), self._pace.cancel_seconds
        )
        if not release.done() or release.exception() is not None:
            logger.warning("lease of turn %s was not released", self._lease.turn_id)

    async def _asked(self, call: Callable[[], T], seconds: float) -> asyncio.Future[T]:
        """`call` in a thread, done if it answered within that time.

        A thread cannot be stopped, so a late one may still get through. That does no harm: a
        renewal after our release, or after somebody took over, is refused by the store.
        """
        answer = asyncio.get_running_loop().run_in_executor(None, call)
        end = asyncio.ensure_future(self._time.sleep(seconds))
        waits: list[asyncio.Future[Any]] = [answer, end]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            end.cancel()
            answer.add_done_callback(consume)
        return answer
