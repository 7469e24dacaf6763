"""Logs no command could have written: where they stop the tables does not depend on the cuts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from domain.events.registry import ALL
from projections.errors import PoisonEvent
from projections.follow import Follower
from projections.registry import KEYS, ROWS
from tests.fixtures.database import DatabaseFactory
from tests.projections.histories import Log, logs


@dataclass(frozen=True)
class Line:
    """A row of the log before it has its numbers."""

    thread_id: str
    stream_id: str
    type: str
    data: str


Damage = st.tuples(
    st.sampled_from(["repeat", "leave out", "swap", "newer version", "rename", "no body"]),
    st.floats(0, 1, exclude_max=True),
)


def damaged(log: Log, kind: str, where: float) -> list[Line]:
    """The lines of a log with one thing wrong in it."""
    lines = [Line(r.thread_id, r.stream_id, r.topic, r.state.decode()) for r in log.records()]
    at = int(where * len(lines))
    line = lines[at]
    match kind:
        case "repeat":
            lines.append(line)
        case "leave out":
            del lines[at]
        case "swap":
            lines.append(lines.pop(at))
        case "newer version":
            lines[at] = replace(line, data=json.dumps({**json.loads(line.data), "v": 2}))
        case "rename":
            lines[at] = replace(line, type=f"{line.type}_again")
        case _:
            lines[at] = replace(line, data='{"v": 1}')
    return lines


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


def applied(database: Database, lines: Sequence[Line], step_events: int) -> list[str]:
    """What the tables hold when the follower has got as far as it gets."""
    with connect(database) as connection, PostgresFollowerSession(database) as session:
        write(connection, lines)
        with suppress(PoisonEvent):
            Follower(session, step_events).catch_up()
        return contents(connection)


@given(log=logs(25), damage=Damage, step_events=st.sampled_from([3, 10, 1000]))
@settings(max_examples=20)
def test_a_log_that_is_wrong_stops_them_at_the_same_event_however_it_is_cut(
    database_factory: DatabaseFactory, log: Log, damage: tuple[str, float], step_events: int
) -> None:
    lines = damaged(log, *damage)
    with database_factory() as one, database_factory() as other:
        assert applied(one, lines, 1) == applied(other, lines, step_events)


@pytest.mark.parametrize("name", [event.name for event in ALL])
def test_an_event_of_a_newer_version_is_not_taken_for_what_it_was(
    database: Database, connection: Connection, name: str
) -> None:
    version = next(event.schema_version for event in ALL if event.name == name) + 1
    body = {"v": version, "thread_id": "thr_1", "input_ids": [], "turn_ids": []}
    write(connection, [Line("thr_1", "thr_1", name, json.dumps(body))])
    with PostgresFollowerSession(database) as session:
        with pytest.raises(PoisonEvent, match=name):
            Follower(session).catch_up()
        status = session.status()
    assert (status.position, status.failed_position) == (0, 1)
