"""What the read models' SQL makes of some logs, found out in few round trips.

The logs are those of tests/projections (the story, and the story with one thing wrong in it), each
in a schema of its own, and kept: a mutant works in a transaction that is rolled back. What the SQL
itself makes of them is what those tests check: that the rows of the story are what it folds to,
wherever it is cut, and that wrong logs stop at the event that is wrong. So a mutant that makes
something else of one of them is one that they would notice, and it is known in a second.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.pq import ExecStatus
from psycopg.types.numeric import Int8

from adapters.postgres.connection import Connection
from projections import registry
from tests.mutants.sql_cases import WHOLE, Case
from tests.projections.damage import MISCOUNTED

Made = tuple[bool, ...] | tuple[str, ...]
"""Which ranges were taken, up to the first that was not; or a digest of each table, if all were."""

# Of a statement that is refused it would tell more than once.
logging.getLogger("psycopg").setLevel(logging.ERROR)

Answer = psycopg.Cursor[tuple[Any, ...]]
Asked = tuple[str, Mapping[str, object] | None]

# By their names: else they come in the order of the plan, which changes when tables are analysed.
_DIGESTS: Final = " UNION ALL ".join(
    f"SELECT '{table}', md5(string_agg(t::text, chr(10) ORDER BY thread_id, {key})) FROM {table} t"
    for table, key in registry.KEYS.items()
)
_ROWS: Final = f"{_DIGESTS} ORDER BY 1"
_ALL_ROWS: Final[Asked] = (_ROWS, None)


@dataclass(frozen=True)
class Texts:
    """The SQL of one moment. `tables` if they are to be made anew, by that."""

    steps: Mapping[str, str]
    fills: Mapping[str, str]
    counts: str
    tables: str | None = None

    @classmethod
    def now(cls, *, tables: bool = False) -> Texts:
        names = registry.STEPS
        fills = {name: registry.load_fill(name) for name in (*names, "waiting")}
        made = _anew(registry.load_sql("tables")) if tables else None
        steps = {name: registry.load_sql(name) for name in names}
        return cls(steps, fills, registry.load_sql("counts"), made)


def _anew(made: str) -> str:
    state = "INSERT INTO read_models (position, definition) VALUES (0, '')"
    return f"DROP TABLE {', '.join(registry.TABLES)}; {made}; {state}"


class NotSql(Exception):
    """The server does not understand it."""


def make(connection: Connection, case: Case, texts: Texts) -> Made:
    """What comes of the case. Raises NotSql."""
    if case.counted is not None:
        return counts_make(connection, case, texts, case.counted)
    if case.parts is None:
        return steps_make(connection, case, texts)
    return fills_make(connection, case, texts)


def steps_make(connection: Connection, case: Case, texts: Texts) -> Made:
    """What a follower makes of the log in steps that end at the cuts. Raises NotSql."""
    ranges: list[tuple[int, int]] = []  # how many events, applied by how many statements
    asked: list[Asked] = []
    for after, upto in zip((0, *case.cuts), case.cuts, strict=False):
        bounds = {"after": Int8(after), "upto": Int8(upto)}
        names = registry.steps_for(case.types[after:upto])
        asked += [(texts.steps[name], bounds) for name in names]
        asked += [_ALL_ROWS] if case.told else []
        ranges.append((upto - after, len(names)))
    with _answers(connection, case.schema, texts, [*asked, _ALL_ROWS]) as answers:
        taken: list[bool] = []
        told: list[str] = []
        for size, count in ranges:
            taken.append(_is_taken(size, list(map(_numbers, answers[:count]))))
            if not taken[-1]:
                return tuple(taken)
            del answers[:count]
            if case.told:
                told += map(str, _contents(answers[0]))
                del answers[0]
        return (*told, *map(str, _contents(answers[0])))


def fills_make(connection: Connection, case: Case, texts: Texts) -> Made:
    """What a rebuild makes of the log up to the cut, by parts. Raises NotSql."""
    (upto,) = case.cuts
    parts = case.parts or ()
    bounds = [
        {"after": Int8(0), "upto": Int8(upto), "first": first, "last": last}
        for first, last in zip(("", *parts), parts, strict=False)
    ]
    take = f"CREATE TEMPORARY TABLE part ON COMMIT DROP AS {registry.load_part()}"
    about = registry.steps_for(case.types[:upto])
    fills = [name for name in registry.FILL_STEPS if name in about]
    asked: list[Asked] = []
    for part in bounds:
        asked += [(take, part), *((texts.fills[name], part) for name in fills)]
        asked.append(("DROP TABLE part", None))
    for part in bounds:
        asked += [(texts.fills[name], part) for name in ("waiting", "context")]
    with _answers(connection, case.schema, texts, [*asked, _ALL_ROWS]) as answers:
        filled: list[Sequence[int]] = []
        for _ in bounds:
            filled += map(_numbers, answers[1 : 1 + len(fills)])
            del answers[: len(fills) + 2]
        *finished, rows = answers
        events = sum(numbers[-1] for numbers in filled[len(fills) - 1 :: len(fills)])
        # Only what is left then is looked for by "context".
        left = events - sum(numbers[0] for numbers in filled)
        last = [_numbers(answer) for answer in finished[1::2]]
        if events != upto or not (_is_taken(upto - left, filled) and _is_taken(left, last)):
            return (False,)
        return _contents(rows)


def counts_make(connection: Connection, case: Case, texts: Texts, counted: int) -> Made:
    """What a rebuild counts, also when the tables have been spoiled. Raises NotSql."""
    (upto,) = case.cuts
    before = Counter(case.types[:counted])
    positions = {"after": Int8(counted), "position": Int8(upto)}
    values = {**positions, "types": list(before), "numbers": list(before.values())}
    bounds = {"after": Int8(0), "upto": Int8(upto)}
    asked: list[Asked] = [(texts.steps[name], bounds) for name in registry.STEPS]
    applied = len(asked)
    for damage in ("SELECT", *MISCOUNTED):
        asked += [("SAVEPOINT sound", None), (damage, None), (texts.counts, values)]
        asked.append(("ROLLBACK TO sound", None))
    with _answers(connection, case.schema, texts, asked) as answers:
        return tuple(str(_contents(answer)) for answer in answers[applied + 2 :: 4])


@contextmanager
def _answers(
    connection: Connection, schema: str, texts: Texts, asked: Sequence[Asked]
) -> Iterator[list[Answer | None]]:
    """All in one round trip, of a transaction that is rolled back. None: not any more."""
    answers: list[Answer | None] = []
    with connection.transaction(force_rollback=True):
        try:
            connection.execute(f"SET LOCAL search_path = {schema}".encode(), prepare=False)
            if texts.tables is not None:
                connection.execute(texts.tables.encode())
            with connection.pipeline():
                for statement, values in asked:
                    answers.append(connection.execute(statement.encode(), values))
        except psycopg.Error as error:
            if (error.sqlstate or "").startswith("42"):
                raise NotSql from error
        yield [*answers, *[None] * (len(asked) - len(answers))]


def _is_taken(size: int, found: Sequence[Sequence[int]]) -> bool:
    return sum(row[0] for row in found) == size and not any(row[1] for row in found)


def _numbers(answer: Answer | None) -> Sequence[int]:
    """What a file has taken and missed, and what else it answers. Nothing, if it was refused."""
    row = answer.fetchone() if answer is not None and _has_answered(answer) else None
    return (-WHOLE, 1, 0) if row is None else [int(number) for number in row]


def _has_answered(cursor: Answer | None) -> bool:
    result = None if cursor is None else cursor.pgresult
    return result is not None and result.status == ExecStatus.TUPLES_OK


def _contents(answer: Answer | None) -> Made:
    if answer is None or not _has_answered(answer):  # something before it was refused
        return (False,)
    return tuple(" ".join(map(str, row)) for row in answer.fetchall())
