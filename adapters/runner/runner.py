"""The way in: run a turn and what follows it, a thread until it is idle, or all that was left."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from adapters.runner.bell import Bell, HintSource, NoHints, listening
from adapters.runner.blocking import in_thread
from adapters.runner.lease import LeaseDesk
from adapters.runner.pace import Pace, RealTime, Time
from adapters.runner.turn import Parts, TurnResult, work_on
from domain.errors import TurnlogError
from domain.ports import Engine, EventLog, Leases
from domain.service import ThreadService

logger = logging.getLogger("turnlog.runner")

MAX_THREADS_AT_ONCE: Final = 8


class ActiveTurns(Protocol):
    """Which turns have begun and not ended, by the log itself."""

    def active_turns(self) -> Sequence[tuple[str, str]]:
        """(thread_id, turn_id) of each, oldest first; none of imported threads. Blocks."""
        ...


class InternalFault(TurnlogError):
    """The runner failed by a defect of its own or of an engine ({what}). The turn is left to the
    next start."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A thread whose work ended in an error of ours or of the store; its turn is still active."""

    thread_id: str
    turn_id: str
    error: TurnlogError


@dataclass(frozen=True, slots=True)
class PendingReport:
    """What became of the turns that were found active."""

    results: tuple[TurnResult, ...]
    unfinished: tuple[Unfinished, ...] = ()


class Runner:
    """Runs turns of any number of threads with one engine. Lives in one event loop.

    All methods raise `StoreError` when the log cannot be read or written; the turn at hand is then
    left active, and recovered by the next start once its lease has run out. Cancelling a call
    cancels the engine, gives the lease back, and leaves the turn to the next start as well; to end
    a turn in good order, interrupt it.
    """

    def __init__(
        self,
        service: ThreadService,
        log: EventLog,
        leases: Leases,
        active: ActiveTurns,
        engine: Engine,
        *,
        hints: HintSource | None = None,
        holder: str | None = None,
        pace: Pace = Pace(),  # noqa: B008  # frozen
        time: Time | None = None,
    ) -> None:
        self._active = active
        self._hints = hints or NoHints()
        time = time or RealTime()
        desk = LeaseDesk(leases, holder or new_holder(), pace, time)
        self._parts = Parts(service, log, desk, engine, pace, time)

    async def run(self, thread_id: str, turn_id: str) -> tuple[TurnResult, ...]:
        """The turn, and each turn that the end of the one before it started.

        Returns when the thread is idle or held, or when the last turn is not ours to end. A turn
        that a lost worker has left is recovered instead of run; one that is being worked on is
        left alone (D16). `ThreadNotFound`, `ThreadIsImported`.
        """
        async with listening(self._hints) as bell:
            return await self._run(thread_id, turn_id, bell)

    async def _run(self, thread_id: str, turn_id: str, bell: Bell) -> tuple[TurnResult, ...]:
        results: list[TurnResult] = []
        next_turn_id: str | None = turn_id
        while next_turn_id is not None:
            result = await work_on(next_turn_id, thread_id, bell, self._parts)
            results.append(result)
            # The drain started it in the append that ended the last one, so it is nobody's yet.
            next_turn_id = result.outcome.started_turn_id if result.outcome else None
        return tuple(results)

    async def run_thread(self, thread_id: str) -> tuple[TurnResult, ...]:
        """Everything the thread has to do, until its slot is free.

        Waits for a turn that another worker has, and takes over when that worker is lost.
        """
        parts, results = self._parts, list[TurnResult]()
        async with listening(self._hints) as bell:
            while True:
                thread = await in_thread(lambda: parts.service.thread(thread_id))
                if thread.turn is None:
                    return tuple(results)
                ran = await self._run(thread_id, thread.turn.turn_id, bell)
                results.extend(result for result in ran if result.end != "taken")
                if ran[-1].end in ("taken", "lost"):
                    await bell.heard(parts.pace, parts.time)

    async def run_pending(self) -> PendingReport:
        """At the start of a process: every turn that is active and nobody's is run or recovered.

        Returns when the threads it took on are idle, held, or somebody else's. A thread that fails
        does not keep the others from running.
        """
        found = await in_thread(self._active.active_turns)
        slots = asyncio.Semaphore(MAX_THREADS_AT_ONCE)

        async def one(thread_id: str, turn_id: str) -> tuple[TurnResult, ...] | Unfinished:
            async with slots:
                try:
                    return await self.run(thread_id, turn_id)
                except TurnlogError as error:
                    logger.error("turn %s is left: %s", turn_id, error.code)  # noqa: TRY400
                    return Unfinished(thread_id, turn_id, error)
                except Exception as error:  # noqa: BLE001  # the other threads must go on
                    name = type(error).__name__
                    logger.error("turn %s is left: internal fault, %s", turn_id, name)  # noqa: TRY400
                    return Unfinished(thread_id, turn_id, InternalFault(what=name))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*pair)) for pair in found]
        ended = [task.result() for task in tasks]
        return PendingReport(
            results=tuple(r for e in ended if not isinstance(e, Unfinished) for r in e),
            unfinished=tuple(e for e in ended if isinstance(e, Unfinished)),
        )


def new_holder() -> str:
    """A name for this process as a holder of leases, unlike any other before it."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
