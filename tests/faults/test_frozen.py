"""Processes that freeze in a transaction that others wait for: it is taken from them.

A frozen process is played by one that does something else at that moment: all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from eventsourcing.persistence import Tracking

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.errors import StoreUnavailable
from adapters.postgres import batch, session, stepping, transactions
from adapters.postgres.connection import Connection, connection_from
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.leases import QUERIES as LEASE_QUERIES
from adapters.postgres.tracking import PostgresProcessRecorder
from adapters.settings import Settings
from domain.laws import violations
from projections.follow import Follower
from tests.contracts.records import record
from tests.fixtures.pooler import Pooler

SETTING = "idle_in_transaction_session_timeout"


SOON = "300ms"


class Patience:
    """How long the server waits for us: not for long, until the others come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._set(SOON)

    def comes_back(self) -> None:
        self._set("5min")

    def _set(self, value: str) -> None:
        self._monkeypatch.setitem(transactions.IMPATIENT, SETTING, value)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    return Patience(monkeypatch)


@contextmanager
def on(database: Database) -> Iterator[Turnlog]:
    with turnlog_on(OpenDatabase(database), Settings()) as opened:
        yield opened


Freeze = Callable[[Callable[[], object]], None]


@pytest.fixture
def freeze(monkeypatch: pytest.MonkeyPatch, patience: Patience) -> Freeze:
    """What the next append has written is not committed before something else has been done."""

    def freeze_(meanwhile: Callable[[], object]) -> None:
        monkeypatch.setattr(session, "write_batch", lambda *given: frozen(meanwhile, *given))

    def frozen(meanwhile: Callable[[], object], *given: Any) -> list[batch.Outcome]:
        outcomes = batch.write_batch(*given)
        monkeypatch.setattr(session, "write_batch", batch.write_batch)
        patience.comes_back()
        meanwhile()
        return outcomes

    return freeze_


def test_an_append_through_a_pooler(pooler: Pooler, freeze: Freeze) -> None:
    with on(pooler.database) as frozen, on(pooler.database) as other:
        freeze(lambda: other.service.create(thread_id="thr_other"))
        frozen.service.create(thread_id="thr_frozen")
        written = [entry.thread_id for entry in other.recorder.select_log(limit=9)]
        assert written == ["thr_other", "thr_frozen"]
        assert violations(other.log.read_thread("thr_frozen")) == []


def test_an_append_with_a_followers_position(database: Database, freeze: Freeze) -> None:
    with on(database) as other:
        frozen = PostgresProcessRecorder(database, other.pool, follower="f")
        with frozen:
            freeze(lambda: other.service.create(thread_id="thr_other"))
            frozen.insert_events([record("thr_frozen", 1)], tracking=Tracking("app", 7))
            assert frozen.max_tracking_id("app") == 7
        written = [entry.thread_id for entry in other.recorder.select_log(limit=9)]
        assert written == ["thr_other", "thr_frozen"]


def test_a_lease_through_a_pooler(pooler: Pooler, patience: Patience) -> None:
    """It is taken by somebody else, and the gate is open to its appends."""
    with on(pooler.database) as frozen, on(pooler.database) as other:
        thread_id = other.service.create().thread_id
        turn_id = other.service.submit(thread_id, "A").started_turn_id
        assert turn_id is not None
        values = {"turn_id": turn_id, "thread_id": thread_id, "holder": "frozen", "seconds": 30}

        def take() -> None:
            with frozen.leases._connection() as connection:
                connection.execute(LEASE_QUERIES["acquire_lease"], values)
                patience.comes_back()
                lease = other.leases.acquire(turn_id, thread_id, "other", 30)
                assert lease is not None
                assert lease.token == 1
                other.service.finish(thread_id, turn_id, "completed", lease=lease)

        with pytest.raises(StoreUnavailable):
            take()
        assert other.service.thread(thread_id).turn is None


def test_a_read_may_take_its_time(pooler: Pooler) -> None:
    """Nobody waits for it, and whoever reads much has to do something with what is read."""
    with on(pooler.database) as other, connection_from(other.pool, pooler.database) as connection:
        assert connection.execute(f"SHOW {SETTING}").fetchone() == ("5min",)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_step_of_a_follower(turnlog: Turnlog, moment: str) -> None:
    """With the state of the read models, which everybody needs to move them on.

    (Everybody else has five seconds, as in life.)
    """
    turnlog.service.create(thread_id="thr_a")

    class Frozen(PostgresFollowerSession):
        settings: ClassVar[Mapping[str, str]] = {**stepping.SESSION_SETTINGS, SETTING: SOON}

        def _apply(self, connection: Connection, *given: Any) -> None:
            if moment == "after":
                super()._apply(connection, *given)
            assert turnlog.catch_up() > 0
            if moment == "before":
                super()._apply(connection, *given)

    with Frozen(turnlog.database) as frozen, pytest.raises(StoreUnavailable):
        Follower(frozen).catch_up()
    assert [row.thread_id for row in turnlog.rows.threads()] == ["thr_a"]
