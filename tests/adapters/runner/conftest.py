"""The stage, in memory and on PostgreSQL: every story about the runner is told on both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.memory.leases import MemoryActiveTurns, MemoryLeases
from adapters.memory.recorder import MemoryLogRecorder
from adapters.postgres.connection import open_pool
from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresActiveTurns, PostgresLeases
from adapters.postgres.recorder import PostgresLogRecorder
from tests.adapters.runner.stage import Stage
from tests.fixtures.clock import HandClock


@pytest.fixture(params=["memory", "postgres"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "memory":
        clock = HandClock()
        leases = MemoryLeases(clock)
        memory = MemoryLogRecorder(leases=leases)
        yield Stage(memory, leases, MemoryActiveTurns(memory), clock.advance)
        return
    database: Database = request.getfixturevalue("database")
    with open_pool(database) as pool, PostgresLogRecorder(database, pool) as recorder:

        def pass_time(seconds: float) -> None:
            with pool.connection() as connection:
                query = "UPDATE leases SET expires_at = expires_at - make_interval(secs => %s)"
                connection.execute(query, [seconds])

        active = PostgresActiveTurns(database, pool)
        yield Stage(recorder, PostgresLeases(database, pool), active, pass_time)
