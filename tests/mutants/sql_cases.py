"""What the read models' SQL makes of some logs, found out in few round trips.

The logs are those of tests/projections (the story, and the story with one thing wrong in it), each
in a schema of its own, and kept: a mutant works in a transaction that is rolled back. What the SQL
itself makes of them is what those tests check: that the rows of the story are what it folds to,
wherever it is cut, and that wrong logs stop at the event that is wrong. So a mutant that makes
something else of one of them is one that they would notice, and it is known in a second.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
from psycopg.pq import ExecStatus
from psycopg.types.numeric import Int8

from adapters.postgres.connection import Connection
from domain.events.registry import ALL
from projections import registry
from tests.projections.damage import NEEDED, TOO_EARLY, Line, damaged, lines_of, without
from tests.projections.histories import Log, decorated
from tests.projections.story import STORY

Cuts = tuple[int, ...]
Made = tuple[bool, ...] | tuple[str, ...]
"""Which ranges were taken, up to the first that was not; or all rows, if all were."""

# Of a statement that is refused it would tell more than once.
logging.getLogger("psycopg").setLevel(logging.ERROR)

Answer = psycopg.Cursor[tuple[Any, ...]]
Asked = tuple[str, Mapping[str, object] | None]

_ROWS: Final[Sequence[Asked]] = [
    (f"SELECT t::text FROM {table} t ORDER BY thread_id, {key}", None)
    for table, key in registry.KEYS.items()
]
WHOLE: Final = len(STORY.entries)


@dataclass(frozen=True)
class Case:
    """A log, and where it is cut. `fills`: also as a rebuild does it."""

    schema: str
    types: tuple[str, ...]
    cuts: Cuts
    fills: bool


@dataclass(frozen=True)
class Texts:
    """The SQL of one moment."""

    steps: Mapping[str, str]
    fills: Mapping[str, str]

    @classmethod
    def now(cls) -> Texts:
        names = registry.STEPS
        fills = {name: registry.load_fill(name) for name in (*names, "waiting")}
        return cls({name: registry.load_sql(name) for name in names}, fills)


def cases() -> Iterator[tuple[Case, list[Line]]]:
    """All of them, with what is in their logs; those that tell most come first."""
    lines = lines_of(STORY)
    for size in (WHOLE, 21, 5, 2, 1):
        cuts = (*range(size, WHOLE, size), WHOLE)
        yield _case("story", lines, cuts, fills=size == WHOLE), lines
    imported = lines_of(log_of_imported())
    for cuts in ((WHOLE,), (*range(9, WHOLE, 9), WHOLE)):
        yield _case("imported", imported, cuts, fills=len(cuts) == 1), imported
    for upto in range(3, WHOLE):  # what is there in between
        yield _case("story", lines, (upto - 2, upto), fills=False), lines
    for number, (what, wrong, at) in enumerate(_wrong(lines)):
        stops = sorted({at - 1, at, at + 1} & set(range(1, len(wrong) + 1)))
        yield _case(f"{what}_{number}", wrong, tuple(stops), fills=True), wrong
        yield _case(f"{what}_{number}", wrong, (len(wrong),), fills=False), wrong


def log_of_imported() -> Log:
    """The story, as if it had been imported in part."""
    entries = (e._replace(event=decorated(e.event, e.position, 3)) for e in STORY.entries)
    return Log(tuple(entries))


def _wrong(lines: list[Line]) -> Iterator[tuple[str, list[Line], int]]:
    """Logs with one thing wrong, and the position of that."""
    for event in ALL:
        place = next(i for i, line in enumerate(lines) if line.type == event.name)
        yield "newer", damaged(STORY, "newer version", place), place + 1
        yield "twice", [*lines[: place + 1], lines[place], *lines[place + 1 :]], place + 2
        last = max(i for i, line in enumerate(lines) if line.type == event.name)
        yield "no_body", damaged(STORY, "no body", last), last + 1
    place = next(i for i, line in enumerate(lines) if line.type == "queue.held")
    body = {**json.loads(lines[place].data), "input_ids": []}
    empty = replace(lines[place], data=json.dumps(body))
    yield "empty", [*lines[:place], empty, *lines[place:]], place + 1
    for name, field in NEEDED:
        place = next(i for i, line in enumerate(lines) if line.type == name)
        line = without(lines[place], field)
        yield "lacks", [*lines[:place], line, *lines[place + 1 :]], place + 1
    for moved, before in TOO_EARLY:
        line = next(line for line in lines if line.type == moved)
        rest = [other for other in lines if other is not line]
        at = next(i for i, other in enumerate(rest) if other.type == before)
        yield "before", [*rest[:at], line, *rest[at:]], at + 1


def _case(schema: str, lines: Sequence[Line], cuts: Cuts, *, fills: bool) -> Case:
    return Case(schema, tuple(line.type for line in lines), cuts, fills)


def make_schemas(connection: Connection) -> list[Case]:
    """Put all logs there."""
    found: list[Case] = []
    for case, lines in cases():
        if not any(other.schema == case.schema for other in found):
            put(connection, case, lines)
        found.append(case)
    return found


def put(connection: Connection, case: Case, lines: Sequence[Line]) -> None:
    """Make the schema of the case, with this log."""
    seqs: dict[str, int] = {}
    versions: dict[str, int] = {}
    rows = []
    for position, line in enumerate(lines, start=1):
        seqs[line.thread_id] = seqs.get(line.thread_id, 0) + 1
        versions[line.stream_id] = versions.get(line.stream_id, 0) + 1
        numbers = (position, line.thread_id, seqs[line.thread_id])
        rows.append((*numbers, line.stream_id, versions[line.stream_id], line.type, line.data))
    statements = (
        f"CREATE SCHEMA {case.schema}; CREATE TABLE {case.schema}.log (LIKE log INCLUDING INDEXES);"
        f" SET search_path = {case.schema}; {registry.load_sql('tables')}"
    )
    connection.execute(statements.encode())
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO log (position, thread_id, seq, stream_id, version, type, data,"
            " recorded_at, hash) VALUES (%s, %s, %s, %s, %s, %s, %s, now(), '')",
            rows,
        )
    connection.execute("RESET search_path")


class NotSql(Exception):
    """The server does not understand it."""


def steps_make(connection: Connection, case: Case, texts: Texts) -> Made:
    """What a follower makes of the log in steps that end at the cuts. Raises NotSql."""
    ranges: list[tuple[int, int]] = []  # how many events, applied by how many statements
    asked: list[Asked] = []
    for after, upto in zip((0, *case.cuts), case.cuts, strict=False):
        bounds = {"after": Int8(after), "upto": Int8(upto)}
        names = registry.steps_for(case.types[after:upto])
        asked += [(texts.steps[name], bounds) for name in names]
        ranges.append((upto - after, len(names)))
    with _answers(connection, case.schema, [*asked, *_ROWS]) as answers:
        taken: list[bool] = []
        for size, count in ranges:
            taken.append(_is_taken(size, answers[:count]))
            if not taken[-1]:
                return tuple(taken)
            del answers[:count]
        return _contents(answers)


def fills_make(connection: Connection, case: Case, texts: Texts) -> Made:
    """What a rebuild makes of the whole log. Raises NotSql."""
    size = len(case.types)
    part = {"after": Int8(0), "upto": Int8(size), "first": "", "last": "z"}
    take = f"CREATE TEMPORARY TABLE part ON COMMIT DROP AS {registry.load_part()}"
    asked = [(take, part), (texts.fills["waiting"], part)]
    names = (*registry.FILL_STEPS, "context")
    asked[1:1] = [(texts.fills[name], part) for name in names]
    with _answers(connection, case.schema, [*asked, *_ROWS]) as answers:
        if not _is_taken(size, answers[1 : 1 + len(names)]):
            return (False,)
        return _contents(answers[len(asked) :])


@contextmanager
def _answers(
    connection: Connection, schema: str, asked: Sequence[Asked]
) -> Iterator[list[Answer | None]]:
    """All in one round trip, of a transaction that is rolled back. None: not any more."""
    answers: list[Answer | None] = []
    with connection.transaction(force_rollback=True):
        try:
            with connection.pipeline():
                connection.execute(f"SET LOCAL search_path = {schema}".encode(), prepare=False)
                for statement, values in asked:
                    answers.append(connection.execute(statement.encode(), values))
        except psycopg.Error as error:
            if (error.sqlstate or "").startswith("42"):
                raise NotSql from error
        yield [*answers, *[None] * (len(asked) - len(answers))]


def _is_taken(size: int, answers: Sequence[Answer | None]) -> bool:
    found = [answer.fetchone() for answer in answers if _has_answered(answer) and answer]
    fits = sum(int(str(row[0])) for row in found if row) == size and len(found) == len(answers)
    return fits and not any(row[1] for row in found if row)


def _has_answered(cursor: Answer | None) -> bool:
    result = None if cursor is None else cursor.pgresult
    return result is not None and result.status == ExecStatus.TUPLES_OK


def _contents(rows: Sequence[Answer | None]) -> Made:
    if not all(map(_has_answered, rows)):  # something before them was refused
        return (False,)
    return tuple(str(row[0]) for cursor in rows if cursor for row in cursor.fetchall())
