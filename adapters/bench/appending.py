"""What the callers of the append bench do, in the process they do it in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from adapters import codec
from adapters.bench.load import Call, Gate, Tally, Window, drive
from adapters.postgres.connection import open_pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.records import LogRecord
from domain.events.item import ItemCompleted

RECEIPT: Final = "5e" * 32


def payload() -> bytes:
    """The body of an event as an engine reports it."""
    return codec.encode(
        ItemCompleted(
            thread_id=f"thr_{uuid4().hex}",
            turn_id=f"turn_{uuid4().hex}",
            item_id=f"item_{uuid4().hex}",
            actor="engine",
            command_id=f"cmd_{uuid4().hex}",
            at=datetime.now(UTC),
            text="The uploader retries three times now, and waits longer after each attempt.",
        )
    )


@dataclass(frozen=True, slots=True)
class AppendJob:
    """So many callers of one process, each appending so many events at once."""

    database: Database
    callers: int
    events: int
    state: bytes
    window: Window
    max_connections: int


def append(job: AppendJob, gate: Gate) -> Tally:
    """The callers of one process, who share a recorder."""
    with (
        open_pool(job.database, max_connections=job.max_connections) as pool,
        PostgresLogRecorder(job.database, pool) as recorder,
    ):
        calls = [caller(recorder, job.events, job.state) for _ in range(job.callers)]
        return drive(calls, job.window, gate)


def caller(recorder: PostgresLogRecorder, events: int, state: bytes) -> Call:
    """Appends to a thread of its own, as a command would: at a seq, with a receipt."""
    thread_id = f"thr_{uuid4().hex}"
    turn_id = f"turn_{uuid4().hex}"
    topic = ItemCompleted.name
    seq = 0

    def call() -> tuple[str, int]:
        nonlocal seq
        command_id = f"cmd_{uuid4().hex}"
        records = [
            LogRecord(
                turn_id,
                seq + number,
                topic,
                state,
                thread_id,
                command_id,
                RECEIPT if number == 1 else None,
            )
            for number in range(1, events + 1)
        ]
        recorder.append(records, seq)
        seq += events
        return "append", events

    return call
