"""The cases about processes, readers and screens are told on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.postgres.connection import Connection, open_pool
from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresActiveTurns, PostgresLeases
from adapters.postgres.recorder import PostgresLogRecorder
from tests.adapters.runner.stage import Stage
from tests.projections.tables import Tables, tables_of


@pytest.fixture
def stage(database: Database, connection: Connection) -> Iterator[Stage]:
    """Services and runners over one log. A process dies by not being called again."""

    def pass_time(seconds: float) -> None:
        query = "UPDATE leases SET expires_at = expires_at - make_interval(secs => %s)"
        connection.execute(query, [seconds])

    with open_pool(database) as pool, PostgresLogRecorder(database, pool) as recorder:
        leases, active = PostgresLeases(database, pool), PostgresActiveTurns(database, pool)
        yield Stage(recorder, leases, active, pass_time)


@pytest.fixture
def tables(database: Database) -> Iterator[Tables]:
    """A log with the read models that a screen reads."""
    with tables_of(database) as opened:
        yield opened
