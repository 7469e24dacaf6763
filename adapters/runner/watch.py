"""Watches the log while a turn runs: for an interrupt, for steers, for an end made elsewhere."""

from __future__ import annotations

import asyncio

from adapters.errors import StoreError
from adapters.runner.bell import Bell
from adapters.runner.handle import Handle
from adapters.runner.pace import Pace, Time
from adapters.runner.signals import Halted, Signals
from domain import inbox
from domain.service import ThreadService
from domain.thread import Thread


class Watch:
    """Looks at the thread whenever the bell rings or the poll is due."""

    def __init__(
        self,
        service: ThreadService,
        thread_id: str,
        turn_id: str,
        handle: Handle,
        signals: Signals,
        pace: Pace,
        time: Time,
    ) -> None:
        self._service = service
        self._thread_id = thread_id
        self._turn_id = turn_id
        self._handle = handle
        self._signals = signals
        self._pace = pace
        self._time = time

    async def run(self, bell: Bell) -> None:
        """For ever. What it cannot read for a while it reads later; the lease says how long."""
        while True:
            await bell.heard(self._pace, self._time)
            try:
                # A read, so nobody has to wait for its end when this task is cancelled.
                thread = await asyncio.to_thread(self._service.thread, self._thread_id)
            except StoreError:
                continue
            except Exception as error:  # noqa: BLE001  # raised where the turn is run
                self._signals.halt(error)
                return
            self.look_at(thread)

    def look_at(self, thread: Thread) -> None:
        """Passes on what concerns this turn, and nothing that concerns another (D18)."""
        turn = thread.turn
        if turn is None or turn.turn_id != self._turn_id:
            self._signals.halt(Halted("gone"))
        elif turn.interrupt is not None:
            self._signals.interrupt()
        elif turn.steerable and inbox.steers(thread.inbox):
            self._handle.steer_waits()
