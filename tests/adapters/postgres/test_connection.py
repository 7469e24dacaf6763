"""Connections: what a session has set, and what is said about a database that will not do."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import cast

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from adapters.errors import (
    InvalidDatabaseUrl,
    NotMigrated,
    StoreBusy,
    StoreError,
    StoreForbidden,
    StoreFull,
    StoreUnavailable,
    WrongDatabase,
)
from adapters.postgres.connection import Connection, Pool, connect, connection_from, open_pool
from adapters.postgres.database import Database, describe
from adapters.postgres.errors import translate, translated
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE, eventually
from tests.fixtures.ports import port_of, reserved
from tests.fixtures.server import OwnServer, with_database

SECRET = "ge-heim"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, taken for as long as the test runs."""
    with reserved() as place:
        yield port_of(place)


def test_a_session_finds_our_tables_in_the_schema_and_nowhere_else(database: Database) -> None:
    other = Database(database.url, schema="my_schema")
    with connect(other) as connection:
        assert connection.execute("SHOW search_path").fetchone() == ('"my_schema"',)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SHOW application_name").fetchone() == ("turnlog",)


def test_settings_survive_a_transaction_that_is_rolled_back(pool: Pool, database: Database) -> None:
    with connection_from(pool, database) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("SELECT 1 / 0")
        assert connection.execute("SHOW search_path").fetchone() == ('"turnlog"',)


def test_the_url_may_set_what_we_would_set(database: Database) -> None:
    named = Database(
        f"{database.url}&application_name=mine"
        if "?" in database.url
        else f"{database.url}?application_name=mine"
    )
    with connect(named) as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("mine",)


def test_times_are_read_in_whatever_style_a_role_likes_them(database: Database) -> None:
    sign = "&" if "?" in database.url else "?"
    german = Database(f"{database.url}{sign}options=-cdatestyle%3DGerman")
    with connect(german) as connection:
        row = connection.execute("SELECT '2026-11-21 15:00Z'::timestamptz").fetchone()
        assert row == (datetime(2026, 11, 21, 15, tzinfo=UTC),)


@pytest.mark.parametrize("open_one", [connect, open_pool])
def test_an_unreachable_server_is_named_without_its_password(
    open_one: object, closed_port: int
) -> None:
    assert callable(open_one)
    database = Database(f"postgresql://app:{SECRET}@127.0.0.1:{closed_port}/orders")
    with pytest.raises(StoreUnavailable) as caught:
        open_one(database)
    message = caught.value.message
    assert f"orders at 127.0.0.1:{closed_port} (as app)" in message
    assert "TURNLOG_DATABASE_URL" in message
    assert SECRET not in message + repr(database)


def test_a_database_that_does_not_exist_is_named(server_url: str) -> None:
    with pytest.raises(StoreUnavailable, match='"no_such_database" does not exist'):
        connect(Database(with_database(server_url, "no_such_database")))


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://app:{SECRET}@host/orders",
        f"postgresql://app:{SECRET}/2@host/orders",
        f"postgresql://app:12/{SECRET}@host/orders",
        f"postgresql://app:x@{SECRET}@host/orders",
        f"postgresql://host/orders?no_such_option={SECRET}",
        f"host=here password={SECRET}",
        "",
    ],
)
def test_a_url_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as caught:
        Database(url)
    assert caught.value.message.startswith("TURNLOG_DATABASE_URL is not")
    assert SECRET not in caught.value.message
    assert SECRET not in repr(caught.value.__cause__)
    with pytest.raises(InvalidDatabaseUrl) as caught:
        Database("postgresql://pooler/orders", direct_url=url)
    assert caught.value.message.startswith("TURNLOG_DIRECT_URL is not")
    assert SECRET not in caught.value.message


def test_what_needs_a_session_goes_past_the_pooler() -> None:
    pooler, server = "postgresql://pooler/orders", f"postgresql://app:{SECRET}@server/orders"
    plain, pooled = Database(pooler), Database(pooler, direct_url=server)
    assert (plain.direct, plain.is_pooled) == (plain, False)
    assert (pooled.direct.url, pooled.is_pooled) == (server, True)
    assert pooled.direct.target == "orders at server:5432 (as app)"
    assert not pooled.direct.is_pooled
    assert not Database(pooler, direct_url=pooler).is_pooled, "a pooler that keeps sessions"
    assert SECRET not in repr(pooled)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://app:p@db.example/orders", "orders at db.example:5432 (as app)"),
        ("postgres://db.example:6000/orders", "orders at db.example:6000"),
        ("postgresql://a:1,b:2/x", "x at a,b:1,2"),
        ("postgresql:///x?host=/run/pg&user=me", "x at /run/pg (as me)"),
        ("postgresql://", "the default database at the default host:5432"),
    ],
)
def test_a_database_is_described_in_words(url: str, words: str) -> None:
    assert describe(url) == words


def test_another_encoding_is_refused(own_server: OwnServer) -> None:
    with connect(own_server.database) as connection:
        connection.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 "
            "LOCALE_PROVIDER libc LOCALE 'C'"
        )
    with pytest.raises(WrongDatabase, match="encoding is LATIN1"):
        connect(Database(with_database(own_server.database.url, "latin")))


def test_a_pool_replaces_connections_that_died(proxy: Proxy) -> None:
    with open_pool(proxy.database) as pool:
        for _ in range(3):
            with connection_from(pool, proxy.database) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            proxy.cut()


class NoneFree:
    """A pool of which every connection is in use; it notes how often it was asked for one."""

    timeout = 3.0

    def __init__(self) -> None:
        self.asked = 0

    def getconn(self, timeout: float) -> Connection:
        assert timeout <= self.timeout
        self.asked += 1
        raise PoolTimeout


def test_who_waits_for_a_connection_keeps_the_place_in_the_line(database: Database) -> None:
    """A pool serves those first who asked first, so one must not ask again."""
    pool = NoneFree()
    with (
        pytest.raises(StoreUnavailable, match="no connection in 3 s"),
        connection_from(cast("Pool", pool), database),
    ):
        pass
    assert pool.asked == 1


def test_who_waits_while_the_server_is_away_has_a_connection_when_it_is_back(proxy: Proxy) -> None:
    with open_pool(proxy.database, max_connections=1) as pool, ThreadPoolExecutor() as threads:
        pool.timeout = PATIENCE
        proxy.stop()

        def ask() -> tuple[object, ...] | None:
            with connection_from(pool, proxy.database) as connection:
                return connection.execute("SELECT 1").fetchone()

        waiting = threads.submit(ask)
        # By itself the pool gives up after three of them at most.
        eventually(lambda: pool.get_stats().get("connections_errors", 0) > 3)
        proxy.start()
        assert waiting.result(PATIENCE) == (1,)


def test_a_connection_cut_in_the_middle_is_the_store_being_away(proxy: Proxy) -> None:
    with connect(proxy.database) as connection:
        proxy.cut()
        with pytest.raises(StoreUnavailable), translated(proxy.database):
            connection.execute("SELECT 1")


def test_a_lost_request_never_happened_and_a_lost_reply_did(
    proxy: Proxy, connection: Connection
) -> None:
    connection.execute("CREATE TABLE public.seen (what text)")
    for lose in (proxy.lose_request, proxy.lose_reply):
        lose(b"INSERT")
        with pytest.raises(psycopg.OperationalError), connect(proxy.database) as client:
            client.execute("INSERT INTO public.seen VALUES (%s)", (lose.__name__,))
        assert proxy.struck.is_set()
    assert connection.execute("SELECT what FROM public.seen").fetchall() == [("lose_reply",)]


def test_a_stopped_proxy_refuses_and_can_come_back(proxy: Proxy) -> None:
    proxy.stop()
    with pytest.raises(StoreUnavailable, match="refused"):
        connect(proxy.database)
    proxy.start()
    connect(proxy.database).close()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.UndefinedTable, NotMigrated),
        (psycopg.errors.DeadlockDetected, StoreBusy),
        (psycopg.errors.LockNotAvailable, StoreBusy),
        (psycopg.errors.InsufficientPrivilege, StoreForbidden),
        (psycopg.errors.ReadOnlySqlTransaction, StoreUnavailable),
        (psycopg.errors.DiskFull, StoreFull),
        (psycopg.errors.TooManyConnections, StoreUnavailable),
        (psycopg.errors.AdminShutdown, StoreUnavailable),
        (psycopg.errors.InvalidPassword, StoreUnavailable),
        (psycopg.OperationalError, StoreUnavailable),
        (psycopg.InterfaceError, StoreUnavailable),
        (psycopg.errors.DivisionByZero, StoreError),
        (psycopg.ProgrammingError, StoreError),
    ],
)
def test_errors_are_told_apart_by_their_code(
    error: type[psycopg.Error], expected: type[StoreError]
) -> None:
    assert type(translate(error("why"), Database("postgresql://h/d"))) is expected


def test_the_servers_detail_stays_behind(database: Database, pool: Pool) -> None:
    """It quotes rows, and rows are people's words."""
    with connection_from(pool, database) as connection:
        connection.execute("CREATE TABLE public.words (word text PRIMARY KEY)")
    insert = "INSERT INTO public.words VALUES ('intimate'), ('intimate')"
    with pytest.raises(StoreError) as caught, connection_from(pool, database) as connection:
        connection.execute(insert)
    assert "words_pkey" in caught.value.message
    assert "intimate" not in caught.value.message
