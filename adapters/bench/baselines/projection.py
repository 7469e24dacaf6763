"""The library's ProjectionRunner, used as its documentation shows: a view that writes what each
event changes together with the position, in a transaction of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar, Final, LiteralString

from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, StoredEvent, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner

from adapters import codec
from adapters.bench.baselines import library
from adapters.bench.database import parts_of
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated
from domain.events.base import Event
from domain.events.item import ItemStarted
from domain.events.turn import TurnCompleted, TurnStarted, TurnSteered

TIMEOUT_SECONDS: Final = 600.0
TOPICS: Final = (TurnStarted.name, TurnSteered.name, TurnCompleted.name, ItemStarted.name)

_TABLE: Final[LiteralString] = """
    CREATE TABLE IF NOT EXISTS public.turn_projected (
        turn_id text COLLATE "C" PRIMARY KEY, thread_id text NOT NULL, status text NOT NULL,
        kind text NOT NULL, summary text NOT NULL, steer_count bigint NOT NULL,
        item_count bigint NOT NULL, started_at timestamptz NOT NULL, ended_at timestamptz
    )
"""
_LAST: Final[LiteralString] = (
    "SELECT max(notification_id) FROM public.stored_events "
    "WHERE topic = ANY (%s) AND notification_id <= %s"
)
_START: Final[LiteralString] = """
    INSERT INTO public.turn_projected VALUES (%s, %s, 'in_progress', %s, %s, 0, 0, %s)
"""
_COUNT_ITEM: Final[LiteralString] = (
    "UPDATE public.turn_projected SET item_count = item_count + 1 WHERE turn_id = %s"
)
_COUNT_STEER: Final[LiteralString] = (
    "UPDATE public.turn_projected SET steer_count = steer_count + 1 WHERE turn_id = %s"
)
_END: Final[LiteralString] = (
    "UPDATE public.turn_projected SET status = %s, ended_at = %s WHERE turn_id = %s"
)


class TurnView(PostgresTrackingRecorder):
    """The table, and how far it is."""

    def write(self, statement: LiteralString, values: Sequence[object], tracking: Tracking) -> None:
        """Both in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, values, prepare=True)


class TurnProjection(Projection[TurnView]):
    """What each event changes."""

    name = "turns"
    topics: ClassVar[tuple[str, ...]] = TOPICS  # type: ignore[misc]

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Called by the runner."""
        view = self.view
        match domain_event:
            case TurnStarted() as event:
                values = (event.turn_id, event.thread_id, event.kind, event.summary, event.at)
                view.write(_START, values, tracking)
            case ItemStarted() as event:
                view.write(_COUNT_ITEM, (event.turn_id,), tracking)
            case TurnSteered() as event:
                view.write(_COUNT_STEER, (event.turn_id,), tracking)
            case TurnCompleted() as event:
                view.write(_END, (event.status, event.at, event.turn_id), tracking)
            case _:
                view.insert_tracking(tracking)


class _EventMapper(Mapper[str]):
    """Its events are ours."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        event: Event = codec.decode(stored_event.topic, bytes(stored_event.state), 0)
        return event


class StoredEvents(Application[str]):
    """The application whose events are projected; its table is `stored_events`."""

    name = "stored"

    def construct_mapper(self) -> Mapper[str]:
        return _EventMapper(self.construct_transcoder())


def fill_turns(database: Database, upto: int) -> tuple[float, int]:
    """The seconds it took for the events up to that position; and the last of them it wants.

    They are in the library's own table (`paged.library_log`), and are the first in it.
    """
    with connect(database) as connection, translated(database):
        connection.execute(_TABLE)
        connection.execute("TRUNCATE public.turn_projected")
        row = connection.execute(_LAST, [list(TOPICS), upto]).fetchone()
    assert row is not None
    parts = parts_of(database)
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_SCHEMA": library.SCHEMA,
        "ORIGINATOR_ID_TYPE": "text",
        **{f"POSTGRES_{part.upper()}": value for part, value in parts.items()},
    }
    began = time.perf_counter()
    with ProjectionRunner(
        application_class=StoredEvents,
        projection_class=TurnProjection,
        view_class=TurnView,
        env=env,
    ) as runner:
        runner.wait(row[0], timeout=TIMEOUT_SECONDS)
        return time.perf_counter() - began, upto
