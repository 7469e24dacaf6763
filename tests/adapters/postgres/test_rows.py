"""Rows of the log as they come in, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import capabilities

from adapters.postgres import rows as module
from adapters.postgres.connection import Connection, Pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.rows import rows_of_thread
from adapters.records import LogEntry
from tests.contracts.records import record, records

ENTRIES = 7


@pytest.fixture
def written(database: Database, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> list[LogEntry]:
    """A thread of three chunks, beside another one."""
    monkeypatch.setattr(module, "_CHUNK_ROWS", 3)
    with PostgresLogRecorder(database, pool) as log:
        log.append(records("thr_b", 1, 2))
        data = '{"text": "na\u00efve \u2713", "and":  [1.0, "\\ud83d\\ude00"]}'.encode()
        return log.append([*records("thr_a", 1, 6), record("thr_a", 7, data=data)])


@pytest.fixture(params=["chunks", "an older libpq"], autouse=True)
def libpq(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "an older libpq":
        monkeypatch.setattr(capabilities, "has_stream_chunked", lambda: False)
    elif not capabilities.has_stream_chunked():
        pytest.skip("libpq is older than 17")


def seqs(connection: Connection, after: int, upto: int | None) -> list[int]:
    with rows_of_thread(connection, "thr_a", after_seq=after, upto_seq=upto) as rows:
        return [row[1] for row in rows]


def test_rows_have_what_is_stored_to_the_byte(
    connection: Connection, written: list[LogEntry]
) -> None:
    with rows_of_thread(connection, "thr_a", after_seq=0, upto_seq=None) as rows:
        found = list(rows)
    assert found == [
        (e.id, e.seq, e.originator_version, e.recorded_at, e.hash, e.topic, e.state)
        for e in written
    ]


@pytest.mark.usefixtures("written")
def test_ranges_are_by_seq(connection: Connection) -> None:
    assert seqs(connection, 0, None) == list(range(1, ENTRIES + 1))
    assert seqs(connection, 2, 6) == [3, 4, 5, 6]
    assert seqs(connection, 6, None) == [ENTRIES]
    assert seqs(connection, 0, 0) == seqs(connection, ENTRIES, None) == seqs(connection, 5, 3) == []


@pytest.mark.usefixtures("written")
def test_who_stops_in_the_middle_leaves_a_connection_that_works(connection: Connection) -> None:
    def stop(rows: Iterator[object]) -> None:
        next(rows)
        raise LookupError("enough")

    with (
        pytest.raises(LookupError),
        rows_of_thread(connection, "thr_a", after_seq=0, upto_seq=None) as rows,
    ):
        stop(rows)
    assert seqs(connection, 5, None) == [6, 7]
