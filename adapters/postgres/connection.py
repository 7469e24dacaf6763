"""Connections and the pool, with everything a session needs set in one round trip.

Transactions are explicit (`with connection.transaction():`); outside of them each statement
commits by itself, so a connection that waits holds neither locks nor a snapshot.

Behind a pooler in transaction mode a session belongs to nobody for long. Every session of ours
has the same settings, so sharing them among our own processes does no harm, but the server
connections the pooler opens should have them from the start: `ALTER ROLE … IN DATABASE … SET
search_path = turnlog`. Pass `prepare_threshold=None` if the pooler does not follow prepared
statements, and give whatever listens or holds session locks (the follower, migrations) a URL
of the server itself.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
from collections.abc import Iterator

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from adapters.errors import StoreUnavailable, WrongDatabase
from adapters.postgres.database import Database
from adapters.postgres.errors import CHECK_SERVER, translated, unreachable

Connection = psycopg.Connection[TupleRow]
Pool = ConnectionPool[Connection]

APPLICATION_NAME = "turnlog"
MIN_SERVER_VERSION = 15
POOL_TIMEOUT_SECONDS = 30

# Statements before the fifth are sent as they are; later ones are prepared by the driver.
PREPARE_THRESHOLD = 5

SESSION_SETTINGS = {
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
    # A process that hangs in a transaction would hold the lock every append takes.
    "idle_in_transaction_session_timeout": "5min",
}

# Passed to libpq unless the URL says otherwise: notice a server that went away without a word.
NETWORK_OPTIONS = {"keepalives_idle": 30, "keepalives_interval": 10, "tcp_user_timeout": 60_000}


def connect(database: Database, *, prepare_threshold: int | None = PREPARE_THRESHOLD) -> Connection:
    """One connection outside any pool, ready to use, in autocommit mode.

    Raises StoreUnavailable, WrongDatabase.
    """
    try:
        connection: Connection = psycopg.connect(
            _conninfo(database), autocommit=True, prepare_threshold=prepare_threshold
        )
    except psycopg.OperationalError as error:
        raise unreachable(error, database) from error
    try:
        with translated(database):
            prepare_session(connection, database)
    except BaseException:
        connection.close()
        raise
    return connection


def open_pool(
    database: Database,
    *,
    max_connections: int = 8,
    prepare_threshold: int | None = PREPARE_THRESHOLD,
) -> Pool:
    """A pool that has proved that it can connect. Close it when done (or use it in a `with`).

    A connection is checked when it is handed out, so one that died in the pool is replaced.
    Use `lease` to take one with errors translated. Raises StoreUnavailable, WrongDatabase.
    """
    # The pool retries in the background and tells only that time ran out; this tells why.
    connect(database, prepare_threshold=prepare_threshold).close()
    # It also reports each lost connection to a logger, which without a handler prints.
    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
    return ConnectionPool(
        _conninfo(database),
        kwargs={"autocommit": True, "prepare_threshold": prepare_threshold},
        min_size=1,
        max_size=max_connections,
        timeout=POOL_TIMEOUT_SECONDS,
        configure=functools.partial(prepare_session, database=database),
        check=ConnectionPool.check_connection,
        name=APPLICATION_NAME,
        open=True,
    )


def prepare_session(connection: Connection, database: Database) -> None:
    """Set what our sessions rely on, and refuse a server that cannot hold a log.

    Raises WrongDatabase, psycopg.Error.
    """
    settings = {**SESSION_SETTINGS, "search_path": quoted(database.schema)}
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    query = (
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
        f"{calls}"
    )
    values = [text for pair in settings.items() for text in pair]
    row = connection.execute(query.encode(), values, prepare=False).fetchone()
    assert row is not None
    version, encoding = row[0] // 10_000, row[1]
    if version < MIN_SERVER_VERSION:
        why = f"it is PostgreSQL {version}, and turnlog needs {MIN_SERVER_VERSION} or newer"
        raise WrongDatabase(target=database.target, why=why)
    if encoding != "UTF8":
        why = f"its encoding is {encoding}; create one with ENCODING 'UTF8' TEMPLATE template0"
        raise WrongDatabase(target=database.target, why=why)


def quoted(schema: str) -> str:
    """The schema's name as an SQL identifier."""
    return sql.Identifier(schema).as_string()


def _conninfo(database: Database) -> str:
    """The URL with what we want of libpq, unless it says otherwise itself."""
    wanted: dict[str, str | int] = {
        "application_name": APPLICATION_NAME,
        "connect_timeout": max(2, math.ceil(database.connect_timeout_seconds)),
        **NETWORK_OPTIONS,
    }
    given = conninfo_to_dict(database.url)
    missing = {name: value for name, value in wanted.items() if name not in given}
    return make_conninfo(database.url, client_encoding="UTF8", **missing)


@contextlib.contextmanager
def lease(pool: Pool, database: Database) -> Iterator[Connection]:
    """A connection from the pool, with what psycopg raises inside turned into a StoreError."""
    try:
        with translated(database), pool.connection() as connection:
            yield connection
    except PoolTimeout:
        why = f"no connection in {POOL_TIMEOUT_SECONDS} s"
        raise StoreUnavailable(target=database.target, why=why, advice=CHECK_SERVER) from None
