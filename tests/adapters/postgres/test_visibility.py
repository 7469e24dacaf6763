"""D15: no reader ever sees n+1 before n, also while a writer takes its time (L13)."""

from __future__ import annotations

import threading

from adapters.postgres.batch import Append, Outcome, write_batch
from adapters.postgres.connection import Connection, Pool, connect
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.records import Written
from tests.adapters.postgres.test_batches import wait_for_a_lock
from tests.contracts.log_views import take
from tests.contracts.records import record, records
from tests.fixtures.patience import PATIENCE


def test_a_second_writer_does_not_overtake_one_that_holds_its_transaction_open(
    database: Database, pool: Pool, connection: Connection
) -> None:
    with PostgresLogRecorder(database, pool) as log:
        second = threading.Thread(target=lambda: log.append(records("thr_b", 1, 2)))
        with connection.transaction():
            write_batch(connection, "first", [Append(records("thr_a", 1, 2))])
            second.start()
            wait_for_a_lock(connection)
            # Positions 1 and 2 are allotted and not yet visible; so nothing else is.
            assert log.select_log(limit=10) == []
            assert log.head() == 0
        second.join(PATIENCE)
        assert [(e.id, e.thread_id) for e in log.select_log(limit=10)] == [
            (1, "thr_a"),
            (2, "thr_a"),
            (3, "thr_b"),
            (4, "thr_b"),
        ]


def test_a_transaction_that_is_rolled_back_leaves_no_gap(
    database: Database, pool: Pool, connection: Connection
) -> None:
    with PostgresLogRecorder(database, pool) as log:
        log.append([record("thr_a", 1)])
        with connection.transaction(force_rollback=True):
            [outcome] = write_batch(connection, "first", [Append(records("thr_a", 2, 4))])
        assert isinstance(outcome, Written)
        [entry] = log.append([record("thr_a", 2)])
        assert (entry.id, entry.seq) == (2, 2)


def test_a_subscription_skips_nothing_behind_a_held_transaction(
    database: Database, pool: Pool, connection: Connection
) -> None:
    with PostgresLogRecorder(database, pool) as log, log.subscribe() as subscription:
        others = [
            threading.Thread(target=log.append, args=([record(f"thr_{n}", 1)],)) for n in range(3)
        ]
        with connection.transaction():
            write_batch(connection, "first", [Append([record("thr_held", 1)])])
            for other in others:
                other.start()
            wait_for_a_lock(connection)
        positions = [e.id for e in take(subscription, 4)]
        for other in others:
            other.join(PATIENCE)
    assert positions == [1, 2, 3, 4]


def test_batches_of_several_processes_are_numbered_without_a_gap(database: Database) -> None:
    # A connection stands for a process here: they share nothing but the database.
    outcomes: list[Outcome] = []

    def process(number: int) -> None:
        with connect(database) as own:
            for version in range(1, 31):
                batch = [Append([record(f"thr_{number}_{n}", version)]) for n in range(5)]
                outcomes.extend(write_batch(own, f"{number}.{version}", batch))

    processes = [threading.Thread(target=process, args=(n,)) for n in range(4)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(PATIENCE)
    positions = [o.first_position for o in outcomes if isinstance(o, Written)]
    assert sorted(positions) == list(range(1, 601))
