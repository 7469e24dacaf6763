"""What the server says about itself, for `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated
from adapters.postgres.queries import load_queries

QUERIES: Final = load_queries("health.sql")
OLD_TRANSACTION_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """The server and the database. `durable`: a commit survives the machine's end."""

    version: str
    size_bytes: int
    now: datetime
    standby: bool
    durable: bool
    max_connections: int
    connections: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session: how long its transaction is open, and how many others wait for it.

    `seconds` is None if it has none open (a lock may be the session's), or if we may not know: of
    another role's sessions a role without pg_monitor is told next to nothing.
    """

    pid: int
    application: str
    state: str
    seconds: float | None
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class LogHealth:
    """The log: its last position, its size with indexes, and whether changes are refused."""

    head: int
    size_bytes: int
    append_only: bool


def server_health(database: Database) -> ServerHealth:
    """StoreUnavailable, WrongDatabase."""
    with connect(database) as connection:
        version, size, now, standby, fsync, waits, most, count = _one(
            connection, database, "select_server"
        )
    return ServerHealth(
        str(version).split(maxsplit=1)[0], size, now, standby, fsync and waits, most, count
    )


def blocking_sessions(database: Database) -> list[Session]:
    """Sessions that others wait for, and those whose transaction has been open for minutes."""
    with connect(database) as connection, translated(database):
        blocking = connection.execute(QUERIES["select_sessions"]).fetchall()
        values = {"seconds": OLD_TRANSACTION_SECONDS}
        old = connection.execute(QUERIES["select_old_transactions"], values).fetchall()
    found = [Session(*row) for row in blocking]
    known = {session.pid for session in found}
    return found + [Session(*row) for row in old if row[0] not in known]


def log_health(database: Database) -> LogHealth:
    """NotMigrated if there is no log."""
    with connect(database) as connection:
        head, size = _one(connection, database, "select_log_size")
        (append_only,) = _one(connection, database, "select_append_only")
    return LogHealth(head, size, append_only)


def _one(connection: Connection, database: Database, query: str) -> tuple[Any, ...]:
    with translated(database):
        row = connection.execute(QUERIES[query]).fetchone()
    assert row is not None
    return row
