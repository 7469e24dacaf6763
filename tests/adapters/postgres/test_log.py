"""The log in PostgreSQL keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.postgres.connection import Connection, Pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.recorder import LogRecorder
from tests.contracts.event_store import MAX_EVENT_BYTES, EventStoreContract
from tests.contracts.records import record


class TestPostgresLog(EventStoreContract):
    @pytest.fixture
    def log(self, database: Database, pool: Pool) -> Iterator[LogRecorder]:
        with PostgresLogRecorder(database, pool, max_event_bytes=MAX_EVENT_BYTES) as log:
            yield log

    @pytest.fixture
    def unlimited_log(self, database: Database, pool: Pool) -> Iterator[LogRecorder]:
        with PostgresLogRecorder(database, pool) as log:
            yield log


def test_a_clock_that_is_set_back_does_not_set_the_log_back(
    database: Database, pool: Pool, connection: Connection
) -> None:
    # The clock of the last append was an hour ahead.
    connection.execute("UPDATE log_head SET recorded_at = now() + interval '1 hour'")
    with PostgresLogRecorder(database, pool) as log:
        [first] = log.append([record("thr_a", 1)])
        [second] = log.append([record("thr_a", 2)])
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    assert first.recorded_at == second.recorded_at > row[0] + timedelta(minutes=59)
