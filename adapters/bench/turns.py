"""Whole turns through the application: submit, three items begun and ended, finish.

Every step is a command of its own, as when an engine works: 8 commands, 12 events. Beside it the
same turn with each item recorded when it is over (`recorded`): 5 commands, 12 events.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from adapters.bench.baselines import pgbench
from adapters.bench.crew import Crew
from adapters.bench.load import Call, Gate, Tally, Window, drive, merged
from adapters.bench.report import Measure, Report
from adapters.bench.scene import Scene
from adapters.composition import open_turnlog
from adapters.postgres.database import Database
from adapters.settings import Settings
from domain.outcome import Outcome
from domain.service import ThreadService

Shape = Literal["begun_and_ended", "recorded"]

PROMPT: Final = "Add a retry to the uploader, and tell me which tests cover it."
SUMMARIES: Final = ("Read the uploader", "Run its tests", "Edit the uploader")
ANSWER: Final = "It retries three times now, and waits longer after each attempt."
OVERHEAD_SECONDS: Final = 0.8
MAIN: Final[Shape] = "begun_and_ended"


@dataclass(frozen=True, slots=True)
class Point:
    """So many threads in so many processes, doing turns of that shape; each process on one core?"""

    callers: int
    shape: Shape = MAIN
    processes: int = 1
    one_core: bool = False

    @property
    def name(self) -> str:
        """`32`, `32_recorded`, `32_4p`, `32_one_core`."""
        shape = "" if self.shape == MAIN else f"_{self.shape}"
        processes = f"_{self.processes}p" if self.processes > 1 else ""
        return f"{self.callers}{shape}{processes}" + ("_one_core" if self.one_core else "")


@dataclass(frozen=True, slots=True)
class Scale:
    """What is measured, and for how long."""

    points: Sequence[Point]
    window: Window
    rounds: int


ON_ONE_CORE: Final = (Point(32, one_core=True),) if sys.platform == "linux" else ()
FULL: Final = Scale(
    (
        Point(1),
        Point(8),
        Point(32),
        *ON_ONE_CORE,
        Point(1, "recorded"),
        Point(8, "recorded"),
        Point(32, "recorded"),
        Point(32, MAIN, 4),
        Point(32, "recorded", 4),
    ),
    Window(1, 4),
    rounds=3,
)
QUICK: Final = Scale((Point(1), Point(8), Point(32), *ON_ONE_CORE), Window(0.4, 1.5), rounds=3)


@dataclass(frozen=True, slots=True)
class TurnsJob:
    """The share of one process."""

    settings: Settings
    callers: int
    shape: Shape
    window: Window
    one_core: bool


def turns(job: TurnsJob, gate: Gate) -> Tally:
    """The callers of one process, each on a thread of its own."""
    with _cores(1 if job.one_core else None), open_turnlog(job.settings) as turnlog:
        calls = [caller(turnlog.service, job.shape) for _ in range(job.callers)]
        return drive(calls, job.window, gate)


@contextmanager
def _cores(number: int | None) -> Iterator[None]:
    """This thread, and those that it starts, keep to so many cores; the server may use all.

    The threads of one interpreter take turns. On several cores each turn begins with another core
    fetching what the last one had at hand (measured: 0.14 ms a command, instead of 0.10).
    """
    if number is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def caller(service: ThreadService, shape: Shape) -> Call:
    """Does the next command of the turn, and then the next turn, on a new thread of the log."""
    thread_id = service.create(title="Bench").thread_id
    steps = commands(service, thread_id, shape)
    seq = 1

    def call() -> tuple[str, int]:
        nonlocal seq
        kind, outcome = next(steps)
        assert outcome.seq is not None, "each of them appends"
        before, seq = seq, outcome.seq
        return kind, seq - before

    return call


def commands(
    service: ThreadService, thread_id: str, shape: Shape = MAIN
) -> Iterator[tuple[str, Outcome]]:
    """One turn after the other, a command at each step: its kind, and what came of it."""
    for _ in itertools.count():
        outcome = service.submit(thread_id, PROMPT)
        turn_id = outcome.started_turn_id
        assert turn_id is not None, "nothing else runs in the thread"
        yield "submit", outcome
        for summary in SUMMARIES:
            if shape == "recorded":
                yield (
                    "item",
                    service.record_item(thread_id, turn_id, "tool_call", summary, text=ANSWER),
                )
                continue
            started = service.start_item(thread_id, turn_id, "tool_call", summary)
            yield "item", started
            [item_id] = started.item_ids
            yield "item", service.end_item(thread_id, turn_id, item_id, text=ANSWER)
        yield "finish", service.finish(thread_id, turn_id, "completed")


def run(scene: Scene, scale: Scale, *, quick: bool) -> Report:
    """Measure. Raises BenchFailed, NotDurable, and errors of the store."""
    cost = scale.window.total + OVERHEAD_SECONDS
    scene.pace.plan(cost * (len(scale.points) + 1) * scale.rounds)
    tallies: dict[Point, list[Tally]] = {point: [] for point in scale.points}
    rows: list[float] = []
    with scene.database() as database:
        why = pgbench.why_not(32, int(str(scene.settings["max_connections"])))
        processes = {point.processes for point in scale.points}
        crews = {number: Crew(number) for number in processes}
        with _all(crews.values()):
            for _, point in itertools.product(range(scale.rounds), scale.points):
                with scene.pace.step(_words(point), cost):
                    tallies[point].append(
                        _measure(scene, database, crews[point.processes], point, scale.window)
                    )
            for _ in range(scale.rounds if why is None else 0):
                with scene.pace.step("pgbench, 32 clients", cost):
                    seconds = scale.window.seconds
                    rows.append(pgbench.rows_per_second(database, 32, seconds, ANSWER))
    report = Report("turns", quick)
    for point, rounds in tallies.items():
        _tell(report, point, rounds)
    name = "pgbench_32_rows_per_s"
    report.baselines[name] = (
        Measure.of(rows, "rows/s") if rows else Measure.missing("rows/s", why or "")
    )
    for name in ("32", "32_one_core", "32_recorded", "32_4p", "32_recorded_4p"):
        if measure := report.figures.get(f"turns_{name}_events_per_s"):
            report.ratios[f"turns_events_per_s_{name}"] = measure.value
    return scene.finish(
        report,
        clients=sorted({point.callers for point in scale.points}),
        processes=sorted(processes),
        seconds=scale.window.seconds,
        rounds=scale.rounds,
        shape="submit, 3 × (start_item, end_item), finish: 8 commands, 12 events",
    )


@contextmanager
def _all(crews: Iterable[Crew]) -> Iterator[None]:
    with ExitStack() as stack:
        for crew in crews:
            stack.enter_context(crew)
        yield


def _measure(scene: Scene, database: Database, crew: Crew, point: Point, window: Window) -> Tally:
    settings = scene.settings_for(database)
    each = point.callers // point.processes
    jobs = [TurnsJob(settings, each, point.shape, window, point.one_core)] * point.processes
    return merged(crew.run(turns, jobs))


def _tell(report: Report, point: Point, rounds: Sequence[Tally]) -> None:
    name = f"turns_{point.name}"
    figures = report.figures
    figures[f"{name}_events_per_s"] = Measure.of(
        [tally.events_per_second for tally in rounds], "events/s"
    )
    figures[f"{name}_commands_per_s"] = Measure.of(
        [tally.calls_per_second for tally in rounds], "commands/s"
    )
    for percent in (50, 99):
        figures[f"{name}_submit_p{percent}"] = Measure.of(
            [tally.percentile(percent, "submit") * 1000 for tally in rounds], "ms"
        )


def _words(point: Point) -> str:
    threads = "1 thread" if point.callers == 1 else f"{point.callers} threads"
    processes = f" in {point.processes} processes" if point.processes > 1 else ""
    shape = ", items recorded" if point.shape == "recorded" else ""
    one_core = ", on one core" if point.one_core else ""
    return f"turns, {threads}{processes}{shape}{one_core}"
