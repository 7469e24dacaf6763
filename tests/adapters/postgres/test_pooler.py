"""Through PgBouncer in transaction mode: all of it works, and no session keeps anything of ours."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.errors import BehindPooler, StoreUnavailable
from adapters.postgres.connection import connect, connection_from, open_pool
from adapters.postgres.database import Database
from adapters.settings import Settings
from domain.laws import violations
from tests.adapters.cli.harness import Cli
from tests.fixtures.patience import PATIENCE, eventually
from tests.fixtures.pooler import SESSIONS, Pooler

CALLERS = 8
SETTINGS = (
    "search_path",
    "lock_timeout",
    "timezone",
    "datestyle",
    "default_transaction_isolation",
    "idle_in_transaction_session_timeout",
)


@pytest.fixture
def turnlog(pooler: Pooler) -> Iterator[Turnlog]:
    with turnlog_on(OpenDatabase(pooler.database), Settings()) as opened:
        yield opened


def converse(turnlog: Turnlog, prompts: int = 5) -> str:
    """A thread in which so many turns have run."""
    service = turnlog.service
    thread_id = service.create().thread_id
    for number in range(prompts):
        turn_id = service.submit(thread_id, f"prompt {number}").started_turn_id
        assert turn_id is not None
        lease = turnlog.leases.acquire(turn_id, thread_id, "worker", 30)
        assert lease is not None
        assert turnlog.leases.renew(lease, 30)
        service.finish(thread_id, turn_id, "completed", lease=lease)
        turnlog.leases.release(lease)
    return thread_id


def sessions(pooler: Pooler) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody else's connections through the pooler, one in each of its sessions."""
    clients = [psycopg.connect(pooler.unannounced.url) for _ in range(SESSIONS)]
    try:
        for client in clients:  # each holds one by its transaction
            client.execute("SELECT 1")
        yield from clients
    finally:
        for client in clients:
            client.close()


def settings_of(pooler: Pooler) -> set[tuple[object, ...]]:
    """What is set in the pooler's sessions."""
    calls = ", ".join(["current_setting(%s)"] * len(SETTINGS))
    found = set()
    for client in sessions(pooler):
        found.add(client.execute(f"SELECT {calls}".encode(), SETTINGS).fetchone() or ())
    return found


def test_several_threads_share_fewer_sessions(turnlog: Turnlog) -> None:
    with ThreadPoolExecutor(CALLERS) as callers:
        thread_ids = list(callers.map(lambda _: converse(turnlog), range(CALLERS)))
    turnlog.catch_up()
    for thread_id in thread_ids:
        assert violations(turnlog.log.read_thread(thread_id)) == []
        rows = turnlog.rows.thread(thread_id)
        assert rows is not None
        assert [turn.status for turn in rows.turns] == ["completed"] * 5
    assert turnlog.active_turns() == []
    assert len(turnlog.rows.threads(limit=100)) == CALLERS
    events = turnlog.recorder.select_log(limit=10_000)
    assert [event.id for event in events] == list(range(1, turnlog.recorder.head() + 1))


def test_nothing_of_ours_is_left_in_the_sessions(pooler: Pooler) -> None:
    before = settings_of(pooler)
    with turnlog_on(OpenDatabase(pooler.database), Settings()) as turnlog:
        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(lambda _: converse(turnlog), range(CALLERS)))
        turnlog.catch_up()
        turnlog.rebuild(lambda _: None)
        assert settings_of(pooler) == before
    with connect(pooler.direct) as connection:
        query = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        # A session that is over may be there for another moment.
        eventually(lambda: connection.execute(query).fetchone() == (0,))


def test_what_others_leave_in_the_sessions_does_us_no_harm(
    pooler: Pooler, turnlog: Turnlog
) -> None:
    for client in sessions(pooler):
        client.execute("SET search_path = nowhere")
        client.execute("SET default_transaction_isolation = 'serializable'")
        client.execute("SET lock_timeout = '1ms'")
        client.commit()
    with connect(pooler.direct) as direct, direct.transaction():
        # It waits for longer than the others' lock timeout.
        direct.execute("SELECT FROM log_head FOR UPDATE")
        with ThreadPoolExecutor(1) as caller:
            waiting = caller.submit(converse, turnlog, 1)
            eventually(lambda: somebody_waits(pooler.direct))
            direct.execute("ROLLBACK")
            thread_id = waiting.result(PATIENCE)
    turnlog.catch_up()
    assert turnlog.rows.thread(thread_id) is not None


def somebody_waits(database: Database) -> bool:
    """Whether a session waits for a lock."""
    with connect(database) as connection:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        row = connection.execute(query).fetchone()
    return row is not None and row[0] > 0


def test_a_subscriber_is_woken_past_the_pooler(turnlog: Turnlog) -> None:
    woken = threading.Event()
    turnlog.recorder.listen(woken)
    assert woken.wait(PATIENCE), "it looks when it begins to listen"
    woken.clear()
    turnlog.service.create()
    assert woken.wait(PATIENCE)
    turnlog.recorder.unlisten(woken)


def test_nothing_is_prepared_through_it(pooler: Pooler) -> None:
    with open_pool(pooler.database, max_connections=1) as pool:
        for _ in range(20):  # more often than the driver waits before it prepares
            with connection_from(pool, pooler.database) as connection:
                connection.execute("SELECT count(*) FROM log WHERE position > %s", [0])
    for client in sessions(pooler):
        found = client.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        assert found == (0,)


def test_an_error_leaves_the_connection_usable(pooler: Pooler) -> None:
    with open_pool(pooler.database, max_connections=1) as pool:
        with pytest.raises(psycopg.errors.DivisionByZero), pool.connection() as connection:
            connection.execute("SELECT 1 / 0")
        with connection_from(pool, pooler.database) as connection:
            assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)


def test_a_pooler_that_comes_back_loses_and_doubles_nothing(
    pooler: Pooler, turnlog: Turnlog
) -> None:
    stopping = threading.Event()
    began = threading.Barrier(CALLERS + 1)

    def work(_: int) -> list[str]:
        made = [turnlog.service.create().thread_id]
        began.wait(PATIENCE)
        while not stopping.is_set():
            with contextlib.suppress(StoreUnavailable):  # which says that nothing was stored
                made.append(turnlog.service.create().thread_id)
        return made

    with ThreadPoolExecutor(CALLERS) as callers:
        working = [callers.submit(work, number) for number in range(CALLERS)]
        try:
            began.wait(PATIENCE)
            for _ in range(3):
                pooler.stop()
                enough = head_of(pooler.direct) + 2 * CALLERS
                pooler.start()
                eventually(lambda: head_of(pooler.direct) > enough)  # noqa: B023
        finally:
            stopping.set()
        made = [thread_id for work in working for thread_id in work.result(PATIENCE)]
    events = turnlog.recorder.select_log(limit=1_000_000)
    assert sorted(event.thread_id for event in events) == sorted(made)


def head_of(database: Database) -> int:
    with connect(database) as connection:
        row = connection.execute("SELECT position FROM log_head").fetchone()
    assert row is not None
    return int(row[0])


class TestUnannounced:
    """With TURNLOG_DATABASE_URL leading through a pooler, and no TURNLOG_DIRECT_URL."""

    def test_it_is_refused(self, pooler: Pooler) -> None:
        with pytest.raises(BehindPooler, match="TURNLOG_DIRECT_URL"):
            connect(pooler.unannounced)
        with pytest.raises(BehindPooler):
            open_pool(pooler.unannounced)

    def test_a_command_says_what_to_set(self, pooler: Pooler) -> None:
        ran = Cli({"TURNLOG_DATABASE_URL": pooler.unannounced.url})("threads", "--json")
        assert (ran.code, ran.error["code"]) == (1, "behind_pooler")
        assert "TURNLOG_DIRECT_URL" in ran.error["message"]


def test_commands_by_their_settings(pooler: Pooler) -> None:
    cli = Cli(
        {
            "TURNLOG_DATABASE_URL": pooler.unannounced.url,
            "TURNLOG_DIRECT_URL": pooler.direct.url,
        }
    )
    cli("submit", "--new", "hello").ok()
    cli("rebuild").ok()
    cli("verify").ok()
    assert len(cli.document("threads")["threads"]) == 1
    cli("db", "check").ok()
    looked_at = {
        check["name"]: check["state"] for check in json.loads(cli("doctor", "--json").out)["checks"]
    }
    assert looked_at["database"] == looked_at["log"] == "ok"
