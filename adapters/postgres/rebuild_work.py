"""What a rebuild has to do, as a table of tasks in its schema, which outlives the process.

A task is a part of the threads to fill, an index to make, or what needs these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from psycopg.types.numeric import Int8

from adapters.postgres.connection import Connection
from adapters.postgres.queries import load_queries
from projections.registry import load_indexes

QUERIES: Final = load_queries("rebuild.sql")

WORK_TABLE: Final = "rebuild_work"
PART_EVENTS: Final = 40_000
"""About how many events a task has; a thread is never cut, so one may have more."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many events of each of those types the log has up to a position."""

    upto: int = 0
    types: Sequence[str] = ()
    numbers: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the table of tasks. When it is done, it has `taken` so many of its `events`."""

    number: int
    phase: str
    weight: int
    first: str | None
    last: str | None
    statement: LiteralString | None
    after: int
    upto: int
    events: int | None
    taken: int | None

    @property
    def is_done(self) -> bool:
        return self.taken is not None


def plan(connection: Connection, part_events: int) -> None:
    """Note what is to be done. The tables are there, without indexes."""
    connection.execute(QUERIES["create_work"], prepare=False)
    row = connection.execute(QUERIES["select_end"]).fetchone()
    assert row is not None
    upto = Int8(row[0])
    connection.execute(QUERIES["insert_parts"], {"events": part_events, "upto": upto})
    statements = load_indexes()
    for statement in statements:
        # All together as much as all threads for a table.
        values = {"statement": statement, "weight": row[0] // len(statements) + 1, "upto": upto}
        connection.execute(QUERIES["insert_statement"], values)


def tasks(connection: Connection) -> list[Task]:
    """All that was planned, the largest of each phase first."""
    return [Task(*row) for row in connection.execute(QUERIES["select_work"], prepare=False)]


def counted(connection: Connection, planned: Sequence[Task]) -> Counted:
    """What was filled, when all is done."""
    row = connection.execute(QUERIES["select_counts"], prepare=False).fetchone()
    assert row is not None
    return Counted(end(planned), *row)


def events_done(planned: Sequence[Task]) -> int:
    """How much is done, in events."""
    done = sum(task.weight for task in planned if task.is_done)
    return end(planned) * done // sum(task.weight for task in planned)


def end(planned: Sequence[Task]) -> int:
    """The position the tables are at when all is done."""
    return max(task.upto for task in planned)
