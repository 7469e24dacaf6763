"""The `eventsourcing` library's own PostgreSQL store, in its default mode: it locks the table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal
from uuid import uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from adapters.bench.appending import AppendJob
from adapters.bench.database import parts_of
from adapters.bench.load import Call, Gate, Tally, drive
from adapters.postgres.database import Database
from domain.events.item import ItemCompleted

SCHEMA: Final = "public"
_LOCK: Final = "turnlog.bench.library"


@contextmanager
def open_store(
    database: Database, *, connections: int = 5, ids: Literal["uuid", "text"] = "uuid"
) -> Iterator[PostgresApplicationRecorder]:
    """Its recorder, with its table."""
    parts = parts_of(database)
    datastore = PostgresDatastore(
        parts["dbname"],
        parts["host"],
        parts["port"],
        parts["user"],
        parts["password"],
        schema=SCHEMA,
        pool_size=connections,
        originator_id_type=ids,
    )
    with datastore:
        recorder = PostgresApplicationRecorder(datastore)
        # One process after the other: two that replace the library's functions at once fail.
        with psycopg.connect(database.url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_LOCK])
            recorder.create_table()
        yield recorder


def append(job: AppendJob, gate: Gate) -> Tally:
    """The callers of one process. Each has a connection, so none waits for one."""
    connections = min(job.callers, job.max_connections)
    with open_store(job.database, connections=connections) as recorder:
        recorder.datastore.pool.open(wait=True)
        calls = [_caller(recorder, job) for _ in range(job.callers)]
        return drive(calls, job.window, gate)


def _caller(recorder: PostgresApplicationRecorder, job: AppendJob) -> Call:
    originator_id = uuid4()
    versions = itertools.count(1)

    def call() -> tuple[str, int]:
        events = [
            StoredEvent(originator_id, next(versions), ItemCompleted.name, job.state)
            for _ in range(job.events)
        ]
        recorder.insert_events(events)
        return "append", job.events

    return call
