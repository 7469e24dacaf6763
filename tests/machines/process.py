"""A process at work on the database, as the product opens it, but with time and ids of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.database import Database
from adapters.records import LogEntry
from adapters.settings import Settings
from domain.execution import Execution
from domain.service import ThreadService
from tests.faults.observers import Watcher, watching
from tests.fixtures.clock import HandClock
from tests.fixtures.logs import WatchedLog

# Small, so that texts above it are among those that are drawn.
MAX_EVENT_BYTES: Final = 1_500


class Draws:
    """Randomness for ids: the same for the same command, however often it is decided or said."""

    def __init__(self) -> None:
        self._command, self._count = 0, 0

    def begin(self, command: int) -> None:
        """From here on, what is drawn is for that command."""
        self._command, self._count = command, 0

    def bytes(self) -> bytes:
        """Sixteen bytes, other ones at each call."""
        self._count += 1
        return hashlib.sha256(f"{self._command}.{self._count}".encode()).digest()[:16]


class Process:
    """A turnlog on that database. `restart` throws away everything it has in memory.

    If it is `watched` a subscription reads along, and must see the log as it is.
    """

    def __init__(self, database: Database, clock: HandClock, *, watched: bool = False) -> None:
        self._database, self._clock, self._watched = database, clock, watched
        self.draws = Draws()
        self._open()

    def _open(self) -> None:
        self._stack = ExitStack()
        settings = Settings(pool_max_connections=2, max_event_bytes=MAX_EVENT_BYTES)
        opened = OpenDatabase(self._database)
        self.turnlog: Turnlog = self._stack.enter_context(turnlog_on(opened, settings))
        execution: Execution = self.turnlog.execution
        execution._clock, execution._entropy = self._clock, self.draws
        execution._log = self.log = WatchedLog(self.turnlog.log)
        self._watcher: Watcher | None = None
        if self._watched:
            self._watcher = self._stack.enter_context(watching(self.turnlog.recorder))

    @property
    def service(self) -> ThreadService:
        return self.turnlog.service

    def expect(self, log: Sequence[LogEntry]) -> None:
        """Who reads along has seen that log, in its order."""
        if self._watcher is not None:
            self._watcher.expect(log)

    def restart(self) -> None:
        """Another process in its place."""
        self.close()
        self._open()

    def close(self) -> None:
        """End it."""
        self._stack.close()
