"""A schema to throw away: made anew each time, and never one that somebody else has made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import psycopg
from psycopg import sql

from adapters.errors import StoreError
from adapters.postgres import migrate
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated

MARK: Final = "made by `turnlog demo`, which drops it and makes it anew"
LOCK_NAME: Final = "turnlog.scratch.{schema}"


class ScratchSchemaTaken(StoreError):
    """The schema "{schema}" in the database {target} was not made by turnlog's demo. Rename it, or
    drop it if nobody needs it."""


class ScratchSchemaBusy(StoreError):
    """Another process uses the schema "{schema}" in the database {target} just now. Try again when
    it has ended."""


@contextlib.contextmanager
def scratch_schema(database: Database) -> Iterator[None]:
    """An empty, migrated schema, ours alone for the block; it is left there afterwards.

    Raises ScratchSchemaTaken, ScratchSchemaBusy, and errors of the store.
    """
    with connect(database) as connection:
        with translated(database):
            _claim(connection, database)
        try:
            with translated(database):
                _drop(connection, database)
            migrate.upgrade(database)
            with translated(database):
                _mark(connection, database)
            yield
        finally:
            _let_go(connection)


def _claim(connection: Connection, database: Database) -> None:
    """Until `_let_go`."""
    name = LOCK_NAME.format(schema=database.schema)
    query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
    row = connection.execute(query, [name]).fetchone()
    if row != (True,):
        raise ScratchSchemaBusy(schema=database.schema, target=database.target)


def _let_go(connection: Connection) -> None:
    """At once: after the end of the connection the server may have it for another moment."""
    with contextlib.suppress(psycopg.Error):  # it is lost, and with it the lock
        connection.execute("SELECT pg_advisory_unlock_all()")


def _drop(connection: Connection, database: Database) -> None:
    query = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"
    row = connection.execute(query, [database.schema]).fetchone()
    if row is not None and row[0] != MARK:
        raise ScratchSchemaTaken(schema=database.schema, target=database.target)
    drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(database.schema))
    with connection.transaction():
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(drop)


def _mark(connection: Connection, database: Database) -> None:
    mark = sql.SQL("COMMENT ON SCHEMA {} IS {}")
    connection.execute(mark.format(sql.Identifier(database.schema), sql.Literal(MARK)))
