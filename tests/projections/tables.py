"""A database with a log, and its read models: for tests of how the two agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.event_log import RecordedLog
from adapters.postgres.connection import Pool, open_pool
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.read_models import PostgresReadModels
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.threads import CachedThreads
from domain.execution import Execution
from domain.service import ThreadService
from projections.follow import Follower
from projections.registry import ROWS
from projections.replay import replay
from projections.rows import ThreadRows
from projections.verify import Difference, compare, compare_thread
from tests.fixtures.clock import CountingEntropy, HandClock
from tests.projections.histories import Log


@dataclass
class Tables:
    """A database with a log, and what reads and moves its read models."""

    database: Database
    pool: Pool
    recorder: PostgresLogRecorder
    reader: PostgresReadModels
    session: PostgresFollowerSession
    services: int = 0

    @property
    def log(self) -> RecordedLog:
        return RecordedLog(self.recorder)

    @property
    def follower(self) -> Follower:
        return Follower(self.session)

    def service(self) -> ThreadService:
        """A service over this log, as another process would have it."""
        self.services += 1
        threads, entropy = CachedThreads(self.log), CountingEntropy(self.services)
        return ThreadService(Execution(self.log, threads, HandClock(), entropy))

    def rows(self, thread_id: str) -> ThreadRows:
        """What the tables say of a thread they know."""
        found = self.reader.thread(thread_id)
        assert found is not None
        return found

    def differences(self) -> list[Difference]:
        """What `verify` finds in the tables."""
        every = self.reader.thread_ids()
        found = [compare_thread(thread_id, self.log, self.reader) for thread_id in every]
        assert all(thread.problem is None for thread in found)
        return [difference for thread in found for difference in thread.differences]

    def assert_agree(self, log: Log, position: int) -> None:
        """The tables are at this position and say what the fold says."""
        assert self.reader.status().position == position
        for thread_id in log.thread_ids():
            expected = replay(log.history(thread_id, position))
            found, seq = self.reader.snapshot(thread_id)
            assert seq == len(log.history(thread_id, position))
            # The order, too, which the comparison by keys does not see.
            assert found == expected, compare(thread_id, expected, found)

    def apply(self, limit: int) -> int:
        """One step; the position reached."""
        step = self.session.step(limit)
        assert step is not None
        return step.upto

    def empty_tables(self) -> None:
        """As if nothing had ever been applied."""
        with self.pool.connection() as connection:
            for table in ROWS:
                connection.execute(f"DELETE FROM {table}".encode())
            connection.execute(
                "UPDATE read_models SET position = 0, failed_position = NULL, failure = NULL"
            )

    def empty_log(self) -> None:
        """As if nothing had ever been appended: only the database's owner can do that, for a
        test that needs many logs and has no time to make a database for each."""
        self.empty_tables()
        with self.pool.connection() as connection:
            connection.execute(
                "ALTER TABLE log DISABLE TRIGGER log_append_only; DELETE FROM log;"
                " ALTER TABLE log ENABLE ALWAYS TRIGGER log_append_only;"
                " UPDATE log_head SET position = 0, recorded_at = '-infinity'"
            )


@contextmanager
def tables_of(database: Database) -> Iterator[Tables]:
    """Its log, its tables, and what moves them."""
    with (
        open_pool(database) as pool,
        PostgresLogRecorder(database, pool) as recorder,
        PostgresFollowerSession(database) as session,
    ):
        yield Tables(database, pool, recorder, PostgresReadModels(database, pool), session)
