"""Connections and the pool, with everything a session needs set in one round trip.

Transactions are explicit (`with connection.transaction():`); outside of them each statement
commits by itself, so a connection that waits holds neither locks nor a snapshot.

Through a pooler in transaction mode (`Database.is_pooled`) a session is ours for one transaction,
and after it somebody else's. There, what a session would have set is set for each transaction
(`begin`), which costs two more round trips and leaves nothing behind, and no statement is prepared.
What needs a session (LISTEN, advisory locks) takes `connect`, which goes past the pooler.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from adapters.errors import BehindPooler, StoreUnavailable, WrongDatabase
from adapters.postgres.database import Database
from adapters.postgres.errors import CHECK_SERVER, translated, unreachable
from adapters.postgres.transactions import IMPATIENT, begin, pooled_transaction, session_settings

Connection = psycopg.Connection[TupleRow]
Pool = ConnectionPool[Connection]

APPLICATION_NAME = "turnlog"
MIN_SERVER_VERSION = 15
POOL_TIMEOUT_SECONDS = 30
# How long the pool tries to connect before it gives up, and tries anew if somebody waits.
RECONNECT_SECONDS = 1.0
# Enough to be handed a connection that nobody uses.
FREE_SECONDS = 0.001

# Statements before the fifth are sent as they are; later ones are prepared by the driver.
PREPARE_THRESHOLD = 5

# Passed to libpq unless the URL says otherwise: notice a server that went away without a word.
NETWORK_OPTIONS = {"keepalives_idle": 30, "keepalives_interval": 10, "tcp_user_timeout": 60_000}


def connect(database: Database) -> Connection:
    """A session of its own outside any pool, ready to use, in autocommit mode.

    Raises StoreUnavailable, WrongDatabase, BehindPooler.
    """
    return _connected(database.direct)


def connect_shared(database: Database) -> Connection:
    """A connection that may lead through a pooler; use it within `pooled_transaction`.

    Without a pooler it is a session like any other. Raises StoreUnavailable, WrongDatabase,
    BehindPooler.
    """
    return _connected(database)


def _connected(database: Database) -> Connection:
    try:
        connection: Connection = psycopg.connect(_conninfo(database), **_options(database))
    except psycopg.OperationalError as error:
        raise unreachable(error, database) from error
    with closed_on_error(connection), translated(database):
        prepare_session(connection, database)
    return connection


def _options(database: Database) -> dict[str, Any]:
    threshold = None if database.is_pooled else PREPARE_THRESHOLD
    return {"autocommit": True, "prepare_threshold": threshold}


@contextlib.contextmanager
def closed_on_error(connection: Connection) -> Iterator[None]:
    """For what a new connection needs before it is of use: without that it is closed."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def open_pool(database: Database, *, max_connections: int = 8) -> Pool:
    """A pool that has proved that it can connect. Close it when done (or use it in a `with`).

    Use `connection_from` to take one: it is checked then, so one that died in the pool is replaced,
    and errors are translated. Raises StoreUnavailable, WrongDatabase, BehindPooler.
    """
    # The pool retries in the background and tells only that time ran out; this tells why.
    _connected(database).close()
    # It also reports each lost connection to a logger, which without a handler prints.
    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
    return ConnectionPool(
        _conninfo(database),
        kwargs=_options(database),
        min_size=1,
        max_size=max_connections,
        timeout=POOL_TIMEOUT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        reconnect_failed=_try_again,
        configure=functools.partial(prepare_session, database=database),
        name=APPLICATION_NAME,
        open=True,
    )


def _try_again(pool: ConnectionPool[Connection]) -> None:
    """While somebody waits the pool goes on connecting, so a server that is back is found in a
    second or two. By itself it begins only when somebody asks, and tries less and less often."""
    if pool.get_stats()["requests_waiting"]:
        pool.check()


def prepare_session(connection: Connection, database: Database) -> None:
    """Set what our sessions rely on, and refuse a server that cannot hold a log.

    Raises WrongDatabase, BehindPooler, psycopg.Error.
    """
    settings = {} if database.is_pooled else session_settings(database)
    looks = [
        "current_setting('server_version_num')::int",
        "current_setting('server_encoding')",
        "pg_backend_pid()",
    ]
    query = f"SELECT {', '.join([*looks, *['set_config(%s, %s, false)'] * len(settings)])}"
    values = [text for pair in settings.items() for text in pair]
    row = connection.execute(query.encode(), values, prepare=False).fetchone()
    assert row is not None
    version, encoding, process = row[0] // 10_000, row[1], row[2]
    if version < MIN_SERVER_VERSION:
        why = f"it is PostgreSQL {version}, and turnlog needs {MIN_SERVER_VERSION} or newer"
        raise WrongDatabase(target=database.target, why=why)
    if encoding != "UTF8":
        why = f"its encoding is {encoding}; create one with ENCODING 'UTF8' TEMPLATE template0"
        raise WrongDatabase(target=database.target, why=why)
    # A pooler answers for many processes of the server, so it names none of them.
    if database.direct_url is None and process != connection.info.backend_pid:
        raise BehindPooler(target=database.target)


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
def connection_from(pool: Pool, database: Database, **settings: str) -> Iterator[Connection]:
    """A connection from the pool, with what psycopg raises inside turned into a StoreError.

    Through a pooler the block is a transaction, with `settings`; otherwise each statement commits
    by itself.
    """
    with _taken(pool, database) as connection, pooled_transaction(connection, database, **settings):
        yield connection


@contextlib.contextmanager
def free_connection(pool: Pool, database: Database) -> Iterator[Connection | None]:
    """The same for what can be left undone: None if no connection is free just now."""
    connection = None
    with translated(database), contextlib.suppress(PoolTimeout):
        connection = _take(pool, FREE_SECONDS)
    if connection is None:
        yield None
        return
    with (
        _lent(connection, pool, database),
        pooled_transaction(connection, database, **IMPATIENT),
    ):
        yield connection


@contextlib.contextmanager
def snapshot(pool: Pool, database: Database) -> Iterator[Connection]:
    """The same in a transaction that reads only, and sees one moment: that of its first query."""
    with _taken(pool, database) as connection:
        begin(connection, database, "REPEATABLE READ READ ONLY")
        yield connection  # the pool ends it


@contextlib.contextmanager
def _taken(pool: Pool, database: Database) -> Iterator[Connection]:
    with translated(database):
        try:
            connection = _take(pool, pool.timeout)
        except PoolTimeout:
            why = f"no connection in {pool.timeout:g} s"
            target = database.target
            raise StoreUnavailable(target=target, why=why, advice=CHECK_SERVER) from None
    with _lent(connection, pool, database):
        yield connection


@contextlib.contextmanager
def _lent(connection: Connection, pool: Pool, database: Database) -> Iterator[None]:
    """It goes back to the pool, and what psycopg raises in the block is translated."""
    with translated(database):
        try:
            with connection:
                yield
        except psycopg.errors.ReadOnlySqlTransaction:
            # A server that became a standby, with its connections: the next one is made anew, and
            # may lead to the primary.
            connection.close()
            raise
        finally:
            pool.putconn(connection)


def _take(pool: Pool, seconds: float) -> Connection:
    """A connection that is alive; PoolTimeout if there was none in that time.

    It is waited for in one go, for whoever asks again stands at the end of the line. Dead ones,
    which a server that was restarted leaves in the pool, are passed over one after the other.
    """
    deadline = time.monotonic() + seconds
    while True:
        connection = pool.getconn(timeout=deadline - time.monotonic())
        try:
            ConnectionPool.check_connection(connection)
        except BaseException as error:
            connection.close()
            pool.putconn(connection)
            if not isinstance(error, psycopg.Error):
                raise
        else:
            return connection
