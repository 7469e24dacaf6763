"""The rows of the read models, for whoever shows them and for `verify`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, TypeVar

from psycopg import sql
from pydantic import ValidationError

from adapters.errors import NotMigrated
from adapters.postgres.connection import Connection, Pool, connection_from, snapshot
from adapters.postgres.damage import damage
from adapters.postgres.database import Database
from adapters.postgres.queries import load_queries
from domain.events.thread import ForkPoint, Origin
from domain.options import ThreadSettings, TurnOptions
from projections.errors import ReadModelsMissing, UnreadableRow
from projections.ports import ReadModelStatus
from projections.registry import KEYS, ROWS
from projections.rows import ApprovalRow, ItemRow, PromptRow, ThreadRow, ThreadRows, TurnRow

QUERIES: Final = load_queries("read_models.sql")

R = TypeVar("R", ThreadRow, TurnRow, ItemRow, PromptRow, ApprovalRow)

_ID_PAGE: Final = 1_000

_FROM_JSON: Final[Mapping[tuple[str, str], Callable[[str], object]]] = {
    ("threads", "settings"): ThreadSettings.model_validate_json,
    ("threads", "origin"): Origin.model_validate_json,
    ("threads", "forked_from"): ForkPoint.model_validate_json,
    ("turns", "options"): TurnOptions.model_validate_json,
    ("items", "detail"): json.loads,
    ("items", "result"): json.loads,
    ("prompts", "options"): TurnOptions.model_validate_json,
    ("approvals", "detail"): json.loads,
}
_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    table: tuple(field.name for field in fields(row_class)) for table, row_class in ROWS.items()
}
_JSON_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    table: tuple(name for of, name in _FROM_JSON if of == table) for table in KEYS
}
_ORDERS: Final[Mapping[str, str]] = {
    "turns": "started_seq",
    "items": "started_seq",
    "prompts": "admitted_seq",
    "approvals": "requested_seq",
}
_PLACE: Final = sql.SQL(
    "CASE WHEN state IN ('pending', 'held') THEN row_number() OVER ("
    "PARTITION BY state IN ('pending', 'held') ORDER BY inbox_key) END AS place"
)


class PostgresReadModels:
    """Reads the tables of one schema. Safe to share between threads; the pool is the caller's.

    Raises UnreadableRow for what somebody has written into them by hand, ReadModelsMissing,
    ReadModelsOutdated and ReadModelsNewer where a table or column that is read is not there,
    NotMigrated, and StoreUnavailable when the database cannot be reached.
    """

    def __init__(self, database: Database, pool: Pool) -> None:
        self._database = database
        self._pool = pool

    def threads(
        self,
        *,
        limit: int = 50,
        archived: bool | None = None,
        imported: bool | None = None,
        before: tuple[datetime, str] | None = None,
    ) -> list[ThreadRow]:
        """Threads, the last changed first; only (not) archived or imported ones if asked for.

        `before` are `updated_at` and `thread_id` of the last row of the page before.
        """
        at, thread_id = before or (None, None)
        query = sql.SQL(
            "SELECT {} FROM threads"
            " WHERE (%(archived)s::boolean IS NULL OR archived = %(archived)s)"
            "   AND (%(imported)s::boolean IS NULL OR (origin IS NOT NULL) = %(imported)s)"
            "   AND (%(at)s::timestamptz IS NULL"
            "        OR (updated_at, thread_id) < (%(at)s, %(thread_id)s::text))"
            " ORDER BY updated_at DESC, thread_id DESC LIMIT %(limit)s"
        ).format(_columns("threads"))
        values = {
            "archived": archived,
            "imported": imported,
            "at": at,
            "thread_id": thread_id,
            "limit": limit,
        }
        with self._connection() as connection:
            rows = connection.execute(query, values, prepare=False).fetchall()
        return [_row(ThreadRow, "threads", row) for row in rows]

    def open_approvals(
        self, *, thread_id: str | None = None, limit: int = 50
    ) -> list[tuple[ApprovalRow, str | None]]:
        """Approvals that somebody has to answer, each with its thread's title; the oldest first.

        Of one thread, if it is named; none of imported threads, which take no answers.
        """
        query = sql.SQL(
            "SELECT {}, (SELECT t.title FROM threads t WHERE t.thread_id = approvals.thread_id)"
            " FROM approvals"
            " WHERE state = 'pending'"
            "   AND (%(thread_id)s::text IS NULL OR thread_id = %(thread_id)s)"
            "   AND NOT EXISTS (SELECT FROM threads t"
            "        WHERE t.thread_id = approvals.thread_id AND t.origin IS NOT NULL)"
            " ORDER BY requested_at, thread_id, requested_seq LIMIT %(limit)s"
        ).format(_columns("approvals"))
        values = {"thread_id": thread_id, "limit": limit}
        with self._connection() as connection:
            rows = connection.execute(query, values, prepare=False).fetchall()
        return [(_row(ApprovalRow, "approvals", row[:-1]), row[-1]) for row in rows]

    def thread(self, thread_id: str) -> ThreadRows | None:
        """A thread with all its rows, of the same moment; None if unknown."""
        rows, _ = self.snapshot(thread_id)
        return rows if rows.thread is not None else None

    def snapshot(self, thread_id: str) -> tuple[ThreadRows, int]:
        """A thread's rows, and the last seq of the thread that they include (0: none)."""
        with self._snapshot() as connection:
            return read_thread(connection, thread_id)

    def thread_ids(self) -> Iterator[str]:
        """Every thread that the log or one of the tables knows, in order; page by page."""
        after = ""
        while True:
            page = self.page_of_ids(after=after, limit=_ID_PAGE)
            yield from page
            if len(page) < _ID_PAGE:
                return
            after = page[-1]

    def page_of_ids(self, *, after: str, limit: int) -> list[str]:
        """The first of `thread_ids` that come after that one."""
        values = {"after": after, "limit": limit}
        with self._connection() as connection:
            query = QUERIES["select_thread_ids"]
            rows = connection.execute(query, values, prepare=False).fetchall()
        return [str(thread_id) for (thread_id,) in rows]

    def status(self) -> ReadModelStatus:
        """How far the tables are, and where they have stopped, if they have."""
        with self._connection() as connection:
            row = connection.execute(QUERIES["select_status"]).fetchone()
        if row is None:
            raise ReadModelsMissing(schema=self._database.schema, why="their state is gone")
        return ReadModelStatus(*row)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._undamaged(), connection_from(self._pool, self._database) as connection:
            yield connection

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        """Where something is missing in the block, the error is what to do about it."""
        try:
            yield
        except NotMigrated as error:
            with connection_from(self._pool, self._database) as connection:
                raise damage(connection, self._database, error) from error

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """A transaction that sees all tables at the same moment."""
        with self._undamaged(), snapshot(self._pool, self._database) as connection:
            # The lock, which only a swap conflicts with, comes before the snapshot, which the first
            # query takes: else a swap between the two would show tables that are not filled yet.
            connection.execute("LOCK TABLE read_models IN ACCESS SHARE MODE")
            yield connection


def read_thread(connection: Connection, thread_id: str) -> tuple[ThreadRows, int]:
    """See `PostgresReadModels.snapshot`; from the tables that the search path finds first."""
    key = {"thread_id": thread_id}
    threads = _select(connection, ThreadRow, "threads", key)
    rows = ThreadRows(
        threads[0] if threads else None,
        tuple(_select(connection, TurnRow, "turns", key)),
        tuple(_select(connection, ItemRow, "items", key)),
        tuple(_select(connection, PromptRow, "prompts", key)),
        tuple(_select(connection, ApprovalRow, "approvals", key)),
    )
    last = connection.execute(QUERIES["select_seq"], key, prepare=False).fetchone()
    return rows, int(last[0]) if last else 0


def _select(
    connection: Connection, row_class: type[R], table: str, key: Mapping[str, object]
) -> list[R]:
    """All rows of a thread."""
    query = sql.SQL("SELECT {} FROM {} WHERE thread_id = %(thread_id)s ORDER BY {}").format(
        _columns(table),
        sql.Identifier(table),
        sql.Identifier(_ORDERS.get(table, KEYS[table])),
    )
    rows = connection.execute(query, key, prepare=False).fetchall()
    return [_row(row_class, table, row) for row in rows]


def _columns(table: str) -> sql.Composable:
    return sql.SQL(", ").join(_column(table, name) for name in _COLUMNS[table])


def _column(table: str, name: str) -> sql.Composable:
    if name == "place":
        return _PLACE
    # JSON as text: the models validate it as they do on reading the log.
    cast = "{}::text" if (table, name) in _FROM_JSON else "{}"
    return sql.SQL(cast).format(sql.Identifier(name))


def _row(row_class: type[R], table: str, values: Sequence[Any]) -> R:
    row = dict(zip(_COLUMNS[table], values, strict=True))
    for name in _JSON_COLUMNS[table]:
        if (text := row[name]) is not None:
            row[name] = _value(name, text, table, row)
    return row_class(**row)


def _value(name: str, text: str, table: str, row: Mapping[str, Any]) -> object:
    try:
        return _FROM_JSON[table, name](text)
    except ValidationError as error:
        why = f"not what it should be ({error.error_count()} problems)"
    except ValueError:
        why = "not readable"
    raise UnreadableRow(table=table, key=row[KEYS[table]], column=name, why=why)
