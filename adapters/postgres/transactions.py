"""Transactions that rely on nothing their session has set.

A pooler in transaction mode hands a session of the server to one client after another. What one
sets for the session (`SET`, `set_config(…, false)`) the next ones get, and it may be gone at one's
own next transaction. So through a pooler everything is set for the transaction, and ends with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from adapters.postgres.database import Database

SESSION_SETTINGS: Final = {
    "timezone": "UTC",
    "datestyle": "ISO",  # the only one in which psycopg reads times
    "default_transaction_isolation": "read committed",
    # A process that hangs in a transaction keeps the server from cleaning up behind everybody.
    "idle_in_transaction_session_timeout": "5min",
}

IMPATIENT: Final = {"idle_in_transaction_session_timeout": "5s"}
"""For transactions that others wait for: with the lock that every append takes, with a lease's
gate, with the state of the read models. A process that is frozen in one (SIGSTOP, a machine that
sleeps, a network that is cut) loses it before the appends of others give up waiting
(`session.LOCK_TIMEOUT`). It may: nothing is computed between two statements of such a transaction,
and an append whose connection was lost is looked up."""

Isolation = Literal["READ COMMITTED", "REPEATABLE READ READ ONLY"]


def session_settings(database: Database) -> Mapping[str, str]:
    """What our sessions rely on."""
    return {**SESSION_SETTINGS, "search_path": sql.Identifier(database.schema).as_string()}


def configure(
    connection: psycopg.Connection[TupleRow], settings: Mapping[str, str], *, local: bool
) -> None:
    """Set all that, for the transaction (`local`) or for the session. One round trip."""
    calls = ", ".join(["set_config(%s, %s, %s)"] * len(settings))
    values = [value for setting in settings.items() for value in (*setting, local)]
    connection.execute(f"SELECT {calls}".encode(), values, prepare=False)


def begin(
    connection: psycopg.Connection[TupleRow],
    database: Database,
    isolation: Isolation = "READ COMMITTED",
    settings: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Begin a transaction in which all of that is set, and `settings`. One round trip."""
    values = {**SESSION_SETTINGS, **settings}
    # SET, and no SELECT of set_config: that would be the query at which a snapshot is taken.
    statements = [
        sql.SQL("BEGIN ISOLATION LEVEL {}").format(sql.SQL(isolation)),
        sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(database.schema)),
        *(
            sql.SQL("SET LOCAL {} TO {}").format(sql.Identifier(name), sql.Literal(value))
            for name, value in values.items()
        ),
    ]
    connection.execute(sql.SQL("; ").join(statements), prepare=False)


@contextlib.contextmanager
def pooled_transaction(
    connection: psycopg.Connection[TupleRow], database: Database, **settings: str
) -> Iterator[None]:
    """Through a pooler: one transaction, with what our sessions rely on, and `settings`.

    Without one it does nothing: there each statement commits by itself, in a session that has been
    set up once.
    """
    if not database.is_pooled:
        yield
        return
    try:
        begin(connection, database, settings=settings)
        yield
    except BaseException:
        with contextlib.suppress(psycopg.Error):  # the first error is the one that tells
            connection.rollback()
        raise
    connection.commit()
