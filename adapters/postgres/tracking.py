"""Followers' positions, and the log together with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from eventsourcing.persistence import (
    ProcessRecorder,
    StoredEvent,
    Tracking,
    TrackingRecorder,
)

from adapters.postgres.batch import Move
from adapters.postgres.connection import Connection, Pool, connection_from
from adapters.postgres.database import Database
from adapters.postgres.queries import load_queries
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.transactions import IMPATIENT
from adapters.records import MAX_EVENT_BYTES, TrackingConflict, as_record

QUERIES: Final = load_queries("log.sql")


class PostgresTrackingRecorder(TrackingRecorder):
    """How far `follower` has come in the logs of the applications it follows."""

    def __init__(self, database: Database, pool: Pool, *, follower: str = "") -> None:
        self._database = database
        self._pool = pool
        self._follower = follower

    def insert_tracking(self, tracking: Tracking) -> None:
        """Move on to `tracking`. Raises TrackingConflict unless that is further."""
        with connection_from(self._pool, self._database, **IMPATIENT) as connection:
            self.move(connection, tracking)

    def move(self, connection: Connection, tracking: Tracking) -> None:
        """`insert_tracking` in the transaction of `connection`, with other writes of a subclass.

        Raises TrackingConflict, psycopg.Error.
        """
        values = asdict(self._move_to(tracking))
        if connection.execute(QUERIES["advance_tracking"], values).fetchone() is None:
            raise TrackingConflict(**values)

    def max_tracking_id(self, application_name: str) -> int | None:
        """The position in that application's log; None before the first."""
        values = {"follower": self._follower, "application_name": application_name}
        with connection_from(self._pool, self._database) as connection:
            row = connection.execute(QUERIES["select_tracking"], values).fetchone()
        return None if row is None else int(row[0])

    def _move_to(self, tracking: Tracking) -> Move:
        return Move(self._follower, tracking.application_name, tracking.notification_id)


class PostgresProcessRecorder(PostgresTrackingRecorder, PostgresLogRecorder, ProcessRecorder):
    """The log with a follower's position, both moved in one transaction."""

    def __init__(
        self,
        database: Database,
        pool: Pool,
        *,
        follower: str = "",
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        PostgresLogRecorder.__init__(self, database, pool, max_event_bytes=max_event_bytes)
        self._follower = follower

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        expected_seq: int | None = None,
        tracking: Tracking | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        """Append the events and, with them or not at all, move the position to `tracking`."""
        if tracking is None:
            return super().insert_events(stored_events, expected_seq=expected_seq, **kwargs)
        if kwargs:
            raise TypeError(f"{type(self).__name__} cannot store {', '.join(sorted(kwargs))}")
        records = [as_record(event) for event in stored_events]
        entries = self.append_and_move(records, expected_seq, self._move_to(tracking))
        return [entry.id for entry in entries]
