"""Compare the read models with the fold of the log, row by row.

One thread is in memory at a time. The log itself (numbers, chains, laws) is verified elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final

from domain.errors import CorruptEvent, ImpossibleEvent, TurnlogError
from domain.ports import EventLog, Recorded
from projections.errors import UnreadableRow
from projections.ports import RowReader
from projections.registry import KEYS, ROWS
from projections.replay import replay
from projections.rows import Row, ThreadRows

MISSING: Final = "no such row"


@dataclass(frozen=True, slots=True)
class Difference:
    """A column of a row that is not what the log says; `column` None: the whole row is.

    `expected` is what the log says, `found` what the table has; MISSING where one has no row.
    """

    thread_id: str
    table: str
    key: str
    column: str | None
    expected: object
    found: object

    @property
    def where(self) -> str:
        """The place alone: what is there, and what should be, may be somebody's words."""
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.table}, row {self.key}{column}"

    def __str__(self) -> str:
        if self.column is None:
            missing = self.found == MISSING
            return f"{self.where}: {'missing' if missing else 'not in the log'}"
        return f"{self.where}: is {self.found!r}, the log says {self.expected!r}"


@dataclass(frozen=True, slots=True)
class ThreadComparison:
    """What comparing one thread found, at the `seq` up to which its rows go.

    `rows` were compared. `problem` says why they could not be: the history does not fold, or holds
    an event that cannot be read.
    """

    thread_id: str
    seq: int
    rows: int
    differences: tuple[Difference, ...] = ()
    problem: TurnlogError | None = None

    @property
    def is_clean(self) -> bool:
        """Whether the tables say what the log says."""
        return not self.differences and self.problem is None


def compare_thread(
    thread_id: str, log: EventLog, reader: RowReader, history: Sequence[Recorded] | None = None
) -> ThreadComparison:
    """The thread's rows against its log up to where the rows are.

    The events are read after the rows, and only as far: a log never changes, so however many are
    appended meanwhile, both are of the same moment. A `history` at hand saves reading it, if it is
    long enough.
    """
    try:
        found, seq = reader.snapshot(thread_id)
    except UnreadableRow as error:
        return ThreadComparison(thread_id, 0, 0, (_unreadable(thread_id, error),))
    try:
        if history is None or len(history) < seq:
            history = log.read_thread(thread_id, upto_seq=seq) if seq else ()
        expected = replay(history[:seq])
    except (CorruptEvent, ImpossibleEvent) as error:
        return ThreadComparison(thread_id, seq, 0, problem=error)
    differences, rows = compare(thread_id, expected, found)
    return ThreadComparison(thread_id, seq, rows, tuple(differences))


def compare(
    thread_id: str, expected: ThreadRows, found: ThreadRows
) -> tuple[list[Difference], int]:
    """Every difference, and how many rows were compared."""
    differences: list[Difference] = []
    count = 0
    for table in ROWS:
        should_be, is_ = _by_key(table, expected), _by_key(table, found)
        for key in sorted(should_be.keys() | is_.keys()):
            count += 1
            differences.extend(
                _differences(thread_id, table, key, should_be.get(key), is_.get(key))
            )
    return differences, count


def _by_key(table: str, rows: ThreadRows) -> dict[str, Row]:
    value = rows.thread if table == "threads" else getattr(rows, table)
    every = value if isinstance(value, tuple) else (value,)
    return {getattr(row, KEYS[table]): row for row in every if row is not None}


def _differences(
    thread_id: str, table: str, key: str, expected: Row | None, found: Row | None
) -> Iterator[Difference]:
    if expected is None or found is None:
        yield Difference(thread_id, table, key, None, _or_missing(expected), _or_missing(found))
        return
    for field in fields(expected):
        should_be, is_ = getattr(expected, field.name), getattr(found, field.name)
        if not _same(should_be, is_):
            yield Difference(thread_id, table, key, field.name, should_be, is_)


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        # In Python 1 == 1.0 == True; in JSON these are three values.
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return type(one) is type(other) and one == other


def _unreadable(thread_id: str, error: UnreadableRow) -> Difference:
    return Difference(
        thread_id, error.table, error.key, error.column, "a value that can be read", error.why
    )


def _or_missing(row: Row | None) -> object:
    return MISSING if row is None else row
