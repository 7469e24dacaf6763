"""Moves one set of read-model tables on: what following and rebuilding have in common."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Final, Self

import psycopg
from psycopg import Pipeline
from psycopg.types.numeric import Int8

from adapters.errors import NotMigrated, StoreBusy, StoreError, StoreFull, StoreUnavailable
from adapters.postgres.connection import Connection, closed_on_error, connect, quoted
from adapters.postgres.damage import damage, not_ours
from adapters.postgres.database import Database
from adapters.postgres.errors import reason, translated
from adapters.postgres.queries import load_queries
from adapters.postgres.transactions import IMPATIENT, configure
from domain.errors import TurnlogError
from projections.errors import RangeRejected, ReadModelsMissing
from projections.ports import Step, Suspect
from projections.registry import load_sql, steps_for

QUERIES: Final = load_queries("read_models.sql")

STEP_BYTES: Final = 32 * 1024 * 1024
"""What a step reads at most, in bytes of (compressed) event data, however few events that is."""

SESSION_SETTINGS: Final[Mapping[str, str]] = {
    # The statements are planned once for a session, and at that time the tables may be empty. So:
    # by index, always, which is right for any range, and never by a guess of how large it is.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "work_mem": "64MB",
    # Rows and checkpoint are lost together or not at all, and the log has the events.
    "synchronous_commit": "off",
    # What a role or a database sets for short queries would end a part or an index every time.
    "statement_timeout": "0",
    "lock_timeout": "0",
    **IMPATIENT,
}

# Invalid values, violated constraints, limits of the program: the events are to blame.
BLAMES_EVENTS: Final = ("22", "23", "54")
_MISFIT: Final = (
    "what it is about was never begun, or begins a second time, or goes on after its end ({table})"
)
_UNKNOWN: Final = "this turnlog does not know its type or version, or it lacks something"


class TableSession:
    """A connection of its own to the tables of `schema`, opened when needed.

    For one thread at a time. Every method raises StoreError in one of its forms; after a lost
    connection the next call opens another.
    """

    temporary: tuple[type[TurnlogError], ...] = (StoreUnavailable, StoreBusy, StoreFull)
    settings: ClassVar[Mapping[str, str]] = SESSION_SETTINGS

    def __init__(self, database: Database, schema: str) -> None:
        self.database = database
        self.schema = schema
        self._opened: Connection | None = None
        self._is_locking = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as one knows without using it."""
        return self._opened is not None and not self._opened.closed

    def close(self) -> None:
        """Give up every lock, and close the connection."""
        # The end of the connection would do, but only when the server gets to it: who comes next
        # would be told that we are still there.
        if self._is_locking and self.is_connected:
            with contextlib.suppress(StoreError):
                self._one("unlock_all")
        self._drop()

    def step(self, limit: int, *, wait: bool = True) -> Step | None:
        """See `projections.ports.Stepping`."""
        # What begins the transaction goes along with what comes first in it.
        with (
            self.connection() as connection,
            connection.pipeline() as pipeline,
            connection.transaction(),
        ):
            return self._step(connection, pipeline, limit, wait=wait)

    def suspect(self, position: int) -> Suspect:
        """What the event at that position is."""
        row = self._one("select_suspect", position=position)
        assert row is not None, "positions have no gap"
        return Suspect(position, *row)

    def seconds(self) -> float:
        """A clock that only ever goes forward."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Let that time pass."""
        time.sleep(seconds)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The connection, with what psycopg raises inside turned into our errors."""
        try:
            with translated(self.database):
                yield self._connected()
        except NotMigrated as error:
            raise damage(self._connected(), self.database, error, self.schema) from error
        except StoreUnavailable:
            # It may be open still, to a server that became a standby: another one is made next.
            self._drop()
            raise

    def _drop(self) -> None:
        opened, self._opened, self._is_locking = self._opened, None, False
        if opened is not None:
            opened.close()

    def _try_lock(self, name: str) -> bool:
        """Whether this session has the lock of that name; it keeps it until it is closed."""
        row = self._one("try_lock", name=name)
        locked = row is not None and bool(row[0])
        self._is_locking = self._is_locking or locked
        return locked

    def _connected(self) -> Connection:
        if self._opened is None or self._opened.closed:
            self._opened = self._connect()
        return self._opened

    def _connect(self) -> Connection:
        path = ", ".join(
            quoted(schema) for schema in dict.fromkeys([self.schema, self.database.schema])
        )
        connection = connect(self.database)
        with closed_on_error(connection):
            configure(connection, {**self.settings, "search_path": path}, local=False)
        return connection

    def _step(
        self, connection: Connection, pipeline: Pipeline, limit: int, *, wait: bool
    ) -> Step | None:
        begin = QUERIES["begin_step" if wait else "begin_step_unless_busy"]
        # Int8: a small number would be sent as a smallint, and its sum with another overflow.
        bounds = {"events": Int8(limit), "bytes": Int8(STEP_BYTES)}
        state = connection.execute(begin)
        bound = connection.execute(QUERIES["bound_step"], bounds)
        _send(pipeline)
        after = self._checkpoint(state.fetchone(), wait=wait)
        if after is None:
            return None
        row = bound.fetchone()
        assert row is not None
        head, upto, types = int(row[0]), int(row[1] or after), row[2] or ()
        if after > head:
            why = f"they are at position {after}, and the log ends at {head}"
            raise ReadModelsMissing(schema=self.schema, why=why)
        if upto > after:
            self._apply(connection, pipeline, after, upto, steps_for(types))
        return Step(after, upto, head)

    def _checkpoint(self, row: Sequence[Any] | None, *, wait: bool) -> int | None:
        """The checkpoint, locked; None if somebody else has locked it and we do not wait."""
        if row is None:
            if not wait:
                return None
            raise ReadModelsMissing(schema=self.schema, why="their state is gone")
        position, made_by, schema = row
        if schema != self.schema:
            raise ReadModelsMissing(schema=self.schema, why="the schema is gone")
        error = not_ours(made_by, self.schema)
        if error is not None:
            raise error
        return int(position)

    def _apply(
        self,
        connection: Connection,
        pipeline: Pipeline,
        after: int,
        upto: int,
        names: Sequence[str],
    ) -> None:
        # Int8: else a number's size would make another statement of it.
        bounds = {"after": Int8(after), "upto": Int8(upto)}
        try:
            # One way there and back for all of them; what fails undoes the rest.
            answers = [connection.execute(load_sql(n), bounds, prepare=True) for n in names]
            connection.execute(QUERIES["finish_step"], {"upto": Int8(upto)})
            _send(pipeline)
        except psycopg.Error as error:
            if (error.sqlstate or "")[:2] not in BLAMES_EVENTS:
                raise
            raise RangeRejected(first=after + 1, last=upto, why=reason(error)) from error
        found = [answer.fetchone() or (0, 0) for answer in answers]
        if sum(int(taken) for taken, _ in found) != upto - after:
            raise RangeRejected(first=after + 1, last=upto, why=_UNKNOWN)
        for name, (_, missed) in zip(names, found, strict=True):
            if missed:
                why = _MISFIT.format(table=name)
                raise RangeRejected(first=after + 1, last=upto, why=why)

    def _one(self, query: str, **values: object) -> Sequence[Any] | None:
        with self.connection() as connection:
            return connection.execute(QUERIES[query], values).fetchone()


def _send(pipeline: Pipeline) -> None:
    """Send what waits, and take all the answers.

    Not by a pipeline of its own in a block, or by fetching: those ask the server to flush, and then
    it waits for more of the same without a limit, whatever IMPATIENT says, with all its locks.
    """
    try:
        pipeline.sync()
    except psycopg.Error:
        with contextlib.suppress(psycopg.Error):
            pipeline.sync()  # what comes after an error may not have been read
        raise
