"""The real service over the real in-memory store, for tests of what lies between them."""

from __future__ import annotations

from adapters.event_log import STORE_LIMIT, RecordedLog
from adapters.memory.recorder import MemoryLogRecorder
from adapters.threads import CachedThreads
from domain.execution import Execution
from domain.service import ThreadService
from tests.fixtures.clock import CountingEntropy, HandClock

LIMIT = 64 * 1024  # bytes


class Bench:
    """A service and all that it stands on."""

    def __init__(self, max_event_bytes: int = LIMIT) -> None:
        self.recorder = MemoryLogRecorder(max_event_bytes=STORE_LIMIT)
        self.log = RecordedLog(self.recorder, max_event_bytes)
        self.threads = CachedThreads(self.log)
        execution = Execution(self.log, self.threads, HandClock(), CountingEntropy())
        self.service = ThreadService(execution)

    def thread(self) -> str:
        """A new thread's id."""
        return self.service.create().thread_id
