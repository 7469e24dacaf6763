"""Readers with a cursor, imported files, and rebuilds: on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from adapters.importers.import_files import import_paths
from adapters.postgres.connection import Connection, open_pool
from adapters.postgres.rebuild import PostgresRebuildSession
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.records import LogEntry
from domain.events.base import Json
from projections.errors import PoisonEvent
from projections.rebuild import rebuild
from tests.adapters.importers.logs import answer, jsonl, meta, time, totals, typed
from tests.adapters.postgres.test_read_models_follow import poison
from tests.adapters.runner.stage import THREAD, Stage, scripted, story
from tests.contracts.log_views import everything, take
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE
from tests.projections.tables import Tables

PARENT = "00000000-0000-7000-8000-00000000aaaa"
FORK = "00000000-0000-7000-8000-00000000bbbb"


def conversation(tables: Tables, thread_id: str = THREAD) -> None:
    """Two turns, one of them stopped, and a prompt that is held."""
    service = tables.service()
    service.create(thread_id=thread_id)
    first = service.submit(thread_id, "A").started_turn_id or ""
    service.record_item(thread_id, first, "agent_message", "hi", text="hi")
    service.submit(thread_id, "B", delivery="queue")
    service.interrupt(thread_id, first, queued="hold")
    service.finish(thread_id, first, "interrupted")
    second = service.submit(thread_id, "C").started_turn_id or ""
    service.finish(thread_id, second, "completed")
    tables.follower.catch_up()


def test_112_a_cursor_is_a_number_of_the_log_and_nothing_else_has_one(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    stage.service.interrupt(THREAD, turn_id)
    stage.service.finish(THREAD, turn_id, "interrupted")
    log = everything(stage.recorder)
    assert [entry.id for entry in log] == list(range(1, len(log) + 1))
    for cursor in range(len(log)):
        with stage.recorder.subscribe(gt=cursor) as subscription:
            assert take(subscription, len(log) - cursor) == log[cursor:]


def test_113_115_a_stream_that_is_dropped_twice_goes_on_where_it_was(
    stage: Stage, proxy: Proxy, haste: None
) -> None:
    seen: list[LogEntry] = []
    stage.thread()
    with (
        open_pool(proxy.database) as pool,
        PostgresLogRecorder(proxy.database, pool) as reader,
        reader.subscribe() as subscription,
    ):
        seen += take(subscription, 1)
        for name in "ABC":
            proxy.stop()
            stage.submit(name, delivery="queue")
            proxy.start()
            proxy.cut()  # again, before anything has come
            seen += take(subscription, len(everything(stage.recorder)) - len(seen))
    assert seen == everything(stage.recorder)


def test_101_a_fork_that_copies_its_parent_counts_no_token_twice(
    tables: Tables, tmp_path: Path
) -> None:
    parent = [meta(PARENT), *typed("from the parent"), *answer("yes"), totals(100, 10)]
    copied = [{**record, "timestamp": time(1)} for record in parent]
    own = [*typed("in the fork"), *answer("sure"), totals(150, 12), *typed("bye")]
    late: list[Json] = [{**record, "timestamp": time(60)} for record in own]
    fork: list[Json] = [{**meta(FORK), "timestamp": time(1)}, *copied, *late]
    (tmp_path / f"{PARENT}.jsonl").write_bytes(jsonl([*parent, *typed("and on")]))
    (tmp_path / f"{FORK}.jsonl").write_bytes(jsonl(fork))
    for _ in range(2):  # again: nothing comes twice
        import_paths([tmp_path], tables.log)
        tables.follower.catch_up()
        threads = list(tables.reader.thread_ids())
        turns = [turn for name in threads for turn in tables.rows(name).turns]
        used = [(turn.input_tokens or 0, turn.output_tokens or 0) for turn in turns]
        assert (sum(i for i, _ in used), sum(o for _, o in used)) == (150, 12)
        assert len(threads) == 2


def test_e14_equal_positions_do_not_hide_a_missing_row(
    tables: Tables, connection: Connection
) -> None:
    conversation(tables)
    assert tables.differences() == []
    connection.execute("DELETE FROM items WHERE kind = 'agent_message'")
    assert tables.reader.status().lag == 0
    assert len(tables.differences()) == 1


def test_e15_e20_a_rebuild_writes_no_event_and_touches_no_lease(
    tables: Tables, stage: Stage
) -> None:
    turn_id = stage.thread("A", "B")
    lease = stage.leases.acquire(turn_id, THREAD, "worker", 30)
    before = everything(stage.recorder)
    with PostgresRebuildSession(tables.database) as session:
        rebuild(session, tables.log)
    assert everything(stage.recorder) == before
    found = stage.leases.find(turn_id)
    assert found is not None
    assert lease is not None
    assert (found.holder, found.token) == (lease.holder, lease.token)
    assert tables.rows(THREAD).turns[0].status == "in_progress"


def test_e18_one_notification_for_an_append_however_many_events(stage: Stage) -> None:
    with psycopg.connect(stage.recorder._database.url, autocommit=True) as listener:  # type: ignore[attr-defined]
        listener.execute("LISTEN turnlog")
        stage.thread("A", "B")
        heard = [n.payload for n in listener.notifies(timeout=PATIENCE, stop_after=3)]
    ends = [0, 1, 6, 7]
    assert heard == [str(end) for end in ends[1:]]
    assert len(everything(stage.recorder)) == ends[-1]


def test_e21_a_thread_that_was_put_away_is_in_the_rebuilt_tables(tables: Tables) -> None:
    conversation(tables)
    tables.service().archive(THREAD)
    tables.follower.catch_up()
    live = tables.rows(THREAD)
    with PostgresRebuildSession(tables.database) as session:
        rebuild(session, tables.log)
    assert tables.rows(THREAD) == live
    assert live.thread is not None
    assert live.thread.archived


def test_e22_a_rare_type_is_found_behind_many_others(tables: Tables) -> None:
    conversation(tables)
    for number in range(40):
        tables.service().create(thread_id=f"thr_many_{number}")
    tables.service().release(THREAD)
    with tables.recorder.subscribe(topics=["queue.released"]) as subscription:
        [found] = take(subscription, 1)
    assert found.topic == "queue.released"


def test_e24_a_second_rebuild_in_one_process_makes_good_as_the_first(
    tables: Tables, connection: Connection
) -> None:
    conversation(tables)
    live = tables.rows(THREAD)
    with PostgresRebuildSession(tables.database) as session:
        for _ in range(2):
            connection.execute("DELETE FROM turns; DELETE FROM prompts")
            rebuild(session, tables.log)
            assert tables.rows(THREAD) == live


@pytest.mark.parametrize("events", [0, 1])
def test_e28_an_empty_log_and_one_of_one_event_are_rebuilt(tables: Tables, events: int) -> None:
    if events:
        tables.service().create(thread_id=THREAD)
    with PostgresRebuildSession(tables.database) as session:
        assert rebuild(session, tables.log).position == events
    assert len(list(tables.reader.thread_ids())) == events
    tables.service().create(thread_id="thr_next")
    tables.follower.catch_up()
    assert tables.rows("thr_next").thread is not None


def test_e38_what_is_done_to_one_thread_changes_no_row_of_another(tables: Tables) -> None:
    conversation(tables, "thr_1")
    conversation(tables, "thr_2")
    before, changing = tables.rows("thr_1"), tables.rows("thr_2")
    tables.service().rollback("thr_2", 1)
    tables.service().release("thr_2")
    tables.follower.catch_up()
    assert tables.rows("thr_2") != changing
    assert tables.rows("thr_1") == before


@story
async def test_e31_e32_an_event_nobody_can_read_stops_the_tables_in_sight_and_no_turn(
    tables: Tables, stage: Stage
) -> None:
    turn_id = stage.thread("A", "B")
    stage.service.create(thread_id="thr_bad")
    position = poison(tables.recorder, "thr_bad")
    stage.submit("C", delivery="queue")
    with pytest.raises(PoisonEvent):
        tables.follower.catch_up()
    status = tables.reader.status()
    assert (status.position, status.failed_position) == (position - 1, position)
    assert status.lag > 0
    results = await stage.runner(scripted(stage, "{}")).run(THREAD, turn_id)
    assert [result.end for result in results] == ["completed"] * 3
