"""Errors the server gives: each is told clearly, leaves nothing behind, and passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from adapters.errors import StoreBusy, StoreError, StoreForbidden, StoreFull, StoreUnavailable
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from domain.errors import TurnlogError
from tests.faults.callers import Caller, change
from tests.faults.ledger import Ledger
from tests.faults.site import Site
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import eventually

THREADS = ("thr_a", "thr_b")
ERRORS: list[Any] = [
    ("53100", StoreFull, "run out of room"),  # disk full
    ("53200", StoreFull, "run out of room"),  # out of memory
    ("53300", StoreUnavailable, "try again"),  # too many connections
    ("40001", StoreBusy, "Try again"),  # serialization failure
    ("40P01", StoreBusy, "Try again"),  # deadlock
    ("55P03", StoreBusy, "Try again"),  # lock timeout
    ("57014", StoreBusy, "Try again"),  # cancelled
    ("57P01", StoreUnavailable, "lost 3 times"),  # shut down by an administrator
    ("58030", StoreError, "refused"),  # input/output error
]


class Story:
    """A site where appends have gone well so far."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ledger = Ledger()
        self.seq = 0
        self.go_on()

    @property
    def log(self) -> PostgresLogRecorder:
        return self.site.processes[0]

    def go_on(self) -> None:
        """An append goes well, everybody hears of it, and nothing else is in the log."""
        answer = self.append()
        assert isinstance(answer, list), answer
        self.seq = answer[-1].seq
        self.site.expect_all_to_follow(self.ledger.check(self.site.direct), ["thr_a"])

    def append(self) -> object:
        return self.ledger.append(self.log, change("thr_a", self.seq, size=3), self.seq)


@pytest.fixture
def story(site: Site) -> Story:
    return Story(site)


@contextmanager
def trouble(connection: Connection, sqlstate: str, when: str) -> Iterator[None]:
    """Every append ends with this error, when its rows are there or only at its commit."""
    timing = "DEFERRABLE INITIALLY DEFERRED" if when == "commit" else ""
    connection.execute(
        "CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" RAISE EXCEPTION 'trouble' USING ERRCODE = '{sqlstate}'; END $$".encode()
    )
    connection.execute(
        f"CREATE CONSTRAINT TRIGGER trouble AFTER INSERT ON log {timing}"
        " FOR EACH ROW EXECUTE FUNCTION trouble()".encode()
    )
    yield
    connection.execute("DROP FUNCTION trouble() CASCADE")


@pytest.mark.parametrize("when", ["insert", "commit"])
@pytest.mark.parametrize(("sqlstate", "error", "says"), ERRORS)
def test_an_error_of_an_append_leaves_nothing_and_passes(
    story: Story,
    connection: Connection,
    sqlstate: str,
    error: type[TurnlogError],
    says: str,
    when: str,
) -> None:
    with trouble(connection, sqlstate, when):
        answer = story.append()
        assert type(answer) is error
        assert says in str(answer)
        story.ledger.check(story.site.direct)
    story.go_on()


def read_only(database: Database, *, on: bool) -> None:
    """What sessions find from now on, as after a failover to a server that is a standby still."""
    with connect(database) as admin:
        admin.execute("SET default_transaction_read_only = off")  # for this session
        name = admin.info.dbname
        value = "on" if on else "off"
        admin.execute(
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'.encode()
        )


def end_sessions(
    database: Database, function: str = "pg_terminate_backend", but: Connection | None = None
) -> None:
    """Of all others on this database."""
    spared = but.info.backend_pid if but is not None else 0
    with connect(database) as admin:
        admin.execute(
            f"SELECT {function}(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid NOT IN (pg_backend_pid(), %s) AND backend_type = 'client backend'".encode(),
            [spared],
        )


def test_a_server_that_is_read_only_is_not_one_that_lacks_a_privilege(
    story: Story, connection: Connection
) -> None:
    with trouble(connection, "25006", "insert"):
        answer = story.append()
    assert isinstance(answer, StoreError)
    assert not isinstance(answer, StoreForbidden)
    assert "privilege" not in str(answer)


def test_after_a_failover_appends_and_followers_find_the_new_server_by_themselves(
    story: Story, database: Database
) -> None:
    # Who is cut off during an append cannot find out from a standby what became of it.
    story.log._writer._batches._settle_timeout = 0  # type: ignore[attr-defined]
    read_only(database, on=True)
    end_sessions(database)
    try:
        assert isinstance(story.append(), StoreError)
        # The follower has met it too, and must not give up.
        tables = story.site._tables
        eventually(lambda: bool(tables.troubles) or tables.error is not None)
    finally:
        read_only(database, on=False)
    story.go_on()


def test_a_subscription_outlives_a_server_that_is_short_of_memory(
    story: Story, connection: Connection, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    connection.execute(
        "CREATE FUNCTION short() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'out of memory' USING ERRCODE = '53200'; END $$"
    )
    with connection.transaction():
        connection.execute("ALTER TABLE log_head RENAME TO log_head_away")
        connection.execute("CREATE VIEW log_head AS SELECT short() AS position")
    watcher = story.site._watchers[0]
    proxy.cut("listen")  # so that it looks
    with pytest.raises(StoreFull):
        story.log.head()
    eventually(lambda: watcher.error is not None or "waits for the store" in caplog.text)
    with connection.transaction():
        connection.execute("DROP VIEW log_head")
        connection.execute("ALTER TABLE log_head_away RENAME TO log_head")
    story.go_on()


@pytest.mark.parametrize("function", ["pg_cancel_backend", "pg_terminate_backend"])
def test_sessions_that_are_ended_under_load_break_no_promise(
    site: Site, database: Database, random: Random, function: str
) -> None:
    ledger = Ledger()
    callers = [
        Caller(log, ledger, THREADS, Random(random.random()))
        for log in site.processes
        for _ in range(2)
    ]
    with connect(database) as admin, site.at_work([caller.work for caller in callers]):
        for _ in range(8):
            end_sessions(database, function, but=admin)
            wait_for_more(admin)
    site.expect_all_to_follow(ledger.check(site.direct), THREADS)


def wait_for_more(admin: Connection) -> None:
    """Until the log has grown."""

    def head() -> int:
        row = admin.execute("SELECT position FROM log_head").fetchone()
        assert row is not None
        return int(row[0])

    before = head()
    eventually(lambda: head() > before)
