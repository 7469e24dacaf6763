"""Connections lost during an append: what is reported is what is in the log, and nothing is there
twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest
from eventsourcing.persistence import Tracking

from adapters.errors import AppendOutcomeUnknown, NotMigrated, StoreBusy, StoreUnavailable
from adapters.postgres import session as session_module
from adapters.postgres.batch import Append, Move, Outcome, write_batch
from adapters.postgres.connection import Connection, Pool, open_pool
from adapters.postgres.database import Database
from adapters.postgres.names import SQLSTATE_FENCED
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.session import LogOutOfStep, WriterSession
from adapters.postgres.tracking import PostgresProcessRecorder
from adapters.recorder import LogRecorder
from adapters.records import InvalidRecord, TrackingConflict, VersionConflict, Written
from tests.adapters.postgres.test_batches import kinds, log_of, wait_for_a_lock
from tests.contracts.chain import broken_links
from tests.contracts.log_views import take
from tests.contracts.records import commanded, record, records
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE
from tests.fixtures.server import OwnServer


@pytest.fixture
def log(proxy: Proxy, pool: Pool) -> Iterator[LogRecorder]:
    """A log that appends through the proxy and reads past it."""
    with PostgresLogRecorder(proxy.database, pool) as log:
        log.append(records("thr_before", 1, 2))
        yield log


@pytest.fixture
def session(proxy: Proxy) -> Iterator[WriterSession]:
    """A session through the proxy."""
    yield from session_of(proxy.database, settle_timeout=PATIENCE)


@pytest.fixture
def hasty(proxy: Proxy) -> Iterator[WriterSession]:
    """A session through the proxy that gives up soon."""
    yield from session_of(proxy.database, settle_timeout=1)


def session_of(database: Database, settle_timeout: float) -> Iterator[WriterSession]:
    opened = WriterSession(database, settle_timeout=settle_timeout)
    assert kinds(opened.write([Append(records("thr_before", 1, 2))])) == [Written]
    yield opened
    opened.close()


def test_an_append_that_never_arrived_is_written_once(log: LogRecorder, proxy: Proxy) -> None:
    proxy.lose_request(b"thr_a")
    written = log.append(commanded("thr_a", 1, "cmd_1"), 0)
    assert proxy.struck.is_set()
    assert log.select_thread("thr_a") == written
    assert log.head() == 4


def test_an_append_whose_answer_was_lost_is_reported_as_written(
    log: LogRecorder, proxy: Proxy
) -> None:
    proxy.lose_reply(b"thr_a")
    written = log.append(commanded("thr_a", 1, "cmd_1"), 0)
    assert proxy.struck.is_set()
    assert log.select_thread("thr_a") == written
    assert log.head() == 4


def test_a_refusal_whose_answer_was_lost_is_reported_as_a_refusal(
    log: LogRecorder, proxy: Proxy
) -> None:
    log.append(records("thr_a", 1, 1))
    proxy.lose_reply(b"thr_a")
    with pytest.raises(VersionConflict):
        log.append([record("thr_a", 1, data=b'{"other": 1}')])
    assert proxy.struck.is_set()
    assert log.head() == 3


def test_an_event_that_was_there_before_is_not_taken_for_the_lost_one(
    log: LogRecorder, proxy: Proxy
) -> None:
    event = record("thr_a", 1)
    log.append([event])
    proxy.lose_reply(b"thr_a")
    with pytest.raises(VersionConflict):
        log.append([event])
    assert proxy.struck.is_set()


def test_somebody_elses_event_is_not_taken_for_the_lost_one(
    log: LogRecorder, proxy: Proxy, connection: Connection
) -> None:
    # Another process was faster, with the same version and other data.
    write_batch(connection, "other", [Append([record("thr_a", 1, data=b'{"theirs": 1}')])])
    proxy.lose_reply(b"thr_a")
    with pytest.raises(VersionConflict):
        log.append([record("thr_a", 1, data=b'{"ours": 1}')])
    assert log.head() == 3


def test_every_append_of_a_lost_batch_gets_its_own_outcome(
    session: WriterSession, proxy: Proxy, connection: Connection
) -> None:
    batch = [
        Append(records("thr_a", 1, 3)),
        Append(records("thr_b", 5, 5)),
        Append(commanded("thr_c", 1, "cmd_1"), 0),
        Append(commanded("thr_c", 3, "cmd_1"), 2),
    ]
    proxy.lose_reply(b"thr_a")
    outcomes = session.write(batch)
    assert proxy.struck.is_set()
    assert [type(o).__name__ for o in outcomes] == [
        "Written",
        "VersionConflict",
        "Written",
        "DuplicateCommand",
    ]
    entries = log_of(connection)
    assert [(e.thread_id, e.seq) for e in entries[2:]] == [
        ("thr_a", 1),
        ("thr_a", 2),
        ("thr_a", 3),
        ("thr_c", 1),
        ("thr_c", 2),
    ]
    for append, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, Written):
            assert outcome.entries(append.records) == [
                e for e in entries if e.thread_id == append.records[0].thread_id
            ]


def test_nobody_knows_while_the_database_stays_away(
    hasty: WriterSession, proxy: Proxy, connection: Connection
) -> None:
    proxy.on_strike = proxy.stop
    proxy.lose_reply(b"thr_a")
    [outcome] = hasty.write([Append(records("thr_a", 1, 1))])
    assert isinstance(outcome, AppendOutcomeUnknown)
    assert "Look the command up before sending it again" in str(outcome)
    assert len(log_of(connection)) == 3  # it was written, as it happens


def test_a_database_that_comes_back_in_time_is_asked(
    session: WriterSession, proxy: Proxy, connection: Connection
) -> None:
    def away_for_a_moment() -> None:
        proxy.stop()
        threading.Timer(0.2, proxy.start).start()

    proxy.on_strike = away_for_a_moment
    proxy.lose_reply(b"thr_a")
    [outcome] = session.write([Append(records("thr_a", 1, 1))])
    assert isinstance(outcome, Written)
    assert outcome.entries(records("thr_a", 1, 1)) == log_of(connection)[2:]


def test_a_lost_append_that_the_server_is_still_at_is_waited_for(
    log: LogRecorder, proxy: Proxy, connection: Connection
) -> None:
    entries = []
    caller = threading.Thread(target=lambda: entries.extend(log.append(records("thr_a", 1, 2))))
    with connection.transaction():
        connection.execute("SELECT FROM log_head FOR UPDATE")
        caller.start()
        wait_for_a_lock(connection)
        proxy.cut()  # the server goes on waiting, and will write it
        wait_for_a_lock(connection)
    caller.join(PATIENCE)
    assert log.select_thread("thr_a") == entries
    assert [e.seq for e in entries] == [1, 2]
    assert log.head() == 4


def test_a_lost_append_that_arrives_late_is_refused(
    session: WriterSession, monkeypatch: pytest.MonkeyPatch, connection: Connection
) -> None:
    lost: list[tuple[str, Sequence[Append]]] = []

    def lose_the_first(
        connection: Connection, token: str, appends: Sequence[Append], on_sent: Callable[[], None]
    ) -> list[Outcome]:
        if lost:
            return write_batch(connection, token, appends, on_sent)
        lost.append((token, appends))
        raise psycopg.OperationalError("the network is silent")

    monkeypatch.setattr(session_module, "write_batch", lose_the_first)
    assert kinds(session.write([Append(records("thr_a", 1, 2))])) == [Written]
    # After a day the network delivers it after all.
    [(token, appends)] = lost
    with pytest.raises(psycopg.Error) as refused:
        write_batch(connection, token, appends)
    assert refused.value.sqlstate == SQLSTATE_FENCED
    assert len(log_of(connection)) == 4


def test_an_append_whose_backend_is_terminated_is_written_once(
    log: LogRecorder, connection: Connection
) -> None:
    entries = []
    caller = threading.Thread(target=lambda: entries.extend(log.append(records("thr_a", 1, 2))))
    with connection.transaction():
        connection.execute("SELECT FROM log_head FOR UPDATE")
        caller.start()
        wait_for_a_lock(connection)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        wait_for_a_lock(connection)
    caller.join(PATIENCE)
    assert log.select_thread("thr_a") == entries
    assert [e.seq for e in entries] == [1, 2]


def test_a_connection_that_died_while_idle_costs_nobody_an_append(
    log: LogRecorder, proxy: Proxy
) -> None:
    proxy.cut()
    [entry] = log.append([record("thr_a", 1)])
    assert entry.id == 3


def test_a_connection_that_is_lost_again_and_again_ends_in_an_error(
    log: LogRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> list[Outcome]:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(session_module, "write_batch", lose)
    with pytest.raises(StoreUnavailable, match="lost 3 times"):
        log.append([record("thr_a", 1)])
    assert log.head() == 2


def test_a_crash_of_the_server_loses_no_append_that_was_reported(own_server: OwnServer) -> None:
    database = own_server.database
    with open_pool(database) as pool, PostgresLogRecorder(database, pool) as log:
        with log.subscribe() as subscription:
            before = log.append(records("thr_a", 1, 3))
            own_server.crash()
            with pytest.raises(StoreUnavailable):
                log.append(records("thr_a", 4, 4))
            own_server.start()
            after = log.append(records("thr_a", 4, 5))
            assert take(subscription, 5) == [*before, *after]
        assert broken_links(log.select_log(limit=10)) == []


class TestMoves:
    """Appends that move a follower's position in the same transaction."""

    @pytest.fixture
    def process(self, proxy: Proxy, pool: Pool) -> Iterator[PostgresProcessRecorder]:
        with PostgresProcessRecorder(proxy.database, pool, follower="f") as process:
            process.insert_events([record("thr_before", 1)], tracking=Tracking("up", 1))
            yield process

    def test_neither_is_written_without_the_other(self, process: PostgresProcessRecorder) -> None:
        with pytest.raises(VersionConflict):
            process.insert_events([record("thr_before", 1)], tracking=Tracking("up", 2))
        assert process.max_tracking_id("up") == 1
        with pytest.raises(TrackingConflict):
            process.insert_events([record("thr_a", 1)], tracking=Tracking("up", 1))
        assert process.head() == 1

    @pytest.mark.parametrize("statement", [b"BEGIN", b"thr_a", b"COMMIT"])
    def test_a_lost_request_is_repeated(
        self, process: PostgresProcessRecorder, proxy: Proxy, statement: bytes
    ) -> None:
        proxy.lose_request(statement)
        assert process.insert_events([record("thr_a", 1)], tracking=Tracking("up", 2)) == [2]
        assert proxy.struck.is_set()
        assert (process.head(), process.max_tracking_id("up")) == (2, 2)

    def test_a_lost_answer_to_the_commit_is_looked_up(
        self, process: PostgresProcessRecorder, proxy: Proxy
    ) -> None:
        proxy.lose_reply(b"COMMIT")
        assert process.insert_events([record("thr_a", 1)], tracking=Tracking("up", 2)) == [2]
        assert proxy.struck.is_set()
        assert (process.head(), process.max_tracking_id("up")) == (2, 2)

    def test_a_position_moved_alone_leaves_nothing_to_look_up(
        self, process: PostgresProcessRecorder, proxy: Proxy
    ) -> None:
        proxy.lose_reply(b"COMMIT")
        with pytest.raises(AppendOutcomeUnknown):
            process.insert_events([], tracking=Tracking("up", 2))

    def test_followers_are_told_apart(self, database: Database, pool: Pool) -> None:
        session = WriterSession(database)
        moves = [Move("f", "up", 5), Move("g", "up", 3)]
        outcomes = [session.write([Append([], None, move)]) for move in moves]
        session.close()
        assert [kinds(o) for o in outcomes] == [[Written], [Written]]


class TestAnswers:
    """Errors that the server did report: nothing was written, and nothing needs to be looked up."""

    def test_one_bad_event_is_refused_alone(
        self, session: WriterSession, connection: Connection
    ) -> None:
        outcomes = session.write(
            [
                Append(records("thr_a", 1, 1)),
                Append([record("thr_b", 1, data=b"[1]")]),
                Append([record("thr_c", 1, data=b'{"a": "\\ud800"}')]),
                Append(records("thr_a", 2, 2)),
            ]
        )
        assert kinds(outcomes) == [Written, InvalidRecord, InvalidRecord, Written]
        assert [e.thread_id for e in log_of(connection)[2:]] == ["thr_a", "thr_a"]
        assert "thing.happened for stream thr_b cannot be stored" in str(outcomes[1])

    def test_a_lock_that_is_not_to_be_had_is_busy(
        self, database: Database, connection: Connection
    ) -> None:
        session = WriterSession(database, lock_timeout=0.05)
        with connection.transaction():
            connection.execute("SELECT FROM log_head FOR UPDATE")
            outcomes = session.write([Append(records("thr_a", 1, 1)), Append(records("b", 1, 1))])
        assert kinds(outcomes) == [StoreBusy, StoreBusy]
        assert kinds(session.write([Append(records("thr_a", 1, 1))])) == [Written]
        session.close()

    def test_a_server_that_is_not_there_is_unavailable(self, proxy: Proxy) -> None:
        proxy.stop()
        outcomes = WriterSession(proxy.database).write([Append([record("a")]), Append([])])
        assert kinds(outcomes) == [StoreUnavailable, StoreUnavailable]

    def test_a_schema_that_is_not_there_says_how_to_make_it(self, empty_database: Database) -> None:
        session = WriterSession(empty_database)
        [outcome] = session.write([Append(records("thr_a", 1, 1))])
        session.close()
        assert isinstance(outcome, NotMigrated)

    def test_a_log_written_by_hand_is_noticed(
        self, session: WriterSession, connection: Connection
    ) -> None:
        connection.execute(
            "INSERT INTO log SELECT 3, 'thr_x', 1, 'thr_x', 1, type, data, NULL, NULL,"
            " recorded_at, hash FROM log WHERE position = 1"
        )
        [outcome] = session.write([Append(records("thr_a", 1, 1))])
        assert isinstance(outcome, LogOutOfStep)
        assert "log_pkey" in str(outcome)


def test_settling_waits_for_its_turn_only_so_long(
    hasty: WriterSession, proxy: Proxy, connection: Connection
) -> None:
    outcomes: list[Outcome] = []
    append = Append(records("thr_a", 1, 1))
    caller = threading.Thread(target=lambda: outcomes.extend(hasty.write([append])))
    with connection.transaction():
        connection.execute("SELECT FROM log_head FOR UPDATE")
        caller.start()
        wait_for_a_lock(connection)
        proxy.cut()
        caller.join(PATIENCE)
    assert kinds(outcomes) == [AppendOutcomeUnknown]
