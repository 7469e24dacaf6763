"""Logs no command could have written: where they stop the tables does not depend on the cuts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.postgres.connection import Connection
from adapters.postgres.rebuild import PostgresRebuildSession
from domain.events.base import Event
from domain.events.registry import ALL
from projections.errors import PoisonEvent
from projections.follow import Follower
from projections.rebuild import rebuild
from projections.registry import KEYS, ROWS
from tests.fixtures.database import DatabaseFactory
from tests.projections.damage import (
    ALONE,
    ELSEWHERE,
    KINDS_OF_DAMAGE,
    NEEDED,
    OF_ANOTHER_TURN,
    TOO_EARLY,
    TOO_LATE,
    UNKNOWN,
    Line,
    Wrong,
    alone,
    damaged,
    elsewhere,
    lacking,
    lines_of,
    naming_nothing,
    of_another_turn,
    saying,
    too_early,
    too_late,
    without_turn,
)
from tests.projections.histories import Log, logs
from tests.projections.story import STORY
from tests.projections.tables import Tables, tables_of


def write(connection: Connection, lines: Sequence[Line]) -> None:
    """Straight into the table, which nobody but the owner of the database can do."""
    seqs: dict[str, int] = {}
    versions: dict[str, int] = {}
    query = (
        "INSERT INTO log (position, thread_id, seq, stream_id, version, type, data, recorded_at,"
        " hash) VALUES (%s, %s, %s, %s, %s, %s, %s, now(), decode(repeat('00', 32), 'hex'))"
    )
    with connection.transaction(), connection.cursor() as cursor:
        for position, line in enumerate(lines, start=1):
            seqs[line.thread_id] = seqs.get(line.thread_id, 0) + 1
            versions[line.stream_id] = versions.get(line.stream_id, 0) + 1
            numbers = (position, line.thread_id, seqs[line.thread_id])
            stream = (line.stream_id, versions[line.stream_id])
            cursor.execute(query, (*numbers, *stream, line.type, line.data))


def contents(connection: Connection) -> list[str]:
    """Everything in the tables, as text."""
    found = []
    for table in ["read_models", *ROWS]:
        order = f"thread_id, {KEYS[table]}" if table in KEYS else "1"
        rows = connection.execute(f"SELECT t::text FROM {table} t ORDER BY {order}".encode())
        found += [f"{table}: {row[0]}" for row in rows]
    return found


def applied(shared: Tables, step_events: int, at_once: int = 0) -> list[str]:
    """What the tables hold when the follower has got as far as it gets.

    It may take the first events `at_once`.
    """
    shared.empty_tables()
    if at_once:
        shared.apply(at_once)
    with suppress(PoisonEvent):
        Follower(shared.session, step_events).catch_up()
    with shared.pool.connection() as connection:
        return contents(connection)


@pytest.fixture(scope="module")
def shared(database_factory: DatabaseFactory) -> Iterator[Tables]:
    """One database for many logs, which are wiped away in between."""
    with database_factory() as database, tables_of(database) as tables:
        yield tables


def assert_cuts_do_not_matter(
    shared: Tables, log: Log, kind: str, place: int, sizes: Sequence[int]
) -> None:
    shared.empty_log()
    with shared.pool.connection() as connection:
        write(connection, damaged(log, kind, place))
    # Up to the damage the log is sound, and test_agreement has tried its cuts.
    one_by_one = applied(shared, 1, at_once=place)
    for size in sizes:
        assert applied(shared, size) == one_by_one


@given(
    log=logs(8, 30),
    kind=st.sampled_from(KINDS_OF_DAMAGE),
    where=st.floats(0, 1, exclude_max=True),
    size=st.sampled_from([3, 10, 1000]),
)
@settings(max_examples=40)
def test_a_log_that_is_wrong_stops_them_at_the_same_event_however_it_is_cut(
    shared: Tables, log: Log, kind: str, where: float, size: int
) -> None:
    assert_cuts_do_not_matter(shared, log, kind, int(where * len(log.entries)), [size])


def places(kind: str, count: int) -> list[int]:
    """So many places of the story, all over it, others for each kind of damage."""
    kinds, entries = len(KINDS_OF_DAMAGE), len(STORY.entries)
    number = KINDS_OF_DAMAGE.index(kind)
    return [(i * kinds + number) * entries // (count * kinds) for i in range(count)]


@pytest.mark.parametrize("kind", KINDS_OF_DAMAGE)
def test_a_rebuild_stops_at_the_same_event_and_what_is_in_use_stays(
    shared: Tables, kind: str
) -> None:
    """Whole threads are filled without any index: that must not hide what is wrong with them."""
    for place in places(kind, 4):
        assert_cuts_do_not_matter(shared, STORY, kind, place, [])
        in_use = applied(shared, 1000)
        with (
            PostgresRebuildSession(shared.database, jobs=2) as session,
            shared.pool.connection() as connection,
        ):
            stopped = shared.reader.status()
            if stopped.failed_position is None:  # it does no harm there
                rebuild(session, shared.log)
                assert contents(connection) == in_use
                continue
            with pytest.raises(PoisonEvent, match=f"position {stopped.failed_position}:"):
                rebuild(session, shared.log)
            query = "SELECT position FROM turnlog_rebuild.read_models"
            assert connection.execute(query).fetchone() == (stopped.position,)
            assert contents(connection) == in_use
            session.discard()


@pytest.mark.parametrize(
    "wrong", [*(alone(STORY, event) for event in ALONE), without_turn(STORY)], ids=[*ALONE, "item"]
)
def test_a_rebuild_stops_where_a_file_finds_nothing_it_knows(shared: Tables, wrong: Wrong) -> None:
    shared.empty_log()
    lines, at = wrong
    with shared.pool.connection() as connection:
        write(connection, lines)
    with PostgresRebuildSession(shared.database) as session:
        with pytest.raises(PoisonEvent, match=f"position {at + 1}:"):
            rebuild(session, shared.log)
        session.discard()


@pytest.mark.parametrize("kind", KINDS_OF_DAMAGE)
def test_a_story_that_is_wrong_somewhere_stops_at_the_same_event_however_it_is_cut(
    shared: Tables, kind: str
) -> None:
    for place in places(kind, 12):
        assert_cuts_do_not_matter(shared, STORY, kind, place, [7, 1000])


@pytest.mark.parametrize(("moved", "before"), TOO_EARLY)
def test_an_event_before_the_one_it_needs_stops_them_there(
    shared: Tables, moved: str, before: str
) -> None:
    assert_stops_at(shared, *too_early(STORY, moved, before))


def test_a_thread_that_is_not_created_first_stops_them_at_the_beginning(shared: Tables) -> None:
    lines, _ = too_early(STORY, "thread.created", "queue.held")
    assert_stops_at(shared, lines, 0)


@pytest.mark.parametrize(("again", "after"), TOO_LATE)
def test_an_event_after_one_that_it_cannot_follow_stops_them_there(
    shared: Tables, again: str, after: str
) -> None:
    assert_stops_at(shared, *too_late(STORY, again, after))


@pytest.mark.parametrize("event", ELSEWHERE)
def test_an_event_in_a_thread_it_does_not_belong_to_stops_them_there(
    shared: Tables, event: str
) -> None:
    assert_stops_at(shared, *elsewhere(STORY, event))


@pytest.mark.parametrize("event", OF_ANOTHER_TURN)
def test_an_event_of_a_turn_it_does_not_belong_to_stops_them_there(
    shared: Tables, event: str
) -> None:
    assert_stops_at(shared, *of_another_turn(STORY, event))


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.name)
def test_an_event_that_is_there_twice_in_a_row_stops_them_or_changes_nothing(
    shared: Tables, event: type[Event]
) -> None:
    lines = lines_of(STORY)
    place = next(i for i, line in enumerate(lines) if line.type == event.name)
    lines.insert(place, lines[place])
    harmless = {
        "thread.updated",
        "thread.archived",
        "thread.unarchived",
        "thread.rolled_back",
        "queue.held",
        "queue.released",
        "turn.steered",
        "turn.interrupt_requested",
        *("prompt.edited", "prompt.redelivered", "prompt.moved"),
    }
    if event.name in harmless:
        assert_does_not_stop(shared, lines, place + 1)
    else:
        assert_stops_at(shared, lines, place + 1)


@pytest.mark.parametrize(("event", "field"), NEEDED)
def test_an_event_without_something_it_needs_stops_them_there(
    shared: Tables, event: str, field: str
) -> None:
    assert_stops_at(shared, *lacking(STORY, event, field))


@pytest.mark.parametrize(("event", "field"), UNKNOWN)
def test_an_event_that_says_what_nobody_knows_stops_them_there(
    shared: Tables, event: str, field: str
) -> None:
    assert_stops_at(shared, *saying(STORY, event, field))


def test_an_event_that_names_no_prompt_is_taken(shared: Tables) -> None:
    assert_does_not_stop(shared, *naming_nothing(STORY))


def assert_stops_at(shared: Tables, lines: Sequence[Line], at: int) -> None:
    """The tables stop before that line, in whatever steps they come there."""
    assert_cut_anyhow(shared, lines, at)
    status = shared.session.status()
    assert (status.position, status.failed_position) == (at, at + 1)


def assert_does_not_stop(shared: Tables, lines: Sequence[Line], at: int) -> None:
    """The tables take that line, in whatever steps they come there."""
    assert_cut_anyhow(shared, lines, at)
    status = shared.session.status()
    assert (status.position, status.failed_position) == (len(lines), None)


def assert_cut_anyhow(shared: Tables, lines: Sequence[Line], at: int) -> None:
    """One by one, in one go, and in one go from just before that line on, as it comes out."""
    shared.empty_log()
    with shared.pool.connection() as connection:
        write(connection, lines)
    before = max(at - 1, 0)  # up to there the log is sound, and test_agreement has tried its cuts
    one_by_one = applied(shared, 1, at_once=before)
    assert applied(shared, 1000, at_once=before) == one_by_one
    assert applied(shared, 1000) == one_by_one


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.name)
def test_an_event_of_a_newer_version_is_not_taken_for_what_it_was(
    shared: Tables, event: type[Event]
) -> None:
    """Whoever makes a new version of an event must make the SQL know it."""
    place = next(i for i, entry in enumerate(STORY.entries) if entry.event.name == event.name)
    lines = damaged(STORY, "newer version", place)
    assert json.loads(lines[place].data)["v"] == event.schema_version + 1
    shared.empty_log()
    with shared.pool.connection() as connection:
        write(connection, lines)
    with pytest.raises(PoisonEvent, match=rf"position {place + 1}: the event of type {event.name}"):
        shared.follower.catch_up()
    status = shared.session.status()
    assert (status.position, status.failed_position) == (place, place + 1)
