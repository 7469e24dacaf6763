"""Appends and the leases they need, in every order that PostgreSQL can put them in (L14).

The orders are made by transactions that a test holds open, never by waiting for some time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from adapters.event_log import RecordedLog
from adapters.postgres.batch import Append, Outcome, write_batch
from adapters.postgres.connection import Connection, Pool, connect
from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.queries import load_queries
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.session import WriterSession
from adapters.records import LeaseBeingTaken, LeaseNotHeld, SeqConflict, VersionConflict, Written
from adapters.system import SystemClock, SystemEntropy
from adapters.threads import CachedThreads
from domain.execution import Execution
from domain.ports import Fence, Lease
from domain.service import ThreadService
from tests.adapters.postgres.test_batches import kinds, log_of, wait_for_a_lock, write
from tests.contracts.records import commanded, record, records
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE

TURN, THREAD = "turn_1", "thr_1"


@pytest.fixture
def leases(database: Database, pool: Pool) -> PostgresLeases:
    return PostgresLeases(database, pool)


@pytest.fixture
def other(database: Database) -> Iterator[Connection]:
    """A connection besides the one in which a test holds a transaction open."""
    with connect(database) as opened:
        yield opened


@pytest.fixture
def beside() -> Iterator[Callable[[Callable[[], object]], Future[object]]]:
    """Runs something in a thread of its own."""
    with ThreadPoolExecutor(2) as threads:
        yield threads.submit


def take(leases: PostgresLeases, holder: str = "one", turn_id: str = TURN) -> Lease | None:
    return leases.acquire(turn_id, THREAD, holder, 300)


def lapse(connection: Connection) -> None:
    connection.execute("UPDATE leases SET expires_at = clock_timestamp()")


def fenced(version: int, token: int | None, turn_id: str = TURN) -> Append:
    return Append([record(THREAD, version, stream_id=turn_id)], fence=Fence(turn_id, token))


def test_a_lost_lease_refuses_its_append_alone(
    leases: PostgresLeases, connection: Connection
) -> None:
    take(leases)
    take(leases, turn_id="turn_2")
    outcomes = write(
        connection,
        fenced(1, 1),
        fenced(2, 2),
        Append(records("thr_2", 1, 2)),
        fenced(1, None, "turn_2"),
        fenced(2, 1),
        fenced(1, 1, "turn_2"),
        fenced(1, None, "turn_3"),
        fenced(1, 1, "turn_4"),
    )
    assert kinds(outcomes) == [
        *(Written, LeaseNotHeld, Written, LeaseNotHeld),
        *(Written, Written, Written, LeaseNotHeld),
    ]
    assert [o.details for o in outcomes if isinstance(o, LeaseNotHeld)] == [
        {"turn_id": TURN, "token": 2, "actual": 1},
        {"turn_id": "turn_2", "token": None, "actual": 1},
        {"turn_id": "turn_4", "token": 1, "actual": None},
    ]
    assert [e.id for e in log_of(connection)] == list(range(1, 7))


def test_a_refused_append_leaves_its_numbers_and_its_command_to_those_after_it(
    leases: PostgresLeases, connection: Connection
) -> None:
    take(leases)
    outcomes = write(
        connection,
        Append(commanded(THREAD, 1, "cmd_1"), 0, fence=Fence(TURN)),
        Append(commanded(THREAD, 1, "cmd_1"), 0, fence=Fence(TURN, 1)),
        Append(commanded(THREAD, 3, "cmd_2"), 0, fence=Fence(TURN)),
        Append(commanded(THREAD, 9, "cmd_2"), 2, fence=Fence(TURN, 1)),
    )
    assert kinds(outcomes) == [LeaseNotHeld, Written, SeqConflict, VersionConflict]


def test_a_lease_passes_on_only_when_the_append_it_let_through_can_be_read(
    leases: PostgresLeases,
    connection: Connection,
    other: Connection,
    beside: Callable[[Callable[[], object]], Future[object]],
) -> None:
    """Else who took over would decide on a thread that the worker before still writes to."""
    take(leases)

    def take_over() -> tuple[Lease | None, int]:
        lease = take(leases, "two")
        return lease, len(log_of(other))

    with connection.transaction():
        assert kinds(write(connection, fenced(1, 1))) == [Written]
        lapse(other)
        taking = beside(take_over)
        wait_for_a_lock(connection)
        assert not taking.done()
    assert taking.result(PATIENCE) == (Lease(TURN, THREAD, "two", 2, 300), 1)


def test_a_first_lease_is_taken_only_when_what_was_written_without_one_can_be_read(
    leases: PostgresLeases,
    connection: Connection,
    other: Connection,
    beside: Callable[[Callable[[], object]], Future[object]],
) -> None:
    """There is no row yet that an append could lock."""

    def take_first() -> tuple[Lease | None, int]:
        lease = take(leases)
        return lease, len(log_of(other))

    with connection.transaction():
        assert kinds(write(connection, fenced(1, None))) == [Written]
        taking = beside(take_first)
        wait_for_a_lock(connection)
        assert not taking.done()
    assert taking.result(PATIENCE) == (Lease(TURN, THREAD, "one", 1, 300), 1)


@pytest.mark.parametrize("token", [1, None])
def test_while_somebody_takes_the_lease_its_appends_are_refused_alone_and_at_once(
    leases: PostgresLeases, connection: Connection, other: Connection, token: int | None
) -> None:
    if token:
        take(leases)
        lapse(connection)
    with connection.transaction():
        take_in(connection)
        outcomes = write(other, fenced(1, token), Append(records("thr_2", 1, 2)))
        assert kinds(outcomes) == [LeaseBeingTaken, Written]
    assert kinds(write(other, fenced(1, token))) == [LeaseNotHeld]


def test_one_who_did_not_take_the_lease_in_the_end_was_in_nobody_s_way(
    connection: Connection, other: Connection
) -> None:
    with connection.transaction(force_rollback=True):
        take_in(connection)
        assert kinds(write(other, fenced(1, None))) == [LeaseBeingTaken]
    assert kinds(write(other, fenced(1, None))) == [Written]


def test_a_command_that_meets_who_takes_the_lease_is_tried_again_until_that_is_over(
    database: Database, pool: Pool, connection: Connection
) -> None:
    taking = contextlib.ExitStack()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            taking.close()

    with PostgresLogRecorder(database, pool) as recorder, taking:
        log = RecordedLog(recorder)
        execution = Execution(log, CachedThreads(log), SystemClock(), SystemEntropy(), pause)
        service = ThreadService(execution)
        thread_id = service.create().thread_id
        turn_id = service.submit(thread_id, "go").started_turn_id
        assert turn_id is not None
        taking.enter_context(connection.transaction(force_rollback=True))
        take_in(connection, turn_id)
        assert service.finish(thread_id, turn_id, "completed").ended_turn_id == turn_id
    assert len(pauses) == 3


def test_an_append_under_way_holds_up_neither_a_renewal_nor_who_asks_in_vain(
    leases: PostgresLeases,
    connection: Connection,
    beside: Callable[[Callable[[], object]], Future[object]],
) -> None:
    lease = take(leases)
    assert lease is not None
    with connection.transaction():
        assert kinds(write(connection, fenced(1, 1))) == [Written]
        assert beside(lambda: leases.renew(lease, 300)).result(PATIENCE)
        assert beside(lambda: take(leases, "two")).result(PATIENCE) is None


def test_a_lease_that_runs_out_while_the_append_waits_for_its_turn_refuses_it(
    database: Database,
    leases: PostgresLeases,
    connection: Connection,
    other: Connection,
    beside: Callable[[Callable[[], object]], Future[object]],
) -> None:
    take(leases)
    with connection.transaction():
        connection.execute("SELECT FROM log_head FOR UPDATE")
        writing = beside(lambda: written_beside(database, fenced(1, 1)))
        wait_for_a_lock(connection)
        lapse(other)
    assert isinstance(writing.result(PATIENCE), LeaseNotHeld)


def lost_while_the_lease_passes_on(
    proxy: Proxy, leases: PostgresLeases, connection: Connection, lose: Callable[[bytes], None]
) -> Outcome:
    """The second append of a worker, whose connection and lease are lost at the same moment."""
    take(leases)
    session = WriterSession(proxy.database)
    assert kinds(session.write([fenced(1, 1)])) == [Written]

    def pass_on() -> None:
        lapse(connection)
        assert take(leases, "two")

    proxy.on_strike = pass_on
    lose(b"turn_1")
    [outcome] = session.write([fenced(2, 1)])
    session.close()
    assert proxy.struck.is_set()
    return outcome


def test_a_lost_append_is_sent_again_and_refused_if_the_lease_passed_on_meanwhile(
    proxy: Proxy, leases: PostgresLeases, connection: Connection
) -> None:
    outcome = lost_while_the_lease_passes_on(proxy, leases, connection, proxy.lose_request)
    assert isinstance(outcome, LeaseNotHeld)  # and not AppendOutcomeUnknown: it is certain
    assert len(log_of(connection)) == 1


def test_a_lost_append_that_was_written_is_reported_although_the_lease_passed_on(
    proxy: Proxy, leases: PostgresLeases, connection: Connection
) -> None:
    outcome = lost_while_the_lease_passes_on(proxy, leases, connection, proxy.lose_reply)
    assert isinstance(outcome, Written)
    assert len(log_of(connection)) == 2


def test_leases_of_long_ago_are_restored_by_the_thousand(connection: Connection) -> None:
    """In one transaction, which has room for a few thousand locks."""
    connection.execute(
        "INSERT INTO leases (turn_id, thread_id, holder, token, expires_at)"
        " SELECT 'turn_' || n, 'thr_1', 'gone', 1, '2025-01-01Z' FROM generate_series(1, 20000) n"
    )
    assert connection.execute("SELECT count(*) FROM leases").fetchone() == (20_000,)


def test_a_batch_without_fences_looks_no_lease_up(
    leases: PostgresLeases, connection: Connection
) -> None:
    take(leases)
    connection.execute("SELECT pg_stat_force_next_flush()")
    before = lookups(connection)
    write(connection, Append(records(THREAD, 1, 3)))
    connection.execute("SELECT pg_stat_force_next_flush()")
    assert lookups(connection) == before
    write(connection, fenced(1, 1))
    connection.execute("SELECT pg_stat_force_next_flush()")
    assert lookups(connection) > before


def take_in(connection: Connection, turn_id: str = TURN) -> None:
    """Take the lease in the transaction that this connection has open."""
    values = {"turn_id": turn_id, "thread_id": THREAD, "holder": "two", "seconds": 300}
    row = connection.execute(load_queries("leases.sql")["acquire_lease"], values).fetchone()
    assert row is not None


def written_beside(database: Database, append: Append) -> Outcome:
    with connect(database) as connection:
        [outcome] = write_batch(connection, "beside", [append])
    return outcome


def lookups(connection: Connection) -> int:
    query = "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'leases'"
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
