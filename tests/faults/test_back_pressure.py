"""A database that stands still: who may wait, who is turned away, and what becomes of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from psycopg import sql

from adapters.errors import StoreBusy, StoreUnavailable
from adapters.postgres.connection import Connection, Pool, open_pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.writer import WriterClosed
from tests.adapters.postgres.test_batches import wait_for_a_lock
from tests.adapters.postgres.test_rights import grants
from tests.faults.callers import change
from tests.faults.ledger import Ledger
from tests.fixtures.faults import Fault, Proxy
from tests.fixtures.patience import PATIENCE, eventually
from tests.fixtures.roles import as_role

MAX_WAITING = 3


class Crowd:
    """A log with room for three who wait, and callers, each with a thread of its own."""

    def __init__(self, log: PostgresLogRecorder, executor: ThreadPoolExecutor) -> None:
        self.log = log
        self.ledger = Ledger()
        self._executor = executor
        self._count = 0
        log._writer._max_waiting = MAX_WAITING
        log._writer._batches._lock_timeout = PATIENCE  # type: ignore[attr-defined]

    def append(self) -> object:
        self._count += 1
        return self.ledger.append(self.log, change(f"thr_{self._count}", 0), 0)

    def fill_up(self, is_held: threading.Event | None = None) -> list[Future[object]]:
        """One append is on its way, and as many wait as may."""
        writer = self.log._writer
        first = self._executor.submit(self.append)
        eventually(lambda: writer._leader is not None and not writer._waiting)
        if is_held is not None:
            assert is_held.wait(PATIENCE)
        others = [self._executor.submit(self.append) for _ in range(MAX_WAITING)]
        eventually(lambda: len(writer._waiting) == MAX_WAITING)
        return [first, *others]


@pytest.fixture
def crowd(proxy: Proxy, pool: Pool) -> Iterator[Crowd]:
    with (
        ThreadPoolExecutor(MAX_WAITING + 2) as executor,
        PostgresLogRecorder(proxy.database, pool) as log,
    ):
        crowd = Crowd(log, executor)
        assert isinstance(crowd.append(), list)
        yield crowd


@contextmanager
def held_up(
    crowd: Crowd, how: str, proxy: Proxy, connection: Connection
) -> Iterator[list[Future[object]]]:
    """The database stands still for the length of the block, and callers wait for it."""
    if how == "locked":
        with connection.transaction():
            connection.execute("SELECT FROM log_head FOR UPDATE")
            waiting = crowd.fill_up()
            wait_for_a_lock(connection)
            yield waiting
        return
    proxy.arm(Fault("silence", "append"))
    try:
        yield crowd.fill_up(proxy.struck)
    finally:
        if how == "cut":
            proxy.cut()
        proxy.resume()


HOW = pytest.mark.parametrize("how", ["stalled", "cut", "locked"])


@HOW
def test_past_its_bound_it_turns_away_and_who_waits_gets_an_outcome(
    crowd: Crowd, proxy: Proxy, connection: Connection, how: str
) -> None:
    with held_up(crowd, how, proxy, connection) as waiting:
        refused = crowd.append()
        assert isinstance(refused, StoreBusy)
        assert "3 appends are waiting already" in str(refused)
        assert not any(future.done() for future in waiting)
    assert all(isinstance(future.result(PATIENCE), list) for future in waiting)
    assert isinstance(crowd.append(), list)
    assert len(crowd.ledger.check(crowd.log)) == 6


@HOW
def test_closing_waits_for_those_who_wait(
    crowd: Crowd, proxy: Proxy, connection: Connection, how: str
) -> None:
    closing = threading.Thread(target=crowd.log.close)
    with held_up(crowd, how, proxy, connection) as waiting:
        closing.start()
        eventually(lambda: crowd.log._writer._is_closed)
        assert isinstance(crowd.append(), WriterClosed)
        assert closing.is_alive()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert all(isinstance(future.result(PATIENCE), list) for future in waiting)
    assert len(crowd.ledger.check(crowd.log)) == 5


def test_a_lock_that_is_held_for_too_long_is_told_to_each_who_waited(
    crowd: Crowd, proxy: Proxy, connection: Connection
) -> None:
    crowd.log._writer._batches._lock_timeout = 0.05  # type: ignore[attr-defined]
    proxy.cut()  # it counts for new connections
    with held_up(crowd, "locked", proxy, connection) as waiting:
        answers = [future.result(PATIENCE) for future in waiting]
    assert [type(answer) for answer in answers] == [StoreBusy] * 4
    assert all("nothing was written" in str(answer) for answer in answers)
    assert isinstance(crowd.append(), list)
    assert len(crowd.ledger.check(crowd.log)) == 2


def test_too_many_connections_are_told_and_pass(
    database: Database, connection: Connection, role: str
) -> None:
    """Of a role that may connect once, and do what the manual says."""
    for statement in grants():
        connection.execute(re.sub(r"\bapp\b", f'"{role}"', statement).encode())
    limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
    connection.execute(limit.format(sql.Identifier(role), 1))
    ledger = Ledger()
    limited = replace(database, url=as_role(database.url, role))
    with (
        open_pool(limited, max_connections=1) as pool,
        PostgresLogRecorder(limited, pool) as log,
    ):
        assert log.head() == 0  # so the one connection is taken
        answer = ledger.append(log, change("thr_a", 0))
        assert isinstance(answer, StoreUnavailable)
        assert "too many connections" in str(answer)
        connection.execute(limit.format(sql.Identifier(role), 5))
        assert isinstance(ledger.append(log, change("thr_a", 0)), list)
        ledger.check(log)
