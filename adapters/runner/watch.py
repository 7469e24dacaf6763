"""Watches the log while a turn runs: for interrupts, steers, answers, an end made elsewhere."""

from __future__ import annotations

import asyncio

from adapters.errors import StoreError
from adapters.runner.bell import Bell
from adapters.runner.handle import Handle
from adapters.runner.pace import Pace, Time
from adapters.runner.signals import Halted, Signals
from domain import inbox
from domain.ports import EventLog
from domain.service import ThreadService
from domain.thread import Thread


class Watch:
    """Looks at the thread whenever the bell rings or the poll is due."""

    def __init__(
        self,
        service: ThreadService,
        log: EventLog,
        thread_id: str,
        turn_id: str,
        handle: Handle,
        signals: Signals,
        pace: Pace,
        time: Time,
    ) -> None:
        self._service = service
        self._log = log
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
                # Reads, so nobody has to wait for their end when this task is cancelled.
                thread = await asyncio.to_thread(self._service.thread, self._thread_id)
                self.look_at(thread)
                await self._look_for_answers(thread)
            except StoreError:
                continue
            except Exception as error:  # noqa: BLE001  # raised where the turn is run
                self._signals.halt(error)
                return

    def look_at(self, thread: Thread) -> None:
        """Passes on what concerns this turn, and nothing that concerns another (D18)."""
        turn = thread.turn
        if turn is None or turn.turn_id != self._turn_id:
            self._signals.halt(Halted("gone"))
        elif turn.interrupt is not None:
            self._signals.interrupt()
        elif turn.steerable and inbox.steers(thread.inbox):
            self._handle.steer_waits()

    async def _look_for_answers(self, thread: Thread) -> None:
        """What the engine asked for and is open no more was answered or cancelled: the log says
        which, and by whom.

        It is read no further than `thread` was. The question may be newer than that, and its
        answer, too: an engine would hear "cancelled" before it hears of the interrupt.
        """
        approvals, turn = self._handle.approvals, thread.turn
        approvals.seen(thread.seq)
        if turn is None or turn.turn_id != self._turn_id:
            return
        after = approvals.after({approval.approval_id for approval in turn.open_approvals})
        if after is not None:
            recorded = await asyncio.to_thread(
                lambda: self._log.read_thread(self._thread_id, after_seq=after, upto_seq=thread.seq)
            )
            approvals.hear(entry.event for entry in recorded)
