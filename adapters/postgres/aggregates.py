"""Events of the library's aggregate recorders: snapshots, kept apart from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.persistence import AggregateRecorder, StoredEvent

from adapters.postgres.connection import Pool, connection_from
from adapters.postgres.database import Database
from adapters.postgres.queries import load_queries
from adapters.records import VersionConflict

QUERIES: Final = load_queries("log.sql")


class PostgresAggregateRecorder(AggregateRecorder):
    """Any bytes by stream and version, in a named collection. Versions need not be gapless."""

    def __init__(self, database: Database, pool: Pool, *, collection: str) -> None:
        self._database = database
        self._pool = pool
        self._collection = collection

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Keep them all. Raises VersionConflict, with nothing kept, if there is one already."""
        if kwargs:
            raise TypeError(f"{type(self).__name__} cannot store {', '.join(sorted(kwargs))}")
        if not stored_events:
            return None
        values = {
            "collection": self._collection,
            "streams": [str(event.originator_id) for event in stored_events],
            "versions": [event.originator_version for event in stored_events],
            "types": [event.topic for event in stored_events],
            "datas": [event.state for event in stored_events],
        }
        with connection_from(self._pool, self._database) as connection:
            try:
                connection.execute(QUERIES["insert_aggregate_events"], values)
            except psycopg.errors.UniqueViolation as error:
                first = stored_events[0]
                stream_id, version = first.originator_id, first.originator_version
                raise VersionConflict(
                    stream_id=stream_id, version=version, actual="that or a later one"
                ) from error
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """The events with gt < version <= lte."""
        query = "select_aggregate_events_backwards" if desc else "select_aggregate_events"
        values = {
            "collection": self._collection,
            "stream_id": str(originator_id),
            "after": gt,
            "upto": lte,
            "limit": limit,
        }
        with connection_from(self._pool, self._database) as connection:
            rows = connection.cursor(binary=True).execute(QUERIES[query], values).fetchall()
        return [StoredEvent(*row) for row in rows]
