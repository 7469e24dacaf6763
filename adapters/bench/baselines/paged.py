"""The usual way to fill a table from the library's log: read it 1,000 events a page, fold them in
Python, and write what changed with one upsert a page, together with the position."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from eventsourcing.persistence import Notification
from eventsourcing.postgres import PostgresApplicationRecorder

from adapters.bench.baselines.library import open_store
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated

PAGE: Final = 1_000  # events
_DECODED: Final = ("turn.started", "turn.completed")

_TABLE: Final[LiteralString] = """
    CREATE TABLE IF NOT EXISTS public.turn_paged (
        turn_id text COLLATE "C" PRIMARY KEY, thread_id text NOT NULL, status text NOT NULL,
        kind text NOT NULL, summary text NOT NULL, steer_count bigint NOT NULL,
        item_count bigint NOT NULL, started_at timestamptz NOT NULL, ended_at timestamptz
    )
"""
_COPY_LOG: Final[LiteralString] = """
    INSERT INTO public.stored_events (originator_id, originator_version, topic, state)
    SELECT stream_id, version, type, convert_to(data::text, 'UTF8')
    FROM log ORDER BY position
"""
_UPSERT: Final[LiteralString] = """
    INSERT INTO public.turn_paged AS t
    SELECT * FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
        %s::timestamptz[], %s::timestamptz[])
    ON CONFLICT (turn_id) DO UPDATE
    SET status = excluded.status, steer_count = excluded.steer_count,
        item_count = excluded.item_count, ended_at = excluded.ended_at
"""


_COLUMNS: Final = (
    "turn_id",
    "thread_id",
    "status",
    "kind",
    "summary",
    "steers",
    "items",
    "started_at",
    "ended_at",
)


@dataclass(slots=True)
class Turn:
    """A row, as it is folded."""

    turn_id: str
    thread_id: str
    kind: str
    summary: str
    started_at: str
    status: str = "in_progress"
    steers: int = 0
    items: int = 0
    ended_at: str | None = None


@contextmanager
def library_log(database: Database) -> Iterator[PostgresApplicationRecorder]:
    """The library's own store, empty."""
    with open_store(database, ids="text") as recorder:
        yield recorder


def copy_log(database: Database) -> None:
    """Put the events of our log into the library's."""
    with connect(database) as connection, translated(database):
        connection.execute(_COPY_LOG)
        connection.execute("VACUUM (ANALYZE) public.stored_events")
        connection.execute(_TABLE)


def fill_turns(
    database: Database, recorder: PostgresApplicationRecorder, *, sparing: bool = False
) -> tuple[float, int]:
    """The seconds it took from the first page to the last, and the events there were.

    It decodes every event, like a fold that is given events. A `sparing` one looks at their names
    first, and decodes those alone that this one table wants something of.
    """
    turns: dict[str, Turn] = {}
    position = 0
    with connect(database) as connection, translated(database):
        connection.execute("TRUNCATE public.turn_paged")
        began = time.perf_counter()
        while page := recorder.select_notifications(position + 1, PAGE):
            changed = _fold(page, turns, sparing=sparing)
            with connection.transaction():
                _upsert(connection, changed)
            position = page[-1].id
            # What has ended does not change any more.
            for turn in changed:
                if turn.ended_at is not None:
                    turns.pop(turn.turn_id, None)
        return time.perf_counter() - began, position


def _fold(page: Iterable[Notification], turns: dict[str, Turn], *, sparing: bool) -> list[Turn]:
    """The turns that the page changes, changed."""
    changed: dict[str, Turn] = {}
    for event in page:
        topic, turn_id = event.topic, str(event.originator_id)
        body: Any = None
        if not sparing or topic in _DECODED:
            body = json.loads(event.state)
        if topic == "item.started":
            turns[turn_id].items += 1
        elif topic == "turn.started":
            turns[turn_id] = Turn(
                turn_id, body["thread_id"], body["kind"], body["summary"], body["at"]
            )
        elif topic == "turn.steered":
            turns[turn_id].steers += 1
        elif topic == "turn.completed":
            turn = turns[turn_id]
            turn.status, turn.ended_at = body["status"], body["at"]
        else:
            continue
        changed[turn_id] = turns[turn_id]
    return list(changed.values())


def _upsert(connection: Connection, turns: Sequence[Turn]) -> None:
    """Write them."""
    columns = [[getattr(turn, column) for turn in turns] for column in _COLUMNS]
    connection.execute(_UPSERT, columns)
