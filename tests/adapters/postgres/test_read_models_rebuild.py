"""Rebuilding the read models: beside those in use, from where it stopped, one at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import LiteralString

import pytest

from adapters.errors import StoreError
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
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
from tests.adapters.postgres.test_read_models_follow import eventually, leader, poison
from tests.fixtures.catalog import catalog
from tests.projections.tables import Tables, tables_of


@pytest.fixture
def tables(database: Database) -> Iterator[Tables]:
    with tables_of(database) as opened:
        yield opened


@pytest.fixture
def session(database: Database) -> Iterator[PostgresRebuildSession]:
    with PostgresRebuildSession(database) as opened:
        yield opened


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
    rebuild(session)
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
    rebuilt = rebuild(session)
    assert rebuilt.position == tables.recorder.head()
    assert tables.differences() == []
    tables.service().create(thread_id="thr_after")
    tables.follower.catch_up()
    assert tables.rows("thr_after").thread is not None


def test_an_empty_log_is_rebuilt_into_empty_tables(
    tables: Tables, session: PostgresRebuildSession
) -> None:
    assert rebuild(session).position == 0
    assert tables.reader.threads() == []


def test_it_tells_how_far_it_is(tables: Tables, session: PostgresRebuildSession) -> None:
    fill(tables)
    seen: list[Progress] = []
    rebuild(session, seen.append, step_events=50)
    total = tables.recorder.head()
    assert [p.done for p in seen] == [50, 100, total]
    assert {p.total for p in seen} == {total}
    assert all(p.events_per_second > 0 for p in seen)
    assert [p.seconds_left is not None and p.seconds_left >= 0 for p in seen] == [True] * 3
    assert seen[-1].seconds_left == 0


def test_it_goes_on_where_it_was_interrupted(tables: Tables) -> None:
    fill(tables)
    with PostgresRebuildSession(tables.database) as first:
        first.claim()
        first.prepare()
        first.step(30)
    with PostgresRebuildSession(tables.database) as second:
        rebuilt = rebuild(second)
    assert (rebuilt.resumed_at, rebuilt.position) == (30, tables.recorder.head())
    assert tables.differences() == []


def test_what_an_older_definition_left_is_begun_anew(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    fill(tables)
    session.prepare()
    session.step(30)
    connection.execute("UPDATE turnlog_rebuild.read_models SET definition = 'of old'")
    assert rebuild(session).resumed_at == 0
    assert tables.differences() == []


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE turnlog_rebuild.items",
        "DELETE FROM turnlog_rebuild.read_models",
        "UPDATE turnlog_rebuild.read_models SET position = 1000",
    ],
)
def test_what_is_damaged_is_begun_anew(
    tables: Tables, session: PostgresRebuildSession, connection: Connection, damage: LiteralString
) -> None:
    fill(tables)
    session.prepare()
    session.step(30)
    connection.execute(damage)
    assert rebuild(session).resumed_at == 0
    assert tables.differences() == []


def test_tables_that_do_not_fit_the_log_are_not_put_in_place(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    fill(tables)
    tables.follower.catch_up()
    session.prepare()
    session.step(30)
    connection.execute("DELETE FROM turnlog_rebuild.items")
    with pytest.raises(RebuildMismatch, match=r"items: \d+ in the log, \d+ in the tables"):
        rebuild(session)
    assert tables.differences() == []
    assert not has_rebuild_schema(connection)
    assert rebuild(session).resumed_at == 0


def test_two_at_once_are_refused(tables: Tables, session: PostgresRebuildSession) -> None:
    with PostgresRebuildSession(tables.database) as first:
        first.claim()
        with pytest.raises(RebuildRunning, match=r"server process \d+, turnlog"):
            rebuild(session)
    rebuild(session)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE turnlog_rebuild.log (id int)",
        "CREATE TABLE turnlog_rebuild.threads (id int)",
        "CREATE VIEW turnlog_rebuild.v AS SELECT 1 AS one",
    ],
)
def test_a_schema_that_no_rebuild_has_made_is_left_alone(
    session: PostgresRebuildSession, connection: Connection, statement: LiteralString
) -> None:
    connection.execute("CREATE SCHEMA turnlog_rebuild")
    connection.execute(statement)
    before = catalog(connection, "turnlog_rebuild")
    with pytest.raises(RebuildSchemaTaken):
        rebuild(session)
    assert catalog(connection, "turnlog_rebuild") == before


def test_a_poisonous_event_stops_it_and_what_is_in_use_goes_on(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    fill(tables)
    tables.follower.catch_up()
    position = poison(tables.recorder)
    with pytest.raises(PoisonEvent, match=f"position {position}"):
        rebuild(session)
    assert tables.differences() == []
    assert tables.reader.status().failure is None
    # Only what was done is kept, for a turnlog that knows the event.
    row = connection.execute("SELECT position FROM turnlog_rebuild.read_models").fetchone()
    assert row == (position - 1,)


def test_it_can_be_given_up(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    session.prepare()
    session.discard()
    session.discard()
    assert not has_rebuild_schema(connection)


def test_a_lost_connection_ends_it_and_the_next_one_goes_on(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    fill(tables)

    def cut(progress: Progress) -> None:
        if progress.done == 60:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )

    with pytest.raises(StoreError):
        rebuild(session, cut, step_events=30)
    assert rebuild(session).resumed_at == 60
    assert tables.differences() == []


REBUILDER = """
import sys
from adapters.postgres.database import Database
from adapters.postgres.rebuild import PostgresRebuildSession
from projections.rebuild import rebuild
def tell(progress):
    print(progress.done, flush=True)
    if progress.done >= int(sys.argv[2]):
        sys.stdin.read()
with PostgresRebuildSession(Database(sys.argv[1])) as session:
    rebuild(session, tell, step_events=20)
"""


def test_a_killed_rebuild_goes_on_where_it_was(tables: Tables, connection: Connection) -> None:
    fill(tables)
    start = [sys.executable, "-c", REBUILDER, tables.database.url, "60"]
    with subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert [other.stdout.readline().strip() for _ in range(3)] == ["20", "40", "60"]
        os.kill(other.pid, signal.SIGKILL)
    # The server may take a moment to notice that the other one is gone.
    eventually(lambda: leader(connection) is None)
    with PostgresRebuildSession(tables.database) as session:
        assert rebuild(session).resumed_at == 60
    assert tables.differences() == []
    assert not has_rebuild_schema(connection)
