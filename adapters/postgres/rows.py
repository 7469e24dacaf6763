"""Rows of the log: as entries, or as they come in."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, cast

from psycopg import capabilities
from psycopg.types.string import ByteaBinaryLoader

from adapters.codec import StoredRow
from adapters.postgres.connection import Connection
from adapters.postgres.queries import load_queries
from adapters.records import LogEntry

QUERIES: Final = load_queries("history.sql")

_CHUNK_ROWS: Final = 500

_FIELDS: Final = (
    "originator_id",
    "originator_version",
    "topic",
    "state",
    "id",
    "thread_id",
    "seq",
    "command_id",
    "receipt",
    "recorded_at",
    "hash",
)


def entry_of(row: Sequence[Any]) -> LogEntry:
    """The entry of a row whose columns are in the order of the queries in `sql/log.sql`."""
    # Its fields all at once: `__init__` of a frozen dataclass sets them one by one, and reading a
    # long thread is mostly this.
    entry = object.__new__(LogEntry)
    values = entry.__dict__
    values.update(zip(_FIELDS, row, strict=True))
    values["state"] = values["state"].encode()
    return entry


@contextmanager
def rows_of_thread(
    connection: Connection, thread_id: str, *, after_seq: int, upto_seq: int | None
) -> Iterator[Iterator[StoredRow]]:
    """The rows of a thread with after_seq < seq <= upto_seq, in order, as the server finds them.

    So it works on the next ones while these are decoded, and neither side holds them all. Raises
    psycopg.Error, during the iteration as well.
    """
    values = {"thread_id": thread_id, "after": after_seq, "upto": upto_seq}
    query = QUERIES["select_history"]
    cursor = connection.cursor(binary=True)
    # JSON as it is stored: its bytes are what is decoded, and hashed.
    cursor.adapters.register_loader("json", ByteaBinaryLoader)
    if capabilities.has_stream_chunked():
        rows = cursor.stream(query, values, binary=True, size=_CHUNK_ROWS)
        with closing(cast("Generator[StoredRow]", rows)):
            yield rows
    else:  # an older libpq
        yield iter(cursor.execute(query, values, prepare=False).fetchall())
