"""Subscriptions over a connection that comes and goes."""

from __future__ import annotations

import threading

import psycopg
import pytest

from adapters import recorder as recorder_module
from adapters.errors import NotMigrated
from adapters.postgres.connection import Connection, Pool, open_pool
from adapters.postgres.database import Database
from adapters.postgres.notifications import Listener
from adapters.postgres.recorder import PostgresLogRecorder
from tests.contracts.log_views import take
from tests.contracts.records import record, records
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE, eventually


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look only when they are told to."""
    monkeypatch.setattr(recorder_module, "POLL_INTERVAL", 10 * PATIENCE)


def test_a_notification_is_what_wakes_it(database: Database, pool: Pool, patience: None) -> None:
    with PostgresLogRecorder(database, pool) as log, log.subscribe() as subscription:
        for version in range(1, 6):
            log.append([record("thr_a", version)])
            assert [e.id for e in take(subscription, 1)] == [version]


def test_it_looks_every_second_without_a_notification(
    database: Database, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listener, "add", lambda *_: None)
    with PostgresLogRecorder(database, pool) as log, log.subscribe() as subscription:
        for version in range(1, 3):
            log.append([record("thr_a", version)])
            assert [e.id for e in take(subscription, 1)] == [version]


def test_what_comes_between_the_first_look_and_listen_is_seen(
    database: Database, pool: Pool, patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, head = Listener.add, PostgresLogRecorder.head
    has_looked = threading.Event()

    def look(recorder: PostgresLogRecorder) -> int:
        found = head(recorder)
        has_looked.set()
        return found

    def add_late(listener: Listener, event: threading.Event) -> None:
        assert has_looked.wait(PATIENCE)  # the reading thread has, and found nothing
        log.append([record("thr_a", 1)])
        event.clear()  # and nobody told it
        add(listener, event)

    monkeypatch.setattr(PostgresLogRecorder, "head", look)
    monkeypatch.setattr(Listener, "add", add_late)
    with PostgresLogRecorder(database, pool) as log, log.subscribe() as subscription:
        assert [e.id for e in take(subscription, 1)] == [1]


def test_it_goes_on_where_it_was_when_every_connection_is_lost(
    database: Database, proxy: Proxy
) -> None:
    with (
        open_pool(proxy.database) as proxied,
        open_pool(database) as direct,
        PostgresLogRecorder(database, direct) as writer,
        PostgresLogRecorder(proxy.database, proxied) as reader,
        reader.subscribe() as subscription,
    ):
        writer.append(records("thr_a", 1, 2))
        assert [e.id for e in take(subscription, 2)] == [1, 2]
        proxy.stop()
        writer.append(records("thr_a", 3, 5))
        proxy.start()
        writer.append(records("thr_a", 6, 6))
        assert [e.id for e in take(subscription, 4)] == [3, 4, 5, 6]
        proxy.cut()
        writer.append(records("thr_a", 7, 8))
        assert [e.id for e in take(subscription, 2)] == [7, 8]


def test_subscriptions_of_a_process_share_one_connection_and_give_it_back(
    database: Database, pool: Pool, connection: Connection
) -> None:
    def listeners() -> int:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN turnlog'"
            " AND datname = current_database()"
        )
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    with PostgresLogRecorder(database, pool) as log:
        subscriptions = [log.subscribe() for _ in range(5)]
        for subscription in subscriptions:
            subscription.__enter__()
        log.append([record("thr_a", 1)])
        assert [take(s, 1)[0].id for s in subscriptions] == [1] * 5
        eventually(lambda: listeners() == 1)
        for subscription in subscriptions:
            subscription.__exit__()
        eventually(lambda: listeners() == 0)


def test_stopping_does_not_wait_for_the_next_look(
    database: Database, pool: Pool, patience: None
) -> None:
    with PostgresLogRecorder(database, pool) as log:
        subscription = log.subscribe()
        subscription.__enter__()
        log.append([record("thr_a", 1)])
        take(subscription, 1)
        stopping = threading.Thread(target=subscription.__exit__)
        stopping.start()
        stopping.join(PATIENCE)
        assert not stopping.is_alive()


def test_an_error_that_does_not_pass_ends_it(empty_database: Database) -> None:
    with (
        open_pool(empty_database) as pool,
        PostgresLogRecorder(empty_database, pool) as log,
        log.subscribe() as subscription,
        pytest.raises(NotMigrated),
    ):
        next(subscription)


def test_closing_the_log_closes_its_connections(
    database: Database, pool: Pool, connection: Connection
) -> None:
    log = PostgresLogRecorder(database, pool)
    with log.subscribe():
        log.append([record("thr_a", 1)])
        log.close()
    pool.close()
    query = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""

    def others() -> int:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    eventually(lambda: others() == 0)


def test_the_payload_is_the_last_position(database: Database, pool: Pool) -> None:
    with psycopg.connect(database.url, autocommit=True) as listener:
        listener.execute("LISTEN turnlog")
        with PostgresLogRecorder(database, pool) as log:
            log.append(records("thr_a", 1, 3))
        [notification] = listener.notifies(timeout=PATIENCE, stop_after=1)
    assert notification.payload == "3"
