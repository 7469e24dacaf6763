"""Fills a log with histories as the application would have written them, at the speed of COPY.

Numbers, versions, chains of hashes and receipts are as `verify` wants them. What cannot be had this
way are receipts of commands whose body names an id: such a command would be a conflict if retried.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from psycopg import sql

from adapters.bench.copies import GROUP, MICROSECONDS_PER_EVENT, Copier, Group
from adapters.bench.crew import Crew
from adapters.bench.load import Gate
from adapters.bench.scene import Pace
from adapters.bench.template import make_template
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated
from adapters.system import cores

VARIANTS: Final = 4
EVENTS_PER_RUN: Final = 200_000  # of one process, between two words about the progress
WITHOUT_INDEXES_FROM: Final = 400_000  # events: then building them afterwards is faster
MOST_EVENTS: Final = 20_000_000  # of one log: its times end before now
EVENTS_PER_SECOND: Final = 60_000  # a guess, for estimates

_INDEXES: Final[LiteralString] = """
    SELECT i.indexrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid),
           pg_get_indexdef(i.indexrelid)
    FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
    WHERE i.indrelid = 'log'::regclass
    ORDER BY i.indexrelid
"""
_COLUMNS: Final[LiteralString] = (
    "position, thread_id, seq, stream_id, version, type, data, command_id, receipt, recorded_at, "
    "hash"
)


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads that were filled in, all alike: what the next append to one of them must know."""

    ids: Sequence[str]
    seq: int
    version: int


@dataclass(frozen=True, slots=True)
class _Job:
    database: Database
    shape: tuple[int, int]
    start: int
    groups: Sequence[Group]


class Generator:
    """Fills one log, which must be empty at first and have no other writer."""

    def __init__(self, database: Database, pace: Pace | None = None) -> None:
        self._database = database
        self._pace = pace or Pace(lambda _done, _total, _what: None)
        now = time.time_ns() // 1000
        self._start = now - MICROSECONDS_PER_EVENT * MOST_EVENTS
        self._position = 0
        self._copies = 0

    @property
    def position(self) -> int:
        """The last one filled."""
        return self._position

    def fill(self, threads: int, turns: int, events: int, remember: int = 0) -> Threads:
        """So many more threads, of so many turns and events each.

        Some of them are remembered: `remember` at most, from all over the log.
        """
        groups = [
            Group(
                self._copies + first,
                min(GROUP, threads - first),
                self._position + first * events,
            )
            for first in range(0, threads, GROUP)
        ]
        total = threads * events
        with connect(self._database) as connection, translated(self._database):
            empty = self._position == 0 and total >= WITHOUT_INDEXES_FROM
            dropped = _drop_indexes(connection) if empty else []
            self._copy(groups, (turns, events))
            with self._pace.step("indexes", total / EVENTS_PER_SECOND / 3):
                _make_indexes(connection, dropped)
                connection.execute("VACUUM (ANALYZE) log")
            self._copies += threads
            self._position += total
            values = {"position": self._position, "microseconds": self._time_of(self._position)}
            connection.execute(
                "UPDATE log_head SET position = %(position)s, "
                "recorded_at = to_timestamp(0) + %(microseconds)s * interval '1 microsecond'",
                values,
            )
        return self._remembered(groups, (turns, events), remember)

    def _copy(self, groups: Sequence[Group], shape: tuple[int, int]) -> None:
        events = shape[1]
        total = sum(group.copies for group in groups) * events
        processes = max(1, min(cores(), len(groups)))
        if total < EVENTS_PER_RUN:
            # Less than the start of processes costs.
            _copy_groups(_Job(self._database, shape, self._start, groups), lambda: None)
            return
        per_run = max(1, EVENTS_PER_RUN // (GROUP * events)) * processes
        with Crew(processes) as crew:
            for i in range(0, len(groups), per_run):
                run = groups[i : i + per_run]
                seconds = sum(group.copies for group in run) * events / EVENTS_PER_SECOND
                with self._pace.step(f"filling the log: {total:,} events", seconds):
                    jobs = [
                        _Job(self._database, shape, self._start, run[p::processes])
                        for p in range(processes)
                    ]
                    crew.run(_copy_groups, jobs)

    def _time_of(self, position: int) -> int:
        return self._start + MICROSECONDS_PER_EVENT * position

    def _remembered(
        self, groups: Sequence[Group], shape: tuple[int, int], remember: int
    ) -> Threads:
        copiers = _copiers(shape, self._start)
        every = max(1, len(groups) * GROUP // remember) if remember else 0
        ids: list[str] = []
        for number in range(0, len(groups) * GROUP, every) if remember else ():
            group = groups[number // GROUP]
            if number % GROUP < group.copies and len(ids) < remember:
                ids.append(_copier_of(group, copiers).thread_id(group, number % GROUP))
        return Threads(ids, shape[1], copiers[0].last_version)


def _copy_groups(job: _Job, gate: Gate) -> None:
    copiers = _copiers(job.shape, job.start)
    gate()
    with (
        connect(job.database) as connection,
        translated(job.database),
        connection.cursor() as cursor,
        cursor.copy(f"COPY log ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for group in job.groups:
            copy.write(_copier_of(group, copiers).lines(group))


@functools.cache  # a long template takes seconds
def _copiers(shape: tuple[int, int], start: int) -> tuple[Copier, ...]:
    """Of each variant; of one only, if the thread is so long that there will be few."""
    variants = VARIANTS if shape[1] <= EVENTS_PER_RUN // GROUP else 1
    return tuple(Copier(make_template(*shape, variant), start) for variant in range(variants))


def _copier_of(group: Group, copiers: Sequence[Copier]) -> Copier:
    return copiers[group.first_copy // GROUP % len(copiers)]


def _drop_indexes(connection: Connection) -> Sequence[Sequence[str]]:
    """What `_make_indexes` makes again. If it never comes to that, it was only a bench's log."""
    found = connection.execute(_INDEXES).fetchall()
    for index, constraint, _, _ in found:
        drop = (
            sql.SQL("ALTER TABLE log DROP CONSTRAINT {}").format(sql.Identifier(constraint))
            if constraint
            else sql.SQL("DROP INDEX {}").format(sql.Identifier(index.rpartition(".")[2]))
        )
        connection.execute(drop)
    return found


def _make_indexes(connection: Connection, dropped: Sequence[Sequence[str]]) -> None:
    connection.execute("SET maintenance_work_mem = '256MB'")
    for _, constraint, definition, index in dropped:
        if constraint:
            name = sql.Identifier(constraint).as_string()
            connection.execute(f"ALTER TABLE log ADD CONSTRAINT {name} {definition}".encode())
        else:
            connection.execute(index.encode())
