"""Rebuilding the read models: beside those in use, from where it stopped, one at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import LiteralString

import pytest

from adapters.errors import StoreError
from adapters.postgres.connection import Connection
from adapters.postgres.rebuild import PostgresRebuildSession
from projections.errors import (
    PoisonEvent,
    RebuildMismatch,
    RebuildRunning,
    RebuildSchemaTaken,
)
from projections.ports import Progress
from projections.rebuild import rebuild
from projections.registry import TABLES
from tests.adapters.postgres.test_read_models import conversation
from tests.adapters.postgres.test_read_models_follow import leader, poison
from tests.fixtures.catalog import catalog
from tests.fixtures.patience import eventually
from tests.projections.tables import Tables


def has_rebuild_schema(connection: Connection) -> bool:
    query = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%rebuild%'"
    return connection.execute(query).fetchone() != (0,)


def fill(tables: Tables, threads: int = 20) -> None:
    service = tables.service()
    for number in range(threads):
        service.create(thread_id=f"thr_{number}")
        service.submit(f"thr_{number}", "hello", input_id=f"inp_{number}")


def test_a_rebuilt_schema_is_the_migrated_one(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    migrated = catalog(connection, "turnlog")
    comments = described(connection)
    rebuild(session, tables.log)
    assert catalog(connection, "turnlog") == migrated
    assert described(connection) == comments
    assert not has_rebuild_schema(connection)


def described(connection: Connection) -> list[tuple[object, ...]]:
    query = (
        "SELECT c.relname, d.objsubid, d.description FROM pg_description d"
        " JOIN pg_class c ON c.oid = d.objoid WHERE c.relnamespace = 'turnlog'::regnamespace"
        " ORDER BY 1, 2"
    )
    return connection.execute(query).fetchall()


def test_the_tables_of_a_rebuild_in_progress_are_the_migrated_ones(
    session: PostgresRebuildSession, connection: Connection
) -> None:
    session.prepare()
    session.fill(lambda _done, _total: None)

    def lines(schema: str) -> list[str]:
        ours = tuple(f" {table}" for table in TABLES)
        found = [line.replace("SCHEMA.", "") for line in catalog(connection, schema)]
        return [line for line in found if any(name in line for name in ours)]

    assert lines("turnlog_rebuild") == lines("turnlog")


def test_damaged_tables_are_made_good(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    connection.execute("DELETE FROM items; UPDATE prompts SET text = 'x'; DROP TABLE threads")
    rebuilt = rebuild(session, tables.log)
    assert rebuilt.position == tables.recorder.head()
    assert tables.differences() == []
    tables.service().create(thread_id="thr_after")
    tables.follower.catch_up()
    assert tables.rows("thr_after").thread is not None


def test_an_empty_log_is_rebuilt_into_empty_tables(
    tables: Tables, session: PostgresRebuildSession
) -> None:
    assert rebuild(session, tables.log).position == 0
    assert tables.reader.threads() == []


def test_it_tells_how_far_it_is(tables: Tables) -> None:
    fill(tables)
    seen: list[Progress] = []
    with PostgresRebuildSession(tables.database, jobs=2, part_events=50) as session:
        rebuild(session, tables.log, seen.append)
    total = tables.recorder.head()
    done = [p.done for p in seen]
    assert len(done) > 10
    assert done == sorted(done)
    assert {p.total for p in seen} == {total}
    assert done[-1] == total
    assert all(p.events_per_second > 0 for p in seen)
    assert all(p.seconds_left is not None and p.seconds_left >= 0 for p in seen)
    assert seen[-1].seconds_left == 0


def test_what_a_database_sets_for_short_queries_does_not_end_it(
    tables: Tables, connection: Connection
) -> None:
    fill(tables)
    name = connection.info.dbname
    for setting in ("statement_timeout", "lock_timeout"):
        connection.execute(f"ALTER DATABASE {name} SET {setting} = '2s'".encode())
    with PostgresRebuildSession(tables.database, jobs=2, part_events=50) as session:
        with session.connection() as other:
            other.execute("SELECT pg_sleep(2.5)")
            shown = [other.execute(f"SHOW {s}_timeout".encode()).fetchone() for s in ("lock",)]
        assert shown == [("0",)]
        rebuild(session, tables.log)
    assert tables.differences() == []


class Enough(Exception):
    """It has got far enough for a test."""


def begin(tables: Tables, tasks: int, part_events: int = 30) -> int:
    """A rebuild that is interrupted after so many tasks; how far it is then, in events."""
    seen: list[int] = []

    def tell(done: int, _total: int) -> None:
        seen.append(done)
        if len(seen) == tasks:
            raise Enough

    with PostgresRebuildSession(tables.database, part_events=part_events) as session:
        session.prepare()
        with contextlib.suppress(Enough):
            session.fill(tell)
        return session.prepare()


@pytest.mark.parametrize("tasks", [1, 3, 4, 9, 12])
def test_it_goes_on_where_it_was_interrupted(
    tables: Tables, connection: Connection, tasks: int
) -> None:
    fill(tables)
    there = begin(tables, tasks)
    assert 0 < there < tables.recorder.head()
    # The log goes on meanwhile.
    tables.service().submit("thr_0", "more", delivery="queue")
    tables.service().create(thread_id="thr_00")
    with PostgresRebuildSession(tables.database, jobs=2) as session:
        rebuilt = rebuild(session, tables.log)
    assert (rebuilt.resumed_at, rebuilt.position) == (there, tables.recorder.head())
    assert tables.differences() == []
    assert not has_rebuild_schema(connection)


def test_what_an_older_definition_left_is_begun_anew(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    fill(tables)
    begin(tables, 2)
    connection.execute("UPDATE turnlog_rebuild.read_models SET definition = 'of old'")
    assert rebuild(session, tables.log).resumed_at == 0
    assert tables.differences() == []


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE turnlog_rebuild.items",
        "DELETE FROM turnlog_rebuild.read_models",
        "DELETE FROM turnlog_rebuild.rebuild_work",
        # As after a log was restored from a backup: it is shorter now.
        "UPDATE turnlog_rebuild.rebuild_work SET upto = 1000",
        (
            "DROP TABLE turnlog_rebuild.rebuild_work;"
            " UPDATE turnlog_rebuild.read_models SET position = 1000"
        ),
    ],
)
def test_what_is_damaged_is_begun_anew(
    tables: Tables, session: PostgresRebuildSession, connection: Connection, damage: LiteralString
) -> None:
    fill(tables)
    begin(tables, 2)
    connection.execute(damage)
    assert rebuild(session, tables.log).resumed_at == 0
    assert tables.differences() == []


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("DELETE FROM turnlog_rebuild.items", r"items: \d+ in the log, \d+ in the tables"),
        (
            "UPDATE turnlog_rebuild.prompts SET summary = 'x' WHERE thread_id = 'thr_7'",
            r"log \(thread thr_7, prompts, row inp_7, column summary\), so",
        ),
    ],
)
def test_tables_that_do_not_fit_the_log_are_not_put_in_place(
    tables: Tables,
    session: PostgresRebuildSession,
    connection: Connection,
    damage: LiteralString,
    what: str,
) -> None:
    fill(tables)
    tables.follower.catch_up()
    session.prepare()
    session.fill(lambda _done, _total: None)
    connection.execute(damage)
    with pytest.raises(RebuildMismatch, match=what):
        rebuild(session, tables.log)
    assert tables.differences() == []
    assert not has_rebuild_schema(connection)
    assert rebuild(session, tables.log).resumed_at == 0


def test_two_at_once_are_refused(tables: Tables, session: PostgresRebuildSession) -> None:
    with PostgresRebuildSession(tables.database) as first:
        first.claim()
        with pytest.raises(RebuildRunning, match=r"server process \d+, turnlog"):
            rebuild(session, tables.log)
    rebuild(session, tables.log)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE turnlog_rebuild.log (id int)",
        "CREATE TABLE turnlog_rebuild.threads (id int)",
        "CREATE VIEW turnlog_rebuild.v AS SELECT 1 AS one",
    ],
)
def test_a_schema_that_no_rebuild_has_made_is_left_alone(
    tables: Tables,
    session: PostgresRebuildSession,
    connection: Connection,
    statement: LiteralString,
) -> None:
    connection.execute("CREATE SCHEMA turnlog_rebuild")
    connection.execute(statement)
    before = catalog(connection, "turnlog_rebuild")
    with pytest.raises(RebuildSchemaTaken):
        rebuild(session, tables.log)
    assert catalog(connection, "turnlog_rebuild") == before


def test_a_poisonous_event_stops_it_and_what_is_in_use_goes_on(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    fill(tables)
    tables.follower.catch_up()
    position = poison(tables.recorder)
    with pytest.raises(PoisonEvent, match=f"position {position}"):
        rebuild(session, tables.log)
    assert tables.differences() == []
    assert tables.reader.status().failure is None
    # What could be applied is kept, for a turnlog that knows the event.
    row = connection.execute("SELECT position FROM turnlog_rebuild.read_models").fetchone()
    assert row == (position - 1,)


def test_it_can_be_given_up(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    session.prepare()
    session.discard()
    session.discard()
    assert not has_rebuild_schema(connection)


@pytest.mark.parametrize("whose", ["state = 'idle'", "state = 'active'"])
def test_a_lost_connection_ends_it_and_the_next_one_goes_on(
    tables: Tables, connection: Connection, whose: LiteralString
) -> None:
    """That of the one who rebuilds, which is idle during the fill, or that of a part."""
    fill(tables, threads=200)
    cuts: list[int] = []

    def cut(progress: Progress) -> None:
        if len(cuts) < 3:
            killed = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN"
                " (SELECT pid FROM pg_locks WHERE locktype IN ('advisory', 'relation')"
                "   AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database()))"
                f" AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND {whose}"
            ).fetchall()
            cuts.extend(progress.done for _ in killed)

    with (
        PostgresRebuildSession(tables.database, jobs=2, part_events=20) as session,
        pytest.raises(StoreError),
    ):
        rebuild(session, tables.log, cut)
    eventually(lambda: leader(connection) is None)
    with PostgresRebuildSession(tables.database, jobs=2) as session:
        assert rebuild(session, tables.log).resumed_at > 0
    assert tables.differences() == []


REBUILDER = """
import sys
from adapters.event_log import RecordedLog
from adapters.postgres.connection import open_pool
from adapters.postgres.database import Database
from adapters.postgres.rebuild import PostgresRebuildSession
from adapters.postgres.recorder import PostgresLogRecorder
from projections.rebuild import rebuild
database, stop_at, number = Database(sys.argv[1]), int(sys.argv[2]), 0
def tell(progress):
    global number
    number += 1
    print(progress.done, flush=True)
    if number == stop_at:
        sys.stdin.read()
with open_pool(database) as pool, PostgresLogRecorder(database, pool) as recorder:
    with PostgresRebuildSession(database, jobs=2, part_events=20) as session:
        rebuild(session, RecordedLog(recorder), tell, step_events=20)
"""


@pytest.mark.parametrize("tasks", [1, 4, 8, 14])
def test_a_killed_rebuild_goes_on_where_it_was(
    tables: Tables, connection: Connection, tasks: int
) -> None:
    """While its parts are filled, its indexes made, or what needs them is filled."""
    fill(tables, threads=10)
    start = [sys.executable, "-c", REBUILDER, tables.database.url, str(tasks)]
    with subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        reached = [int(other.stdout.readline()) for _ in range(tasks)][-1]
        os.kill(other.pid, signal.SIGKILL)
    # The server may take a moment to notice that the other one is gone.
    eventually(lambda: leader(connection) is None)
    tables.service().create(thread_id="thr_after")
    with PostgresRebuildSession(tables.database, jobs=2) as session:
        rebuilt = rebuild(session, tables.log)
    # Another part may have ended after that was told.
    assert reached <= rebuilt.resumed_at < rebuilt.position
    assert tables.differences() == []
    assert not has_rebuild_schema(connection)
