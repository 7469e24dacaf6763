"""A database with a user, on which processes die, and what must hold there whatever they do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from adapters.audit import audit_threads, missing_positions
from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.settings import Settings
from projections.verify import compare_thread
from tests.crashes.process import Given
from tests.crashes.trial import Asked, Stand
from tests.faults.workers import lapse_leases

NAMES: Final = {
    "thread": "thr",
    "command": "cmd",
    "input": "inp",
    "waiting": "inp",
    "asked": "appr",
}


class Site:
    """`user` is somebody else, in a process that never dies."""

    def __init__(self, user: Turnlog, connection: Connection) -> None:
        self.user = user
        self.connection = connection
        self._numbers = itertools.count(1)

    def stand(self, asked: Asked = lambda _what, _given: None) -> Stand:
        """Where processes are started."""
        return Stand(self.user, asked)

    def given(self, **more: str) -> Given:
        """Ids of its own for a trial."""
        number = next(self._numbers)
        return {**{name: f"{prefix}_{name}{number}" for name, prefix in NAMES.items()}, **more}

    def lapse(self) -> None:
        """The time of all leases goes by."""
        lapse_leases(self.connection)

    def expect_all_clean(self) -> None:
        """What `turnlog verify` looks at, and that nobody holds anything."""
        log = self.user
        self.expect_rows_as_the_log_says()
        counted = 0
        threads = log.rows.thread_ids()
        for audit in audit_threads(log.recorder, threads, _unseen, log.snapshots.load):
            assert not audit.findings
            counted += len(audit.history)
        assert not list(missing_positions(log.recorder.head(), counted))

    def expect_rows_as_the_log_says(self) -> None:
        """The read models can follow, and agree with the log; nobody holds anything."""
        log = self.user
        assert log.catch_up() == log.recorder.head()
        for thread_id in log.rows.thread_ids():
            compared = compare_thread(thread_id, log.log, log.rows)
            assert compared.problem is None
            assert not compared.differences, "; ".join(map(str, compared.differences))
        self.expect_nothing_left()

    def expect_nothing_left(self) -> None:
        """No schema of a rebuild, no lock of a session, no transaction of a dead process."""
        schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'turnlog_%'"
        assert self.connection.execute(schemas).fetchall() == []
        held = (
            "SELECT l.locktype, l.mode FROM pg_locks l"
            " WHERE l.pid <> pg_backend_pid() AND l.locktype IN ('advisory', 'relation', 'tuple')"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = 'turnlog')"
        )
        assert self.connection.execute(held).fetchall() == []


def _unseen(_done: int, _total: int) -> None:
    """Nobody watches."""


@contextmanager
def site_on(database: Database) -> Iterator[Site]:
    """A site, for as long as the block lasts."""
    with (
        turnlog_on(OpenDatabase(database), Settings()) as user,
        connect(database) as connection,
    ):
        yield Site(user, connection)
