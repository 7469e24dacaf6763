"""The service on the store in memory: what all answers are compared with."""

from __future__ import annotations

from typing import Final

from adapters.event_log import STORE_LIMIT, RecordedLog
from adapters.memory.leases import MemoryActiveTurns, MemoryLeases
from adapters.memory.recorder import MemoryLogRecorder
from adapters.threads import CachedThreads
from domain.execution import Execution
from domain.service import ThreadService
from tests.fixtures.clock import HandClock
from tests.machines.process import MAX_EVENT_BYTES, Draws
from tests.machines.wishes import Answer, Wish

PROCESSES: Final = 2


class Reference:
    """As many services on one log as there are processes. None of them ever ends, or takes
    snapshots; each remembers what it has seen, and misses what the other one does."""

    def __init__(self, clock: HandClock) -> None:
        self.lease_clock = HandClock()
        self.leases = MemoryLeases(self.lease_clock)
        self.recorder = MemoryLogRecorder(max_event_bytes=STORE_LIMIT, leases=self.leases)
        self.log = RecordedLog(self.recorder, MAX_EVENT_BYTES)
        self.active = MemoryActiveTurns(self.recorder)
        self._draws = [Draws() for _ in range(PROCESSES)]
        self.services = [
            ThreadService(Execution(self.log, CachedThreads(self.log), clock, draws))
            for draws in self._draws
        ]

    def ask(self, wish: Wish, who: int, number: int) -> Answer:
        """What the service of that process answers; `number` is the command's."""
        self._draws[who].begin(number)
        return wish.said_to(self.services[who])
