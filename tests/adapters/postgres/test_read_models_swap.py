"""Putting rebuilt tables in place, while others append, follow and read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from adapters.postgres import swap
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.rebuild import PostgresRebuildSession
from domain.ports import Recorded
from projections import rebuild as policy
from projections.errors import SwapBlocked, SwapRefused
from projections.rebuild import rebuild
from projections.registry import TABLES
from projections.replay import replay
from projections.rows import ThreadRows
from tests.adapters.postgres.test_batches import wait_for_a_lock
from tests.adapters.postgres.test_read_models import conversation
from tests.adapters.postgres.test_read_models_follow import following, is_current
from tests.adapters.postgres.test_read_models_rebuild import fill, has_rebuild_schema
from tests.fixtures.patience import PATIENCE, eventually
from tests.projections.tables import Tables


@contextmanager
def meanwhile(*works: Callable[[], None]) -> Iterator[None]:
    """Those go on, again and again, as long as the block; an error in one of them is raised."""
    stopping = threading.Event()

    def again(work: Callable[[], None]) -> None:
        while not stopping.is_set():
            work()

    with ThreadPoolExecutor(len(works)) as threads:
        running = [threads.submit(again, work) for work in works]
        try:
            yield
        finally:
            stopping.set()
    for done in running:
        done.result()


def everything(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    return {
        table: connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode()).fetchall()
        for table in TABLES
    }


def test_nobody_notices_that_tables_are_swapped(
    tables: Tables, database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends go on, a follower follows, readers read, and five rebuilds swap tables meanwhile."""
    monkeypatch.setattr(policy, "SWAP_ATTEMPTS", 1000)  # readers are slow on a busy machine
    fill(tables, threads=5)
    session = PostgresRebuildSession(database, jobs=2, part_events=20)
    tables.follower.catch_up()
    service = tables.service()
    service.create(thread_id="thr_busy")
    seen: list[int] = []

    def append() -> None:
        service.submit("thr_busy", "more", delivery="queue")

    def read() -> None:
        rows, seq = tables.reader.snapshot("thr_busy")
        history: list[Recorded] = list(tables.log.read_thread("thr_busy", upto_seq=seq))
        assert rows == replay(history)
        seen.append(seq)
        assert len(tables.reader.threads()) >= 5

    with following(tables.database) as running:
        eventually(lambda: is_current(tables))
        with meanwhile(append, read):
            for _ in range(5):
                rebuild(session, tables.log, step_events=50)
        eventually(lambda: is_current(tables))
    # The same as of a quiet log.
    rows = everything(connection)
    rebuild(session, tables.log)
    assert everything(connection) == rows
    assert running.error is None
    assert running.troubles == []
    # What a reader has seen it does not see undone.
    assert seen == sorted(seen)
    assert tables.differences() == []


def test_a_reader_with_a_plan_of_the_old_tables_finds_the_new_ones(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    query = "SELECT count(*) FROM items"
    for _ in range(3):
        assert connection.execute(query, prepare=True).fetchone() == (3,)
    connection.execute("DELETE FROM items")
    rebuild(session, tables.log)
    assert connection.execute(query, prepare=True).fetchone() == (3,)


def test_a_transaction_that_reads_keeps_the_old_tables_until_it_ends(
    tables: Tables,
    session: PostgresRebuildSession,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversation(tables)
    monkeypatch.setattr(policy, "SWAP_ATTEMPTS", 2)
    with connection.transaction():
        connection.execute("SELECT count(*) FROM items")
        with pytest.raises(SwapBlocked, match=r"server process \d+ \(turnlog, idle in transaction"):
            rebuild(session, tables.log)
        # Meanwhile nothing else has to wait.
        tables.service().create(thread_id="thr_2")
        tables.follower.catch_up()
    rebuilt = rebuild(session, tables.log)
    assert rebuilt.resumed_at == rebuilt.position - 1
    assert tables.differences() == []


def test_a_reader_that_ends_in_time_is_waited_for(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    done = threading.Timer(1.0, connection.rollback)
    connection.autocommit = False
    connection.execute("SELECT count(*) FROM items")
    done.start()
    rebuild(session, tables.log)
    done.join()
    connection.autocommit = True


def test_more_events_than_may_be_applied_under_the_lock_are_applied_before(
    tables: Tables, session: PostgresRebuildSession
) -> None:
    fill(tables)
    session.start_over()
    assert session.swap(limit=10) is None
    step = session.step(10)
    assert step is not None
    assert (step.after, step.upto) == (0, 10)


def test_a_failure_in_the_middle_of_a_swap_changes_nothing(
    tables: Tables,
    session: PostgresRebuildSession,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversation(tables)

    def fail(*args: object) -> None:
        raise RuntimeError("the machine is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(swap, "hand_over", fail)
        with pytest.raises(RuntimeError, match="on fire"):
            rebuild(session, tables.log)
    assert tables.differences() == []
    assert has_rebuild_schema(connection)
    # Nothing is locked any more, either.
    tables.service().create(thread_id="thr_2")
    tables.follower.catch_up()
    rebuild(session, tables.log)
    assert tables.differences() == []


def test_a_view_on_the_old_tables_is_not_dropped_with_them(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    connection.execute("CREATE VIEW public.mine AS SELECT count(*) FROM items")
    with pytest.raises(SwapRefused, match=r"view public\.mine depends on table turnlog\.items"):
        rebuild(session, tables.log)
    assert connection.execute("SELECT * FROM public.mine").fetchone() == (3,)
    connection.execute("DROP VIEW public.mine")
    rebuild(session, tables.log)


def test_who_could_read_the_old_tables_can_read_the_new_ones(
    tables: Tables, session: PostgresRebuildSession, connection: Connection, role: str
) -> None:
    conversation(tables)
    reader = sql.Identifier(role)
    grant = "GRANT SELECT ON threads TO {}; GRANT SELECT ON items TO {} WITH GRANT OPTION"
    connection.execute(sql.SQL(grant).format(reader, reader))
    connection.execute("GRANT SELECT ON prompts TO PUBLIC")
    before = grants(connection)
    rebuild(session, tables.log)
    assert grants(connection) == before
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA turnlog TO {}").format(reader))
    connection.execute(sql.SQL("SET ROLE {}").format(reader))
    assert connection.execute("SELECT count(*) FROM items").fetchone() == (3,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT count(*) FROM turns")


def test_grants_on_columns_are_kept_as_far_as_there_are_such_columns(
    tables: Tables, session: PostgresRebuildSession, connection: Connection, role: str
) -> None:
    conversation(tables)
    reader = sql.Identifier(role)
    connection.execute("ALTER TABLE threads ADD COLUMN note text")  # which no rebuild knows
    grant = (
        "GRANT SELECT (thread_id, title, note) ON threads TO {};"
        "GRANT SELECT (item_id), UPDATE (text) ON items TO {} WITH GRANT OPTION;"
        "GRANT SELECT (state) ON prompts TO PUBLIC"
    )
    connection.execute(sql.SQL(grant).format(reader, reader))
    before = column_grants(connection)
    rebuild(session, tables.log)
    assert column_grants(connection) == {grant for grant in before if grant[1] != "note"}
    assert len(before) == 6
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA turnlog TO {}").format(reader))
    connection.execute(sql.SQL("SET ROLE {}").format(reader))
    assert connection.execute("SELECT count(thread_id) FROM threads").fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT archived FROM threads")


def column_grants(connection: Connection) -> set[tuple[object, ...]]:
    """Those on columns alone."""
    query = (
        "SELECT c.relname, t.attname, a.grantee, a.privilege_type, a.is_grantable"
        " FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid,"
        " LATERAL aclexplode(t.attacl) a WHERE c.relnamespace = 'turnlog'::regnamespace"
    )
    return set(connection.execute(query).fetchall())


def grants(connection: Connection) -> set[tuple[object, ...]]:
    query = (
        "SELECT table_name, grantee, privilege_type, is_grantable"
        " FROM information_schema.role_table_grants WHERE table_schema = 'turnlog'"
    )
    return set(connection.execute(query).fetchall())


def test_the_owner_of_the_tables_stays_their_owner(
    tables: Tables, session: PostgresRebuildSession, connection: Connection, role: str
) -> None:
    owner = sql.Identifier(role)
    connection.execute(sql.SQL("GRANT ALL ON SCHEMA turnlog TO {}").format(owner))
    connection.execute(sql.SQL("ALTER TABLE threads OWNER TO {}").format(owner))
    rebuild(session, tables.log)
    query = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'threads'::regclass"
    assert connection.execute(query).fetchone() == (role,)


def test_a_swap_ends_at_the_end_of_the_log(
    tables: Tables,
    session: PostgresRebuildSession,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversation(tables)
    put_in_place = swap.put_in_place

    def nothing_can_be_appended(own: Connection, live: str, made: str) -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("SELECT position FROM log_head FOR UPDATE NOWAIT")
        put_in_place(own, live, made)

    monkeypatch.setattr(swap, "put_in_place", nothing_can_be_appended)
    assert rebuild(session, tables.log).position == tables.recorder.head()


def test_a_reader_that_comes_during_a_swap_sees_nothing_older_than_before(
    tables: Tables,
    session: PostgresRebuildSession,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A snapshot taken before the swap would show the new tables as they were then."""
    conversation(tables)
    session.start_over()
    session.step(5)
    put_in_place = swap.put_in_place
    seen: list[Future[tuple[ThreadRows, int]]] = []

    def with_a_reader(own: Connection, live: str, made: str) -> None:
        seen.append(threads.submit(tables.reader.snapshot, "thr_1"))
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        eventually(lambda: connection.execute(waiting).fetchone() != (0,))
        put_in_place(own, live, made)

    monkeypatch.setattr(swap, "put_in_place", with_a_reader)
    with ThreadPoolExecutor() as threads:
        assert session.swap(1000) == tables.recorder.head()
        _, seq = seen[0].result(PATIENCE)
    assert seq == tables.recorder.head()


def test_an_append_waits_for_the_swap_and_is_not_lost(
    tables: Tables, session: PostgresRebuildSession
) -> None:
    fill(tables)
    session.start_over()
    while not (step := session.step(1000)) or not step.is_last:
        pass
    with connect(tables.database) as connection, ThreadPoolExecutor() as threads:
        with connection.transaction():
            # As a swap has it: the tables first, then the log.
            connection.execute("LOCK TABLE read_models IN ACCESS EXCLUSIVE MODE")
            connection.execute("SELECT position FROM log_head FOR UPDATE")
            appended = threads.submit(tables.service().create, thread_id="thr_late")
            wait_for_a_lock(connection)
            assert not appended.done()
        assert appended.result(PATIENCE).position == tables.recorder.head()
    assert session.swap(1000) == tables.recorder.head()
    assert tables.rows("thr_late").thread is not None
