"""Running turns in this process, printed live, with Ctrl-C as a request to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.cli.failures import INTERRUPTED
from adapters.cli.live import shown_live
from adapters.cli.screen import Screen
from domain.errors import TurnlogError

if TYPE_CHECKING:
    from adapters.composition import Turnlog
    from adapters.runner.runner import PendingReport, Runner
    from adapters.runner.turn import TurnResult
    from domain.ports import Engine


@dataclass(frozen=True, slots=True)
class Driven:
    """What became of the turns. `stopped` says that Ctrl-C was pressed."""

    results: tuple[TurnResult, ...] = ()
    problems: tuple[TurnlogError, ...] = ()
    stopped: bool = False

    @property
    def failed(self) -> bool:
        """Whether a turn ended badly, or could not be brought to its end."""
        return bool(self.problems) or any(r.end in ("failed", "lost") for r in self.results)


def drive_thread(
    log: Turnlog, engine: Engine, thread_id: str, screen: Screen, after_position: int
) -> Driven:
    """Works on the thread until its slot is free, if nobody else does.

    A turn that another worker has is left to it, and with it what follows.
    """
    turn = log.service.thread(thread_id).turn
    if turn is None:
        return Driven()

    async def work(runner: Runner) -> Driven:
        return Driven(await runner.run(thread_id, turn.turn_id))

    with shown_live(log.recorder, screen, {thread_id}, after_position):
        return _drive(log, engine, work, {thread_id}, screen)


def drive_pending(log: Turnlog, engine: Engine, screen: Screen) -> Driven:
    """Works on every turn that is active and that nobody works on."""
    found = {thread_id for thread_id, _ in log.active_turns()}
    if not found:
        return Driven()

    async def work(runner: Runner) -> Driven:
        return _driven(await runner.run_pending())

    with shown_live(log.recorder, screen, found, log.recorder.head()):
        return _drive(log, engine, work, found, screen)


def _driven(report: PendingReport) -> Driven:
    return Driven(report.results, tuple(left.error for left in report.unfinished))


def _drive(
    log: Turnlog,
    engine: Engine,
    work: Callable[[Runner], Awaitable[Driven]],
    thread_ids: Collection[str],
    screen: Screen,
) -> Driven:
    runner, holder = log.runner(engine)
    stop = _Stop(log, holder, thread_ids, screen)
    return asyncio.run(stop.around(lambda: work(runner)))


class _Stop:
    """Ctrl-C: the first asks our turns to stop and waits for them, the second leaves.

    What is left behind is in the log as running; the next start finds its lease run out and ends
    it by an event.
    """

    def __init__(
        self, log: Turnlog, holder: str, thread_ids: Collection[str], screen: Screen
    ) -> None:
        self._log = log
        self._holder = holder
        self._thread_ids = thread_ids
        self._screen = screen
        self._presses = 0
        self._work: asyncio.Task[Driven] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def around(self, work: Callable[[], Awaitable[Driven]]) -> Driven:
        """The result of `work`; `KeyboardInterrupt` when it was left."""
        loop = asyncio.get_running_loop()
        # Not in the main thread there are no signals, and nobody to press anything.
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(signal.SIGINT, self._pressed)
        self._work = asyncio.ensure_future(work())
        try:
            driven = await self._work
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)
            if self._asking is not None:
                await asyncio.wait({self._asking})
        return Driven(driven.results, driven.problems, stopped=self._presses > 0)

    def _pressed(self) -> None:
        self._presses += 1
        assert self._work is not None
        if self._presses == 1:
            self._screen.note("Asking the turn to stop. Ctrl-C again leaves it where it is.")
            self._asking = asyncio.ensure_future(self._ask())
        elif self._presses == 2:
            self._screen.note("Leaving. `turnlog run` ends the turn once its lease has run out.")
            self._work.cancel()
        else:  # something hangs, and the user has said it three times
            os._exit(INTERRUPTED)

    async def _ask(self) -> None:
        asked = await asyncio.to_thread(self._interrupt_ours)
        if not asked and self._work is not None:
            self._work.cancel()  # nothing of ours is running; we only wait

    def _interrupt_ours(self) -> int:
        """Interrupts the turns this process works on; returns how many they are."""
        asked = 0
        for thread_id, turn_id in self._ours():
            # It may end by itself meanwhile, and the store may be what hangs.
            with contextlib.suppress(TurnlogError):
                self._log.service.interrupt(thread_id, turn_id)
                asked += 1
        return asked

    def _ours(self) -> Sequence[tuple[str, str]]:
        ours = []
        with contextlib.suppress(TurnlogError):
            for thread_id in self._thread_ids:
                turn = self._log.service.thread(thread_id).turn
                lease = self._log.leases.find(turn.turn_id) if turn else None
                if turn and lease and lease.holder == self._holder:
                    ours.append((thread_id, turn.turn_id))
        return ours
