"""The read models in use, and what moves them on: the session of `projections.follow.Follower`."""

from __future__ import annotations

import time
from typing import Final

from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.names import CHANNEL
from adapters.postgres.rebuild import LOCK_NAME as REBUILD_LOCK_NAME
from adapters.postgres.stepping import QUERIES, TableSession
from projections.errors import ReadModelsMissing
from projections.ports import ReadModelStatus

LOCK_NAME: Final = "turnlog.follow.{schema}"
"""The advisory lock of the one who follows; by `hashtextextended`."""


class PostgresFollowerSession(TableSession):
    """A connection to the tables in use. It must be to the server itself, not to a pooler."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, database.schema)
        # The lead belongs to a connection: if that is another one now, we have lost it.
        self._leading: Connection | None = None
        self._lock = LOCK_NAME.format(schema=database.schema)

    def lead(self) -> bool:
        """Whether this session is the one that follows; it stays so until its connection ends."""
        with self.connection() as connection:
            if connection is self._leading:
                return True
            if not self._try_lock(self._lock):
                return False
            # Listening before the first look: what is appended after the look is heard of.
            connection.execute(f"LISTEN {CHANNEL}")
            self._leading = connection
            return True

    def is_led(self) -> bool:
        """Whether another session follows, or rebuilds: then the tables may move on by it."""
        names = [self._lock, REBUILD_LOCK_NAME.format(schema=self.database.schema)]
        row = self._one("select_is_locked", names=names)
        return row is not None and bool(row[0])

    def stand_aside(self) -> None:
        """Give up the lead, if this session has it."""
        self._leading = None
        self.close()

    def wait(self, seconds: float) -> None:
        """Let time pass until the log has grown; it may come back early, or notice nothing."""
        with self.connection() as connection:
            if connection is not self._leading:
                time.sleep(seconds)
                return
            # Those that have come already are taken at once, all of them.
            if not list(connection.notifies(timeout=0)):
                list(connection.notifies(timeout=seconds, stop_after=1))

    def status(self) -> ReadModelStatus:
        """How far the tables are."""
        row = self._one("select_status")
        if row is None:
            raise ReadModelsMissing(schema=self.schema, why="their state is gone")
        return ReadModelStatus(*row)

    def record_failure(self, position: int, why: str) -> None:
        """Note for everybody to see that the tables have stopped before that position."""
        with self.connection() as connection:
            values = {"position": position, "failure": why}
            connection.execute(QUERIES["record_failure"], values)
