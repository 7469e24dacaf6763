"""The logs that mutants of the read models' SQL are tried on, and how they are applied.

They are those of tests/projections: the story, and the story with one thing wrong in it, each in a
schema of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.postgres.connection import Connection
from domain.events.registry import ALL
from projections import registry
from tests.domain.world import THREAD
from tests.projections.damage import (
    ALONE,
    ELSEWHERE,
    NEEDED,
    OF_ANOTHER_TURN,
    TOO_EARLY,
    TOO_LATE,
    UNKNOWN,
    Line,
    Wrong,
    alone,
    damaged,
    elsewhere,
    first,
    lacking,
    lines_of,
    naming_nothing,
    of_another_turn,
    saying,
    too_early,
    too_late,
    without_turn,
)
from tests.projections.histories import Log, decorated
from tests.projections.story import STORY

Cuts = tuple[int, ...]
WHOLE: Final = len(STORY.entries)
ALL_THREADS: Final = "z"
AFTER_THE_WRONG: Final = 12


@dataclass(frozen=True)
class Case:
    """A log, where it is cut, and how it is applied.

    `parts` are the ids of threads that the parts of a rebuild end at (which applies no more than
    the cut); None: in steps. `told`: the rows after each step, too. `wrong` is the type of the
    event that is wrong. `counted`: what a rebuild counts of the rows then, with so many events that
    it has counted before.
    """

    schema: str
    types: tuple[str, ...]
    cuts: Cuts
    parts: tuple[str, ...] | None = None
    told: bool = False
    wrong: str | None = None
    counted: int | None = None

    @property
    def by(self) -> str:
        """In the words of `Target.may_notice`."""
        return "steps" if self.parts is None else "rebuild"

    def may_notice(self, name: str) -> bool:
        """Whether it can tell more about that file than the story does, which comes first."""
        if self.counted is not None or name == "counts":
            return self.counted is not None and name == "counts"
        if self.wrong is None or name == "tables":
            return True
        # That one has to do with all, and what is wrong with most of them is no concern of it.
        its = name != "threads" or self.wrong.startswith("thread.")
        return its and name in registry.steps_for([self.wrong])


def cases() -> Iterator[tuple[Case, list[Line]]]:
    """All of them, with what is in their logs; those that tell most come first."""
    lines = lines_of(STORY)
    types = tuple(line.type for line in lines)
    imported = lines_of(log_of_imported())
    yield _case("story", lines, _ends(WHOLE)), lines
    for upto in (WHOLE, *range(25, WHOLE, 25)):
        yield _case("story", lines, (upto,), parts=(ALL_THREADS,)), lines
    yield _case("story", lines, (WHOLE,), parts=(THREAD, ALL_THREADS)), lines
    yield _case("imported", imported, _ends(WHOLE)), imported
    yield _case("imported", imported, (WHOLE,), parts=(ALL_THREADS,)), imported
    for size in (21, 1):
        yield _case("story", lines, _ends(size), told=True), lines
    yield _case("imported", imported, _ends(9), told=True), imported
    yield _case("imported", imported, _ends(1)), imported
    yield _case("story", lines, (1, *_ends(2, 3)), told=True), lines
    for upto, counted in ((WHOLE - 3, 100), (20, 10)):
        yield Case("story", types, (upto,), counted=counted), lines
    for number, (what, (every, at)) in enumerate(_wrong(lines)):
        schema, about = f"{what}_{number}", every[at].type
        # What comes too early, or says too little, may be hidden by what comes later.
        wrong = every if what in {"before", "lacks", "turnless"} else every[: at + AFTER_THE_WRONG]
        whole = len(wrong)
        for cuts in ([at, at + 1, at + 2, whole], [at - 1, at + 1, whole], [whole]):
            stops = sorted({min(cut, whole) for cut in cuts if cut > 0})
            yield _case(schema, wrong, tuple(stops), about=about), wrong
        yield _case(schema, wrong, (whole,), parts=(ALL_THREADS,), about=about), wrong


def _ends(size: int, begin: int | None = None) -> Cuts:
    """Where steps of that size end."""
    return (*range(begin or size, WHOLE, size), WHOLE)


def log_of_imported() -> Log:
    """The story, as if it had been imported in part."""
    entries = (e._replace(event=decorated(e.event, e.position, 3)) for e in STORY.entries)
    return Log(tuple(entries))


def _wrong(lines: list[Line]) -> Iterator[tuple[str, Wrong]]:
    """Logs with one thing wrong, and the index of that."""
    for event in ALL:
        place = first(lines, event.name)
        yield "newer", (damaged(STORY, "newer version", place), place)
        yield "renamed", (damaged(STORY, "rename", place), place)
        yield "twice", ([*lines[: place + 1], lines[place], *lines[place + 1 :]], place + 1)
        last = max(i for i, line in enumerate(lines) if line.type == event.name)
        yield "no_body", (damaged(STORY, "no body", last), last)
    yield "empty", naming_nothing(STORY)
    yield "begins", too_early(STORY, "thread.created", "queue.held")
    yield from (("lacks", lacking(STORY, *needed)) for needed in NEEDED)
    yield from (("says", saying(STORY, *said)) for said in UNKNOWN)
    yield from (("before", too_early(STORY, *pair)) for pair in TOO_EARLY)
    yield from (("after", too_late(STORY, *pair)) for pair in TOO_LATE)
    yield from (("elsewhere", elsewhere(STORY, name)) for name in ELSEWHERE)
    yield "turnless", without_turn(STORY)
    yield from (("alone", alone(STORY, name)) for name in ALONE)
    yield from (("turn", of_another_turn(STORY, name)) for name in OF_ANOTHER_TURN)


def _case(
    schema: str,
    lines: Sequence[Line],
    cuts: Cuts,
    parts: tuple[str, ...] | None = None,
    *,
    told: bool = False,
    about: str | None = None,
) -> Case:
    return Case(schema, tuple(line.type for line in lines), cuts, parts, told, about)


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
