"""The log in PostgreSQL. Appends go through the writer, reads through the pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any, Final, Self
from uuid import UUID

from adapters.codec import decode_all
from adapters.postgres.batch import Append, Move
from adapters.postgres.connection import Pool, connection_from
from adapters.postgres.database import Database
from adapters.postgres.notifications import Listener
from adapters.postgres.queries import load_queries
from adapters.postgres.rows import entry_of, rows_of_thread
from adapters.postgres.session import WriterSession
from adapters.postgres.writer import GroupWriter
from adapters.recorder import LogRecorder
from adapters.records import MAX_EVENT_BYTES, LogEntry, LogRecord, Written, check_append
from domain.ports import Fence, Recorded

QUERIES: Final = load_queries("log.sql")


class PostgresLogRecorder(LogRecorder):
    """The log of one schema. Safe to use from several threads, and meant to be shared by them.

    The pool is the caller's to close, after this. Every method raises StoreUnavailable when the
    database cannot be reached, NotMigrated when the schema is not there.
    """

    def __init__(
        self, database: Database, pool: Pool, *, max_event_bytes: int = MAX_EVENT_BYTES
    ) -> None:
        self._database = database
        self._pool = pool
        self.max_event_bytes = max_event_bytes
        self._writer = GroupWriter(WriterSession(database))
        self._listener = Listener(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish the appends under way, take no more, and let go of the connections."""
        self._writer.close()
        self._listener.close()

    def write(
        self,
        records: Sequence[LogRecord],
        expected_seq: int | None = None,
        fence: Fence | None = None,
    ) -> Written:
        return self._writer.write(Append(records, expected_seq, fence=fence))

    def append_and_move(
        self, records: Sequence[LogRecord], expected_seq: int | None, move: Move
    ) -> list[LogEntry]:
        """`append`, if there are records, in one transaction with a follower's new position."""
        check_append(records, expected_seq, self.max_event_bytes)
        return self._writer.write(Append(records, expected_seq, move)).entries(records)

    def select_thread(
        self,
        thread_id: str,
        *,
        after_seq: int = 0,
        upto_seq: int | None = None,
        limit: int | None = None,
    ) -> list[LogEntry]:
        bounds = {"after": after_seq, "upto": upto_seq, "limit": limit}
        return self._select("select_thread", {"thread_id": thread_id, **bounds})

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> list[Recorded]:
        with (
            connection_from(self._pool, self._database) as connection,
            rows_of_thread(connection, thread_id, after_seq=after_seq, upto_seq=upto_seq) as rows,
        ):
            return decode_all(rows)

    def select_log(
        self, *, after_position: int = 0, upto_position: int | None = None, limit: int
    ) -> list[LogEntry]:
        bounds = {"after": after_position, "upto": upto_position, "limit": limit}
        return self._select("select_log", {"types": None, **bounds})

    def select_command(self, command_id: str) -> list[LogEntry]:
        return self._select("select_command", {"command_id": command_id})

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[LogEntry]:
        query = "select_stream_backwards" if desc else "select_stream"
        bounds = {"after": gt, "upto": lte, "limit": limit}
        return self._select(query, {"stream_id": str(originator_id), **bounds})

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[LogEntry]:
        after = (start or 0) - (1 if start and inclusive_of_start else 0)
        bounds = {"after": after, "upto": stop, "limit": limit}
        return self._select("select_log", {"types": list(topics) or None, **bounds})

    def head(self) -> int:
        with connection_from(self._pool, self._database) as connection:
            row = connection.execute(QUERIES["select_head"], prepare=False).fetchone()
        assert row is not None
        return int(row[0])

    def listen(self, event: Event) -> None:
        self._listener.add(event)

    def unlisten(self, event: Event) -> None:
        self._listener.remove(event)

    def _select(self, query: str, parameters: Mapping[str, Any]) -> list[LogEntry]:
        with connection_from(self._pool, self._database) as connection:
            cursor = connection.cursor(binary=True)
            rows = cursor.execute(QUERIES[query], parameters, prepare=False).fetchall()
        return list(map(entry_of, rows))
