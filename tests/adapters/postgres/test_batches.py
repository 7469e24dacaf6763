"""append_v2: a batch of appends in one statement."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import psycopg
import pytest

from adapters.postgres.batch import Append, Outcome, write_batch
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.names import SQLSTATE_FENCED, SQLSTATE_WRONG_ISOLATION
from adapters.postgres.rows import entry_of
from adapters.records import (
    DuplicateCommand,
    LogEntry,
    SeqConflict,
    VersionConflict,
    Written,
    WrongThread,
)
from tests.contracts.chain import broken_links
from tests.contracts.records import commanded, record, records
from tests.fixtures.patience import PATIENCE, eventually


def write(connection: Connection, *appends: Append) -> list[Outcome]:
    return write_batch(connection, "token", appends)


def log_of(connection: Connection) -> list[LogEntry]:
    rows = connection.execute(
        "SELECT stream_id, version, type, data::text, position, thread_id, seq, command_id,"
        " receipt, recorded_at, hash FROM log ORDER BY position"
    ).fetchall()
    return list(map(entry_of, rows))


def kinds(outcomes: Sequence[Outcome]) -> list[type[Outcome]]:
    return [type(outcome) for outcome in outcomes]


def test_appends_of_a_batch_are_numbered_in_its_order(connection: Connection) -> None:
    appends = [Append(records("thr_a", 1, 2)), Append(records("thr_b", 1, 1))]
    outcomes = write(connection, *appends, Append(records("thr_a", 3, 3)))
    assert [(o.first_position, o.seqs) for o in outcomes if isinstance(o, Written)] == [
        (1, [1, 2]),
        (3, [1]),
        (4, [3]),
    ]
    assert broken_links(log_of(connection)) == []


def test_what_is_returned_is_what_is_stored(connection: Connection) -> None:
    append = Append([*commanded("thr_a", 1, "cmd_1"), record("thr_b", 1)])
    [outcome] = write(connection, append)
    assert isinstance(outcome, Written)
    assert outcome.entries(append.records) == log_of(connection)


def test_a_conflict_fails_alone(connection: Connection) -> None:
    write(connection, Append(records("thr_a", 1, 2)))
    outcomes = write(
        connection,
        Append(records("thr_b", 1, 1)),
        Append(records("thr_a", 2, 3)),
        Append(records("thr_c", 1, 1), 1),
        Append([record("thr_d", 1, stream_id="thr_a")]),
        Append(records("thr_d", 1, 2)),
    )
    assert kinds(outcomes) == [Written, VersionConflict, SeqConflict, VersionConflict, Written]
    entries = log_of(connection)
    assert [(e.id, e.thread_id, e.seq) for e in entries[2:]] == [
        (3, "thr_b", 1),
        (4, "thr_d", 1),
        (5, "thr_d", 2),
    ]
    assert broken_links(entries) == []


def test_two_appends_to_one_thread_in_one_batch_both_go_through(connection: Connection) -> None:
    outcomes = write(
        connection, Append(records("thr_a", 1, 2), 0), Append(records("thr_a", 3, 3), 2)
    )
    assert kinds(outcomes) == [Written, Written]
    assert [e.seq for e in log_of(connection)] == [1, 2, 3]


def test_of_two_decisions_on_the_same_seq_in_one_batch_the_first_wins(
    connection: Connection,
) -> None:
    first = Append([record("thr_a", 1, stream_id="turn_1")], 0)
    second = Append([record("thr_a", 1, stream_id="turn_2")], 0)
    outcomes = write(connection, first, second)
    assert kinds(outcomes) == [Written, SeqConflict]
    assert isinstance(outcomes[1], SeqConflict)
    assert outcomes[1].details["actual"] == 1


def test_of_two_equal_versions_in_one_batch_the_first_wins(connection: Connection) -> None:
    outcomes = write(connection, Append(records("thr_a", 1, 1)), Append(records("thr_a", 1, 1)))
    assert kinds(outcomes) == [Written, VersionConflict]


def test_a_command_that_is_twice_in_one_batch_is_written_once(connection: Connection) -> None:
    outcomes = write(
        connection,
        Append(commanded("thr_a", 1, "cmd_1")),
        Append(commanded("thr_a", 3, "cmd_1")),
        Append(commanded("thr_b", 1, "cmd_1")),
        Append(commanded("thr_a", 3, "cmd_2")),
    )
    assert kinds(outcomes) == [Written, DuplicateCommand, DuplicateCommand, Written]
    assert [e.command_id for e in log_of(connection)] == ["cmd_1"] * 2 + ["cmd_2"] * 2


def test_a_stream_that_began_in_the_batch_belongs_to_its_thread(connection: Connection) -> None:
    outcomes = write(
        connection,
        Append([record("thr_a", 1, stream_id="turn_1")]),
        Append([record("thr_b", 2, stream_id="turn_1")]),
    )
    assert kinds(outcomes) == [Written, WrongThread]


def test_a_refused_append_leaves_its_versions_to_those_after_it(connection: Connection) -> None:
    broken = [record("thr_a", 1), record("thr_a", 2), record("thr_a", 2)]
    broken_start = [record("thr_b", 1, stream_id="turn_1"), record("thr_b", 9)]
    outcomes = write(
        connection,
        Append(broken),
        Append(records("thr_a", 1, 2)),
        Append(broken_start),
        Append([record("thr_c", 0, stream_id="turn_1")]),
    )
    assert kinds(outcomes) == [VersionConflict, Written, VersionConflict, Written]
    assert [(e.thread_id, e.stream_id, e.seq) for e in log_of(connection)] == [
        ("thr_a", "thr_a", 1),
        ("thr_a", "thr_a", 2),
        ("thr_c", "turn_1", 1),
    ]


def test_a_refused_command_may_come_again_in_the_same_batch(connection: Connection) -> None:
    outcomes = write(
        connection,
        Append(commanded("thr_a", 1, "cmd_1"), 5),
        Append(commanded("thr_a", 1, "cmd_1"), 0),
    )
    assert kinds(outcomes) == [SeqConflict, Written]


def test_a_batch_of_refusals_moves_nothing_and_notifies_nobody(
    database: Database, connection: Connection
) -> None:
    with connect(database) as listener:
        listener.execute("LISTEN turnlog")
        outcomes = write(connection, Append(records("thr_a", 2, 2)))
        assert kinds(outcomes) == [VersionConflict]
        write(connection, Append(records("thr_a", 1, 2)), Append(records("thr_b", 1, 1)))
        payloads = [n.payload for n in listener.notifies(timeout=PATIENCE, stop_after=1)]
    assert payloads == ["3"]


def test_one_bad_event_takes_the_whole_statement_with_it(connection: Connection) -> None:
    # So whoever sends batches must send them again one by one.
    with pytest.raises(psycopg.Error):
        write(
            connection,
            Append(records("thr_a", 1, 1)),
            Append([record("thr_b", 1, data=b"[1]")]),
        )
    assert log_of(connection) == []


def test_it_refuses_a_transaction_whose_snapshot_is_older_than_its_lock(
    connection: Connection,
) -> None:
    connection.execute("SET default_transaction_isolation = 'repeatable read'")
    with pytest.raises(psycopg.Error) as refused:
        write(connection, Append(records("thr_a", 1, 1)))
    assert refused.value.sqlstate == SQLSTATE_WRONG_ISOLATION


def test_a_batch_that_was_given_up_is_refused(connection: Connection) -> None:
    connection.execute("SELECT fence_append_v1('token')")
    with pytest.raises(psycopg.Error) as refused:
        write(connection, Append(records("thr_a", 1, 1)))
    assert refused.value.sqlstate == SQLSTATE_FENCED
    assert log_of(connection) == []
    assert kinds(write_batch(connection, "other", [Append(records("thr_a", 1, 1))])) == [Written]


def test_an_append_that_waited_for_its_turn_sees_the_one_before_it(
    database: Database, connection: Connection
) -> None:
    outcomes: list[Outcome] = []

    def second_process() -> None:
        with connect(database) as other:
            outcomes.extend(write_batch(other, "other", [Append(records("thr_a", 3, 3), 2)]))

    waiting = threading.Thread(target=second_process)
    with connection.transaction():
        write(connection, Append(records("thr_a", 1, 2)))
        waiting.start()
        wait_for_a_lock(connection)
    waiting.join(PATIENCE)
    # With a snapshot from before the wait it would see an empty thread: a conflict.
    assert kinds(outcomes) == [Written]
    assert broken_links(log_of(connection)) == []


def wait_for_a_lock(connection: Connection) -> None:
    """Until another session of this database waits for a lock."""
    query = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'"""

    def somebody_waits() -> bool:
        # Statistics are frozen inside a transaction unless asked for anew.
        connection.execute("SELECT pg_stat_clear_snapshot()")
        return connection.execute(query).fetchone() != (0,)

    eventually(somebody_waits)


def test_appends_never_read_the_whole_log_however_it_grew(connection: Connection) -> None:
    # The plans are made while the statistics say that the log is one page, and the session keeps
    # them while it grows.
    connection.execute("ALTER TABLE log SET (autovacuum_enabled = false)")
    write(connection, Append(records("thr_0", 1, 5)))
    connection.execute("VACUUM ANALYZE log")
    for version in range(6, 60):
        batch = [Append([record(f"thr_{n}", version - 5 if n else version)]) for n in range(40)]
        batch += [Append([record(f"thr_{version}_x", 1, command_id="c", receipt="r")])]
        write(connection, *batch)
    connection.execute("SELECT pg_stat_force_next_flush()")
    query = "SELECT seq_scan, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'log'"
    row = connection.execute(query).fetchone()
    assert row is not None
    whole_reads, fetched = row
    assert whole_reads <= 2  # by VACUUM and ANALYZE
    assert fetched <= 60 * 41 * 3
