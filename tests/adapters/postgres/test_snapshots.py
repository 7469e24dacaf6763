"""Snapshots in the database: what they are bound to, and when they are not used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from adapters.event_log import RecordedLog
from adapters.postgres import snapshots as module
from adapters.postgres.connection import Connection, Pool, connection_from, open_pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.snapshots import PostgresSnapshots
from adapters.threads import CachedThreads
from domain.execution import Execution
from domain.service import ThreadService
from domain.thread import Thread
from tests.fixtures.clock import CountingEntropy, HandClock
from tests.fixtures.faults import Proxy

THREAD = "thr_1"


@pytest.fixture
def log(database: Database, pool: Pool) -> Iterator[RecordedLog]:
    with PostgresLogRecorder(database, pool) as recorder:
        yield RecordedLog(recorder)


@pytest.fixture
def thread(log: RecordedLog) -> Thread:
    """A thread with a running turn and two prompts that wait."""
    threads = CachedThreads(log)
    service = ThreadService(Execution(log, threads, HandClock(), CountingEntropy()))
    service.create(thread_id=THREAD, title="Тред 😀")
    for _ in range(3):
        service.submit(THREAD, "do it", delivery="queue")
    return threads.current(THREAD)


@pytest.fixture
def snapshots(database: Database, pool: Pool) -> PostgresSnapshots:
    return PostgresSnapshots(database, pool)


def count(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM thread_snapshots").fetchone()
    assert row is not None
    return int(row[0])


def test_what_was_saved_is_loaded(snapshots: PostgresSnapshots, thread: Thread) -> None:
    assert snapshots.load(THREAD) is None
    snapshots.save(thread)
    assert snapshots.load(THREAD) == thread
    assert snapshots.load("thr_2") is None


def test_saving_one_does_not_wait_for_a_connection(database: Database, thread: Thread) -> None:
    with open_pool(database, max_connections=1) as pool:
        snapshots = PostgresSnapshots(database, pool)
        with connection_from(pool, database):
            assert not snapshots.save(thread)
        assert snapshots.load(THREAD) is None
        assert snapshots.save(thread)
        assert snapshots.load(THREAD) == thread


def test_through_a_pooler_one_is_saved_for_good(
    database: Database, proxy: Proxy, thread: Thread
) -> None:
    pooled = replace(proxy.database, direct_url=database.url)
    assert pooled.is_pooled
    with open_pool(pooled, max_connections=1) as pool:
        snapshots = PostgresSnapshots(pooled, pool)
        assert snapshots.load(THREAD) is None
        assert snapshots.save(thread)
        proxy.cut()
        assert snapshots.load(THREAD) == thread


def test_a_newer_one_takes_the_place_of_an_older_and_never_the_other_way_round(
    snapshots: PostgresSnapshots, thread: Thread, log: RecordedLog, connection: Connection
) -> None:
    older = CachedThreads(log).current(THREAD)
    service = ThreadService(
        Execution(log, CachedThreads(log), HandClock(), CountingEntropy(seed=2))
    )
    service.submit(THREAD, "more", delivery="queue")
    newer = CachedThreads(log).current(THREAD)
    for state in (older, newer, older):
        snapshots.save(state)
    assert snapshots.load(THREAD) == newer
    assert count(connection) == 1


def test_a_state_of_events_that_are_not_in_this_log_is_neither_kept_nor_used(
    snapshots: PostgresSnapshots, thread: Thread, connection: Connection
) -> None:
    snapshots.save(Thread(THREAD, seq=thread.seq + 1))
    assert count(connection) == 0
    snapshots.save(thread)
    # As after a restore that brought this table back, but not this end of the log.
    connection.execute("UPDATE thread_snapshots SET hash = sha256('another event')")
    assert snapshots.load(THREAD) is None


def test_a_state_of_another_format_is_not_used_and_makes_room(
    snapshots: PostgresSnapshots,
    thread: Thread,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshots.save(thread)
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr(module, "STATE_FORMAT", "of tomorrow")
        assert snapshots.load(THREAD) is None
        snapshots.save(thread)
        assert snapshots.load(THREAD) == thread
    assert snapshots.load(THREAD) is None
    assert count(connection) == 1


@pytest.mark.parametrize("state", ["no JSON", "{}", '{"thread_id": "thr_2", "seq": 13}'])
def test_a_damaged_one_is_not_used(
    snapshots: PostgresSnapshots,
    thread: Thread,
    connection: Connection,
    state: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    snapshots.save(thread)
    connection.execute("UPDATE thread_snapshots SET state = %s", [state])
    assert snapshots.load(THREAD) is None
    assert "damaged" in caplog.text


def test_a_thread_goes_on_from_its_snapshot_as_from_its_whole_log(
    snapshots: PostgresSnapshots, thread: Thread, log: RecordedLog
) -> None:
    snapshots.save(thread)
    threads = CachedThreads(log, snapshots)
    service = ThreadService(Execution(log, threads, HandClock(), CountingEntropy(seed=3)))
    assert thread.turn is not None
    service.finish(THREAD, thread.turn.turn_id, "completed")
    assert threads.current(THREAD) == CachedThreads(log).current(THREAD)
