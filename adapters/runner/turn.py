"""Work on one turn: from its lease to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from adapters.runner.bell import Bell
from adapters.runner.blocking import cancelled, in_thread
from adapters.runner.engine_side import EngineRaised, EngineSide, Overdue
from adapters.runner.handle import Handle
from adapters.runner.journal import Journal, UnknownItem, Unrecordable, described
from adapters.runner.lease import HeldLease, LeaseDesk
from adapters.runner.pace import Pace, Time
from adapters.runner.signals import Halted, Signals
from adapters.runner.watch import Watch
from domain.context import turn_context
from domain.errors import InterruptRequested, LeaseLost, Refused, SteersPending, TurnNotActive
from domain.events.turn import TurnStatus
from domain.outcome import Outcome
from domain.ports import (
    ApprovalAsked,
    Engine,
    EngineCannotStart,
    EngineEvent,
    EventLog,
    StepBoundary,
    TurnContext,
)
from domain.service import ThreadService
from domain.thread import Thread, fold

logger = logging.getLogger("turnlog.runner")

End = Literal["completed", "failed", "interrupted", "recovered", "taken", "gone", "lost"]


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How the work on a turn ended.

    `recovered`: its worker was lost, and that is in the log now. `taken`: another worker has it.
    `gone`: somebody else ended it. `lost`: our lease passed on, or could not be proved. `outcome`
    is that of the command that ended the turn, if that was ours.
    """

    thread_id: str
    turn_id: str
    end: End
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What work on turns needs."""

    service: ThreadService
    log: EventLog
    leases: LeaseDesk
    engine: Engine
    pace: Pace
    time: Time


@dataclass(frozen=True, slots=True)
class _Ending:
    status: TurnStatus
    error: str | None = None


async def work_on(turn_id: str, thread_id: str, bell: Bell, parts: Parts) -> TurnResult:
    """Runs the turn if nobody has begun it, recovers it if its worker was lost, else leaves it.

    The lease's token tells the first two apart. A turn that somebody worked on is never run again:
    its engine may have done things that must not be done twice. `bell` tells of a grown log.
    """
    held = await parts.leases.acquire(turn_id, thread_id)
    if held is None:
        return TurnResult(thread_id, turn_id, "taken")
    try:
        if held.lease.token > 1:
            return await _recover(turn_id, thread_id, held, parts)
        return await _Work(turn_id, thread_id, held, parts).run(bell)
    finally:
        await held.release()


async def _recover(turn_id: str, thread_id: str, held: HeldLease, parts: Parts) -> TurnResult:
    try:
        outcome = await in_thread(
            lambda: parts.service.recover(thread_id, turn_id, actor=held.worker, lease=held.lease)
        )
    except TurnNotActive:
        return TurnResult(thread_id, turn_id, "gone")
    except LeaseLost:
        held.lose()
        return TurnResult(thread_id, turn_id, "lost")
    logger.info("turn %s recovered: its worker was lost", turn_id)
    return TurnResult(thread_id, turn_id, "recovered", outcome)


class _Work:
    """One turn in the hands of its worker, whose lease is new."""

    def __init__(self, turn_id: str, thread_id: str, held: HeldLease, parts: Parts) -> None:
        pace, time = parts.pace, parts.time
        self._turn_id = turn_id
        self._thread_id = thread_id
        self._held = held
        self._parts = parts
        self._auto_approve = False
        self._handle = Handle()
        self._signals = Signals(self._handle, pace, time)
        self._engine = EngineSide(self._signals, pace, time)
        self._journal = Journal(
            parts.service, thread_id, turn_id, held, self._handle.approvals, pace, time
        )

    async def run(self, bell: Bell) -> TurnResult:
        """Until the turn's end, or until the work must stop without one."""
        try:
            async with self._watched(bell):
                return await self._run()
        except Halted as halted:
            logger.info("turn %s stopped: %s", self._turn_id, halted.reason)
            return TurnResult(self._thread_id, self._turn_id, halted.reason)
        except TurnNotActive:
            return TurnResult(self._thread_id, self._turn_id, "gone")
        except LeaseLost as lost:
            self._held.lose()
            logger.warning("turn %s stopped: %s", self._turn_id, lost)
            return TurnResult(self._thread_id, self._turn_id, "lost")

    @contextlib.asynccontextmanager
    async def _watched(self, bell: Bell) -> AsyncIterator[None]:
        """While the block runs, the lease is kept and the log is watched."""
        watch = Watch(
            self._parts.service,
            self._parts.log,
            self._thread_id,
            self._turn_id,
            self._handle,
            self._signals,
            self._parts.pace,
            self._parts.time,
        )
        tasks = [asyncio.create_task(self._keep_lease()), asyncio.create_task(watch.run(bell))]
        try:
            yield
        finally:
            await cancelled(*tasks)
            await self._signals.close()

    async def _keep_lease(self) -> None:
        await self._held.keep()
        self._signals.halt(Halted("lost"))

    async def _run(self) -> TurnResult:
        # What is written after this read rings the bell, so no interrupt is missed.
        recorded = await in_thread(lambda: self._parts.log.read_thread(self._thread_id))
        events = [entry.event for entry in recorded]
        self._handle.approvals.seen(len(events))
        thread = fold(Thread(self._thread_id), events).known().native()
        if thread.active(self._turn_id).interrupt is not None:
            return await self._finish(_Ending("interrupted"))
        try:
            return await self._start_and_play(turn_context(self._turn_id, events))
        finally:
            await self._engine.close()

    async def _start_and_play(self, context: TurnContext) -> TurnResult:
        self._auto_approve = bool(context.options.auto_approve)
        try:
            await self._engine.start(self._parts.engine, context)
        except EngineRaised as raised:
            return await self._not_started(raised.cause)
        except Overdue:
            return await self._finish(self._overdue())
        while True:
            ending = await self._play()
            if ending.status != "completed" or self._handle.interrupted:
                return await self._finish(ending)
            if (result := await self._complete()) is not None:
                return result

    async def _not_started(self, cause: BaseException) -> TurnResult:
        said = str(cause) if isinstance(cause, EngineCannotStart) else described(cause)
        if self._handle.interrupted:
            return await self._finish(_Ending("interrupted", said))
        self._check()
        return self._ended(await self._journal.start_failed(said))

    async def _play(self) -> _Ending:
        """Lets the engine run until it ends, and records what it does as it does it."""
        self._handle.begin_run()
        try:
            self._engine.run(self._handle)
            while (event := await self._engine.next()) is not None:
                self._check()
                await self._record(event)
        except EngineRaised as raised:
            return _Ending("failed", described(raised.cause))
        except Overdue:
            return self._overdue()
        except LeaseLost:
            raise
        except (Refused, UnknownItem, Unrecordable) as error:
            # What the engine did cannot be recorded as it is, so it cannot go on. (If somebody else
            # ended the turn, its second end will be refused as well.)
            return _Ending("failed", described(error))
        if self._handle.ignored:
            why = f"the engine left {self._handle.unread} steer(s) unread"
            return _Ending("failed", why)
        return _Ending("completed")

    async def _record(self, event: EngineEvent) -> None:
        if isinstance(event, StepBoundary):
            await self._deliver_steers()
            return
        try:
            await self._journal.write(event)
        except InterruptRequested:
            self._signals.interrupt()
        else:
            if isinstance(event, ApprovalAsked) and self._auto_approve:
                await self._journal.approve(event.key, "auto_approve")

    async def _complete(self) -> TurnResult | None:
        """The turn's end, or None if steers arrived meanwhile and the engine must go on (L6)."""
        while not self._handle.unread:
            self._check()
            try:
                return self._ended(await self._journal.finish("completed", None))
            except SteersPending:
                # They may be withdrawn before we get there: then the turn can complete after all.
                await self._deliver_steers()
                if self._handle.interrupted:
                    return await self._finish(_Ending("interrupted"))
        return None

    async def _finish(self, ending: _Ending) -> TurnResult:
        """The turn's end, which nothing that waits can put off."""
        self._check()
        # Asked to stop and stopped: how exactly is for the error to say, not for the count of
        # failures (L16).
        status = "interrupted" if self._handle.interrupted else ending.status
        return self._ended(await self._journal.finish(status, ending.error))

    async def _deliver_steers(self) -> None:
        """At a step boundary: the steers that wait go to the engine, unless it is to stop (L8)."""
        if self._handle.interrupted:
            return
        self._handle.boundary()
        try:
            self._handle.deliver(await self._journal.take_steers())
        except InterruptRequested:
            self._signals.interrupt()

    def _check(self) -> None:
        """Before each append: nothing is written on a lease that is not proved (L14)."""
        self._signals.check()
        if not self._held.alive:
            raise Halted("lost")

    def _overdue(self) -> _Ending:
        seconds = self._parts.pace.grace_seconds
        return _Ending("interrupted", f"the engine did not stop within {seconds:g} s")

    def _ended(self, outcome: Outcome) -> TurnResult:
        end = outcome.ended_status
        assert end is not None
        return TurnResult(self._thread_id, self._turn_id, end, outcome)
