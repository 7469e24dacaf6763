"""A second set of read models beside those in use: the session of `projections.rebuild`.

It lives in a schema of its own, named after that of the log. The tables have the same names there,
so the same SQL makes and fills them; the search path says which are meant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg
from psycopg import sql
from psycopg.types.numeric import Int8

from adapters.postgres import rebuild_work, swap
from adapters.postgres.belongings import Indexes
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.errors import reason
from adapters.postgres.filling import Filling
from adapters.postgres.read_models import read_thread
from adapters.postgres.rebuild_work import PART_EVENTS, WORK_TABLE, Counted
from adapters.postgres.stepping import QUERIES, TableSession
from projections.errors import (
    RebuildRunning,
    RebuildSchemaTaken,
    SwapBlocked,
    SwapRefused,
)
from projections.registry import STATE_TABLE, TABLES, definition, load_sql, load_tables
from projections.rows import ThreadRows

SUFFIX: Final = "_rebuild"
LOCK_NAME: Final = "turnlog.rebuild.{schema}"
"""The advisory lock of the one who rebuilds; by `hashtextextended`."""

_LOCK_NOT_AVAILABLE: Final = "55P03"
_OTHERS_DEPEND_ON_IT: Final = "2BP01"


class PostgresRebuildSession(TableSession):
    """A connection to the tables of a rebuild, and `jobs` more while it fills them.

    They must be to the server itself, not to a pooler. A task has about `part_events` events.
    """

    def __init__(
        self, database: Database, *, jobs: int = 1, part_events: int = PART_EVENTS
    ) -> None:
        super().__init__(database, database.schema + SUFFIX)
        self._jobs, self._part_events = jobs, part_events
        self._live = database.schema
        self._counted = Counted()
        self._added = Indexes(self._live, self.schema)
        self._lock = LOCK_NAME.format(schema=database.schema)

    def claim(self) -> None:
        """Be the only one who rebuilds; RebuildRunning."""
        if not self._try_lock(self._lock):
            holder = self._one("select_lock_holder", name=self._lock)
            who = f" (server process {holder[0]}, {holder[1]})" if holder else ""
            raise RebuildRunning(schema=self._live, who=who)

    def release(self) -> None:
        """No longer claim to rebuild."""
        self.close()

    def prepare(self) -> int:
        """Make the tables, unless a rebuild of the same definition left them; where they are at.

        Raises RebuildSchemaTaken.
        """
        with self.connection() as connection, connection.transaction():
            found = self._relations(connection)
            if found is not None and STATE_TABLE in found:
                position = self._resumable(connection, found)
                if position is not None:
                    return position
            self._make_schema(connection, anew=found is not None)
            connection.execute(load_tables(), prepare=False)
            connection.execute(QUERIES["insert_state"], {"definition": definition()})
            rebuild_work.plan(connection, self._part_events)
            return 0

    def fill(self, tell: Callable[[int, int], None]) -> None:
        """See `projections.ports.RebuildSession`."""
        with self.connection() as connection, connection.transaction():
            if WORK_TABLE not in (self._relations(connection) or ()):
                return
            planned = rebuild_work.tasks(connection)
            self._added.drop_unwanted(connection)
            missing = self._added.missing(connection)
        with Filling(self.database, self.schema, self._jobs) as filling:
            filling.run(planned, self._added, missing, tell)
        with self.connection() as connection, connection.transaction():
            connection.execute(QUERIES["finish_step"], {"upto": rebuild_work.end(planned)})
            self._counted = rebuild_work.counted(connection, planned)
            connection.execute(rebuild_work.QUERIES["drop_work"], prepare=False)

    def start_over(self) -> None:
        """Make the tables anew, to be filled step by step."""
        self._counted = Counted()
        with self.connection() as connection, connection.transaction():
            self._make_schema(connection, anew=self._relations(connection) is not None)
            connection.execute(load_sql("tables"), prepare=False)
            connection.execute(QUERIES["insert_state"], {"definition": definition()})

    def keep_indexes(self) -> None:
        """See `projections.ports.RebuildSession`."""
        with self.connection() as connection:
            with connection.transaction():
                self._added.drop_unwanted(connection)
                missing = self._added.missing(connection)
            for index in missing:
                self._added.make(connection, index)

    def discard(self) -> None:
        """Drop the second set of tables, if there is one. Raises RebuildSchemaTaken."""
        with self.connection() as connection, connection.transaction():
            if self._relations(connection) is not None:
                self._drop_schema(connection)

    def mismatches(self, meanwhile: Callable[[], None]) -> Sequence[str]:
        """See `projections.ports.RebuildSession`."""
        with TableSession(self.database, self.schema) as other, ThreadPoolExecutor(1) as thread:
            counted = thread.submit(_examine, other, self._counted)
            meanwhile()
            return counted.result()

    def sample(self, events: int, seed: int) -> Sequence[str]:
        """See `projections.ports.RebuildSession`."""
        with self.connection() as connection:
            values = {"events": events, "seed": seed}
            rows = connection.execute(rebuild_work.QUERIES["select_sample"], values, prepare=False)
            return [thread_id for (thread_id,) in rows]

    def snapshot(self, thread_id: str) -> tuple[ThreadRows, int]:
        """See `projections.ports.RowReader`; nobody else writes these tables."""
        with self.connection() as connection:
            return read_thread(connection, thread_id)

    def swap(self, limit: int) -> int | None:
        """Apply the last events, while nothing can be appended, and put the tables in place.

        The position they are at; None if more than `limit` events were left, or an index that
        `keep_indexes` would make. Raises SwapBlocked, SwapRefused, RangeRejected.
        """
        with self.connection() as connection:
            try:
                with connection.transaction():
                    # From here on nobody reads or moves the old tables, or appends to the log. The
                    # tables come first: waiting for a reader keeps no append waiting.
                    swap.lock_tables(connection, self._live)
                    if self._added.missing(connection):
                        raise _TooMuchLeft
                    connection.execute(QUERIES["lock_head"])
                    with connection.pipeline() as pipeline:
                        step = self._step(connection, pipeline, limit, wait=True)
                    if step is None or not step.is_last:
                        raise _TooMuchLeft
                    swap.put_in_place(connection, self._live, self.schema)
                    return step.upto
            except _TooMuchLeft:
                return None
            except psycopg.Error as error:
                if error.sqlstate == _LOCK_NOT_AVAILABLE:
                    raise SwapBlocked(why=swap.who_blocks(connection, self._live)) from error
                if error.sqlstate == _OTHERS_DEPEND_ON_IT:
                    why = error.diag.message_detail or reason(error)
                    raise SwapRefused(why=why.replace("\n", "; ")) from error
                raise

    def _resumable(self, connection: Connection, found: Collection[str]) -> int | None:
        """Where a rebuild was interrupted; None if what it left is of no use any more."""
        row = connection.execute(QUERIES["select_left"]).fetchone()
        if row is None or row[1] != definition() or set(found) - {WORK_TABLE} != set(TABLES):
            return None
        position, _, head = row
        if WORK_TABLE not in found:
            return int(position) if position <= head else None
        planned = rebuild_work.tasks(connection)
        if not planned or rebuild_work.end(planned) > head:
            return None
        return rebuild_work.events_done(planned)

    def _relations(self, connection: Connection) -> Collection[str] | None:
        """What is in the schema of the rebuild; None if there is no such schema.

        Raises RebuildSchemaTaken for anything that no rebuild has made, as we may drop the rest.
        """
        rows = connection.execute(QUERIES["select_relations"], {"schema": self.schema}).fetchall()
        names: set[str] = {name for (name,) in rows if name is not None}
        if names - {*TABLES, WORK_TABLE} or (names and STATE_TABLE not in names):
            raise RebuildSchemaTaken(schema=self.schema)
        return names if rows else None

    def _make_schema(self, connection: Connection, *, anew: bool) -> None:
        if anew:
            self._drop_schema(connection)
        self._added.forget()
        swap.run(connection, "CREATE SCHEMA {}", self.schema)

    def _drop_schema(self, connection: Connection) -> None:
        for table in (*TABLES, WORK_TABLE):
            swap.run(connection, "DROP TABLE IF EXISTS {}", self.schema, table)
        swap.run(connection, "DROP SCHEMA {}", self.schema)


def _examine(session: TableSession, counted: Counted) -> Sequence[str]:
    tables = [sql.Identifier(session.schema, table) for table in TABLES]
    with session.connection() as connection:
        with connection.transaction():
            # Rows are looked up by their keys: a coarse picture is enough until autovacuum comes.
            connection.execute("SET LOCAL default_statistics_target = 20")
            connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(tables)))
        with connection.transaction():
            return _miscounts(connection, counted)


def _miscounts(connection: Connection, counted: Counted) -> Sequence[str]:
    # This does read all of the tables; and the cores have nothing else to do.
    connection.execute("SET LOCAL enable_seqscan = on")
    connection.execute("SET LOCAL max_parallel_workers_per_gather = 8")
    row = connection.execute(QUERIES["begin_step"]).fetchone()
    assert row is not None, "the rebuild is claimed and prepared"
    values = {
        "after": Int8(counted.upto),
        "position": Int8(row[0]),
        "types": list(counted.types),
        "numbers": list(counted.numbers),
    }
    return [
        f"{what}: {in_log} in the log, {in_tables} in the tables"
        for what, in_log, in_tables in connection.execute(load_sql("counts"), values, prepare=False)
        if in_log != in_tables
    ]


class _TooMuchLeft(Exception):
    """Rolls a swap back."""
