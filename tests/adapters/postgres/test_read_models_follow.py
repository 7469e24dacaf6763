"""Following the log: who leads, what wakes it, what it survives, and what stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from adapters.errors import StoreUnavailable
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.rebuild import PostgresRebuildSession
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.records import LogRecord
from domain.errors import TurnlogError
from projections.errors import PoisonEvent, ReadModelsOutdated, ReadTimedOut
from projections.follow import Follower
from projections.registry import definition
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE, eventually
from tests.projections.tables import Tables


@dataclass
class Running:
    """A follower in a thread of its own."""

    session: PostgresFollowerSession
    poll_seconds: float
    error: TurnlogError | None = None
    troubles: list[TurnlogError] = field(default_factory=list)
    over: list[TurnlogError] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        follower = Follower(self.session, poll_seconds=self.poll_seconds)
        try:
            follower.follow(self.stopping.is_set, self.troubles.append, self.over.append)
        except TurnlogError as error:
            self.error = error
        finally:
            self.session.close()


@contextmanager
def following(database: Database, poll_seconds: float = 0.05) -> Iterator[Running]:
    running = Running(PostgresFollowerSession(database), poll_seconds)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield running
    finally:
        running.stopping.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def is_current(tables: Tables) -> bool:
    status = tables.reader.status()
    return status.head > 0 and status.lag == 0


def leader(connection: Connection) -> int | None:
    """Process of the server whose session leads (or rebuilds)."""
    row = connection.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    return None if row is None else int(row[0])


def test_what_is_appended_is_shown(tables: Tables) -> None:
    with following(tables.database):
        for number in range(20):
            tables.service().create(thread_id=f"thr_{number}")
        eventually(lambda: is_current(tables))
    assert len(tables.reader.threads()) == 20


def test_a_notification_wakes_it_long_before_the_poll(tables: Tables) -> None:
    tables.service().create(thread_id="thr_0")
    with following(tables.database, poll_seconds=2 * PATIENCE) as running:
        eventually(lambda: is_current(tables))  # so now it waits
        tables.service().create(thread_id="thr_1")
        eventually(lambda: is_current(tables))
        running.stopping.set()
        tables.service().create(thread_id="thr_2")  # so that it looks, and sees that it shall stop


def test_without_notifications_polling_is_enough(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.follower.CHANNEL", "somewhere_else")
    with following(tables.database):
        for number in range(3):
            tables.service().create(thread_id=f"thr_{number}")
            eventually(lambda: is_current(tables))


def test_one_leads_and_another_takes_over(tables: Tables, connection: Connection) -> None:
    with following(tables.database) as first, following(tables.database) as second:
        eventually(lambda: leader(connection) is not None)
        before = leader(connection)
        connection.execute("SELECT pg_terminate_backend(%s)", (before,))
        eventually(lambda: leader(connection) not in {None, before})
        tables.service().create(thread_id="thr_1")
        eventually(lambda: is_current(tables))
    assert first.error is None
    assert second.error is None


def test_only_one_session_leads_and_only_as_long_as_it_lives(database: Database) -> None:
    with PostgresFollowerSession(database) as second:
        with PostgresFollowerSession(database) as first:
            assert first.lead()
            assert first.lead()
            assert not second.lead()
        eventually(second.lead)


def test_two_that_apply_at_once_apply_everything_once(tables: Tables) -> None:
    service = tables.service()
    for number in range(60):
        service.create(thread_id=f"thr_{number}")

    def apply() -> int:
        with PostgresFollowerSession(tables.database) as session:
            return Follower(session, step_events=2).catch_up()

    with ThreadPoolExecutor() as threads:
        assert [done.result() for done in [threads.submit(apply) for _ in range(3)]] == [60] * 3
    assert tables.differences() == []
    assert len(tables.reader.threads(limit=100)) == 60


def test_a_lost_connection_is_made_again(tables: Tables, proxy: Proxy) -> None:
    with following(proxy.database) as running:
        tables.service().create(thread_id="thr_0")
        eventually(lambda: is_current(tables))
        proxy.stop()
        tables.service().create(thread_id="thr_1")
        eventually(lambda: bool(running.troubles))
        assert not is_current(tables)
        proxy.start()
        eventually(lambda: is_current(tables))
    assert running.error is None
    assert {type(trouble) for trouble in running.troubles} == {StoreUnavailable}
    assert [type(trouble) for trouble in running.over] == [StoreUnavailable]
    assert tables.differences() == []


@pytest.mark.parametrize("fault", ["request", "reply"])
def test_a_connection_lost_during_a_step_costs_nothing(
    tables: Tables, proxy: Proxy, fault: str
) -> None:
    with following(proxy.database) as running:
        eventually(lambda: leader_is_there(tables))
        lose = proxy.lose_request if fault == "request" else proxy.lose_reply
        lose(b"COMMIT")
        for number in range(30):
            tables.service().create(thread_id=f"thr_{number}")
        assert proxy.struck.wait(PATIENCE)
        eventually(lambda: is_current(tables))
    assert running.error is None
    assert tables.differences() == []


def leader_is_there(tables: Tables) -> bool:
    with connect(tables.database) as connection:
        return leader(connection) is not None


def poison(recorder: PostgresLogRecorder, thread_id: str = "thr_0") -> int:
    """An event no turnlog of today knows, in a stream of its own of that thread; its position."""
    body = b'{"v": 1, "at": "2025-01-01T00:00:00Z"}'
    record = LogRecord("turn_painted", 1, "turn.painted", body, thread_id)
    return recorder.append([record])[0].id


def test_a_poisonous_event_stops_it_and_everybody_can_see_where_and_why(tables: Tables) -> None:
    tables.service().create(thread_id="thr_0")
    tables.service().create(thread_id="thr_1")
    position = poison(tables.recorder)
    tables.service().create(thread_id="thr_2")
    with following(tables.database) as running:
        eventually(lambda: running.error is not None)
    assert isinstance(running.error, PoisonEvent)
    assert running.error.details["position"] == position
    assert "turn.painted" in running.error.message
    status = tables.reader.status()
    # Everything before it is shown, nothing after it.
    assert (status.position, status.failed_position) == (position - 1, position)
    assert status.failure == running.error.message
    assert {row.thread_id for row in tables.reader.threads()} == {"thr_0", "thr_1"}
    with pytest.raises(PoisonEvent):
        tables.follower.wait_for(status.head, PATIENCE)


def test_a_write_can_be_read_without_anybody_following(tables: Tables) -> None:
    outcome = tables.service().create(thread_id="thr_1", title="Mine")
    assert outcome.position is not None
    tables.follower.wait_for(outcome.position, timeout_seconds=PATIENCE)
    thread = tables.rows("thr_1").thread
    assert thread is not None
    assert thread.title == "Mine"


def test_a_write_can_be_read_while_somebody_else_applies_it(
    tables: Tables, connection: Connection
) -> None:
    outcome = tables.service().create(thread_id="thr_1")
    assert outcome.position is not None
    with connection.transaction():
        connection.execute("SELECT position FROM read_models FOR UPDATE")
        with pytest.raises(ReadTimedOut, match="at position 0, not yet at 1"):
            tables.follower.wait_for(outcome.position, timeout_seconds=0.1)
    tables.follower.wait_for(outcome.position, timeout_seconds=PATIENCE)


def test_of_tables_of_another_turnlog_each_of_several_followers_tells_once(
    tables: Tables, connection: Connection
) -> None:
    connection.execute("UPDATE read_models SET definition = '0.of-old'")
    tables.service().create(thread_id="thr_1")
    with (
        following(tables.database, 0.02) as first,
        following(tables.database, 0.02) as second,
        following(tables.database, 0.02) as third,
    ):
        every = (first, second, third)
        # Each has had the lead, which was not for it. Whoever made them gets it now.
        eventually(lambda: all(one.troubles for one in every))
        with PostgresFollowerSession(tables.database) as theirs:
            eventually(theirs.lead)
            for number in range(2, 12):
                tables.service().create(thread_id=f"thr_{number}")
        connection.execute("UPDATE read_models SET definition = %s", [definition()])
        eventually(lambda: is_current(tables) and all(one.over for one in every))
    for one in every:
        assert [type(trouble) for trouble in one.troubles] == [ReadModelsOutdated]
        assert [type(trouble) for trouble in one.over] == [ReadModelsOutdated]


def test_a_write_can_be_read_from_tables_that_another_turnlog_moves(
    tables: Tables, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.execute("UPDATE read_models SET definition = '0.of-old'")
    outcome = tables.service().create(thread_id="thr_1")
    assert outcome.position is not None
    asked = threading.Event()
    is_led = PostgresFollowerSession.is_led

    def note(session: PostgresFollowerSession) -> bool:
        asked.set()
        return is_led(session)

    monkeypatch.setattr(PostgresFollowerSession, "is_led", note)
    with PostgresFollowerSession(tables.database) as theirs, ThreadPoolExecutor(1) as waiter:
        assert theirs.lead()
        waiting = waiter.submit(tables.follower.wait_for, outcome.position, PATIENCE)
        assert asked.wait(PATIENCE)
        connection.execute("UPDATE read_models SET position = %s", [outcome.position])
        waiting.result(PATIENCE)


def test_whether_another_session_leads_or_rebuilds_can_be_seen(database: Database) -> None:
    with PostgresFollowerSession(database) as one, PostgresFollowerSession(database) as other:
        assert not one.is_led()
        assert other.lead()
        assert one.is_led()
        assert not other.is_led()
        other.stand_aside()
        with PostgresRebuildSession(database) as rebuilding:
            rebuilding.claim()
            assert one.is_led()
        assert not one.is_led()


def test_a_position_that_never_comes_is_not_waited_for_longer_than_wanted(tables: Tables) -> None:
    with pytest.raises(ReadTimedOut):
        tables.follower.wait_for(1, timeout_seconds=0.05)


def test_a_step_takes_no_more_bytes_than_it_may_but_one_event_in_any_case(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.stepping.STEP_BYTES", 600)
    service = tables.service()
    for number in range(6):
        service.create(thread_id=f"thr_{number}", title="x" * 100)
    step = tables.session.step(100)
    assert step is not None
    assert 1 < step.upto < 6
    monkeypatch.setattr("adapters.postgres.stepping.STEP_BYTES", 1)
    step = tables.session.step(100)
    assert step is not None
    assert step.upto - step.after == 1
