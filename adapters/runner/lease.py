"""The lease of the turn at hand: kept as long as it can be, and never trusted beyond that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from adapters.runner.blocking import consume
from adapters.runner.pace import Pace, Time
from domain.execution import MAX_ACTOR_LENGTH
from domain.ports import Lease, Leases

T = TypeVar("T")

logger = logging.getLogger("turnlog.runner")

RETRY_SECONDS: Final = 1.0
THREADS: Final = 8


class LeaseDesk:
    """Gets leases from the store, for one holder.

    It has threads of its own, because appends may wait for long in the loop's, and several, because
    one call that hangs must not cost the other turns their leases. They end with it.
    """

    def __init__(self, leases: Leases, holder: str, pace: Pace, time: Time) -> None:
        self._leases = leases
        self._holder = holder
        self._pace = pace
        self._time = time
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="turnlog-lease")

    async def acquire(self, turn_id: str, thread_id: str) -> HeldLease | None:
        """The turn's lease, or None if another has it. Cancelled meanwhile, it gives it back."""
        holder, seconds = self._holder, self._pace.lease_seconds
        asked_at = self._time.now()
        answer = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._leases.acquire(turn_id, thread_id, holder, seconds)
        )
        try:
            return self._held(await asyncio.shield(answer), asked_at)
        except asyncio.CancelledError:
            await asyncio.wait({answer})
            if consume(answer) is None and (held := self._held(answer.result(), asked_at)):
                await held.release()
            raise

    def _held(self, lease: Lease | None, asked_at: float) -> HeldLease | None:
        if lease is None:
            return None
        return HeldLease(self._leases, lease, asked_at, self._threads, self._pace, self._time)


class HeldLease:
    """A lease this process got from the store.

    `until` is counted from before the store was asked, by our own clock, so it ends a little
    earlier for us than for the others.
    """

    def __init__(
        self,
        leases: Leases,
        lease: Lease,
        asked_at: float,
        threads: Executor,
        pace: Pace,
        time: Time,
    ) -> None:
        self._leases = leases
        self._lease = lease
        self._threads = threads
        self._pace = pace
        self._time = time
        self._until = asked_at + pace.lease_seconds

    @property
    def lease(self) -> Lease:
        """What every append into the turn has to name. Token 1: nobody had worked on it before."""
        return self._lease

    @property
    def worker(self) -> str:
        """Who it is that has it, as the actor of what is written under it."""
        holder = "".join(char if char.isprintable() else "?" for char in self._lease.holder)
        return f"runner {holder}"[:MAX_ACTOR_LENGTH]

    def lose(self) -> None:
        """The store has said that it is not ours any more."""
        self._until = min(self._until, self._time.now())

    @property
    def alive(self) -> bool:
        """Whether the last proof that it is ours still holds."""
        return self._time.now() < self._until

    async def keep(self) -> None:
        """Renews the lease for as long as it can; returns when it must count as lost.

        A refusal says that it has passed on. An error, or no answer, says nothing: the last proof
        holds for its whole time, and in that the store is asked again.
        """
        pause = self._pace.renew_seconds
        while True:
            await self._time.sleep(pause)
            asked_at = self._time.now()
            answer = await self._renewed() if self.alive else None
            if answer:
                self._until = asked_at + self._pace.lease_seconds
                pause = self._pace.renew_seconds
                continue
            if answer is False:
                self.lose()
            if not self.alive:
                break
            pause = min(RETRY_SECONDS, self._until - self._time.now())
        logger.warning("lease of turn %s lost by %s", self._lease.turn_id, self._lease.holder)

    async def _renewed(self) -> bool | None:
        """What the store said before the lease ran out; None if it said nothing, or failed."""
        left = self._until - self._time.now()
        seconds = self._pace.lease_seconds
        renewal = await self._asked(lambda: self._leases.renew(self._lease, seconds), left)
        if not renewal.done():
            return None
        if error := renewal.exception():
            name = type(error).__name__
            logger.warning("lease of turn %s was not renewed: %s", self._lease.turn_id, name)
            return None
        return renewal.result()

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
        answer = asyncio.get_running_loop().run_in_executor(self._threads, call)
        end = asyncio.ensure_future(self._time.sleep(seconds))
        waits: list[asyncio.Future[Any]] = [answer, end]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            end.cancel()
            answer.add_done_callback(consume)
        return answer
