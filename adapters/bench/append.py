"""Appends of small events by many callers at once, each to a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from adapters.bench.appending import AppendJob, append, payload
from adapters.bench.baselines import library, pgbench
from adapters.bench.baselines.library import LibraryJob
from adapters.bench.crew import Crew
from adapters.bench.load import Tally, Window, merged
from adapters.bench.report import Measure, Report
from adapters.bench.scene import Scene
from adapters.postgres.database import Database
from domain.events.item import ItemCompleted

SPARE_CONNECTIONS: Final = 16
# What starting a measurement costs beside its window, in seconds, for the estimate.
OVERHEAD_SECONDS: Final = 0.4


@dataclass(frozen=True, slots=True)
class Point:
    """So many callers in so many processes, each appending so many events at once."""

    events: int
    callers: int
    processes: int = 1

    @property
    def name(self) -> str:
        """`32x5`, `32x5_4p`."""
        return f"{self.callers}x{self.events}" + (
            f"_{self.processes}p" if self.processes > 1 else ""
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """What is measured, and for how long; `library` are the points at which the library is, too."""

    points: Sequence[Point]
    library: Sequence[Point]
    pgbench_clients: Sequence[int]
    window: Window
    rounds: int


_ALL: Final = [
    Point(events, callers, processes)
    for processes in (1, 4)
    for events in (1, 5)
    for callers in (1, 8, 32, 128)
    if callers >= processes
]
FULL: Final = Scale(_ALL, _ALL, (1, 8, 32, 128), Window(0.5, 3), rounds=3)
QUICK: Final = Scale(
    (Point(1, 1), Point(1, 32), Point(5, 128)),
    (Point(1, 1), Point(1, 32)),
    (128,),
    Window(0.2, 1.1),
    rounds=3,
)


@dataclass(slots=True)
class Rounds:
    """What each round gave: events (or rows) a second, and percentiles in milliseconds."""

    rates: list[float]
    p50: list[float]
    p99: list[float]


class AppendBench:
    """The measurements of one run, round by round."""

    def __init__(self, scene: Scene, scale: Scale, database: Database) -> None:
        self._scene = scene
        self._scale = scale
        self._database = database
        self._state = payload()
        self._crews: dict[int, Crew] = {}
        self.max_connections = int(str(scene.settings["max_connections"]))
        self.ours: dict[str, Rounds] = {}
        self.library: dict[str, Rounds] = {}
        self.pgbench: dict[int, Rounds] = {}

    @contextmanager
    def crews(self) -> Iterator[None]:
        """The processes, all of them started before anything is measured."""
        with ExitStack() as stack:
            for processes in sorted({point.processes for point in self._scale.points}):
                self._crews[processes] = stack.enter_context(Crew(processes))
            yield

    def round(self) -> None:
        """Everything once: ours, and what it is compared with soon after it."""
        scale = self._scale
        for point in scale.points:
            with self._step(f"turnlog, {_words(point)}"):
                _add(self.ours, point.name, self._measure_ours(point))
            if point in scale.library:
                with self._step(f"the library, {_words(point)}"):
                    _add(self.library, point.name, self._measure_library(point))
        for clients in scale.pgbench_clients:
            self._measure_pgbench(clients)

    def planned_seconds(self) -> float:
        """About how long all rounds take."""
        scale = self._scale
        steps = len(scale.points) + len(scale.library) + len(scale.pgbench_clients)
        return scale.rounds * steps * (scale.window.total + OVERHEAD_SECONDS)

    def _measure_ours(self, point: Point) -> Tally:
        jobs = [
            AppendJob(self._database, callers, point.events, self._state, self._scale.window)
            for callers in _shares(point)
        ]
        return merged(self._crews[point.processes].run(append, jobs))

    def _measure_library(self, point: Point) -> Tally:
        room = (self.max_connections - SPARE_CONNECTIONS) // point.processes
        jobs = [
            LibraryJob(
                self._database,
                callers,
                point.events,
                ItemCompleted.name,
                self._state,
                self._scale.window,
                room,
            )
            for callers in _shares(point)
        ]
        return merged(self._crews[point.processes].run(library.append, jobs))

    def _measure_pgbench(self, clients: int) -> None:
        if pgbench.why_not(clients, self.max_connections) is not None:
            return
        with self._step(f"pgbench, {clients} clients"):
            seconds = self._scale.window.total
            rate = pgbench.rows_per_second(self._database, clients, seconds, self._state.decode())
            self.pgbench.setdefault(clients, Rounds([], [], [])).rates.append(rate)

    def _step(self, what: str) -> AbstractContextManager[object]:
        return self._scene.pace.step(what, self._scale.window.total + OVERHEAD_SECONDS)


def run(scene: Scene, scale: Scale, *, quick: bool) -> Report:
    """Measure. Raises BenchFailed, NotDurable, and errors of the store."""
    with scene.database() as database:
        bench = AppendBench(scene, scale, database)
        scene.pace.plan(bench.planned_seconds())
        with bench.crews():
            for _ in range(scale.rounds):
                bench.round()
    report = Report("append", quick)
    for name, rounds in bench.ours.items():
        _tell(report.figures, f"append_{name}", rounds, "events/s")
    for name, rounds in bench.library.items():
        _tell(report.baselines, f"library_{name}", rounds, "events/s")
    for clients in scale.pgbench_clients:
        why = pgbench.why_not(clients, bench.max_connections)
        rates = bench.pgbench[clients].rates if why is None else []
        name = f"pgbench_{clients}_rows_per_s"
        report.baselines[name] = (
            Measure.of(rates, "rows/s") if rates else Measure.missing("rows/s", why or "")
        )
    _compare(report, bench)
    return scene.finish(
        report,
        clients=sorted({point.callers for point in scale.points}),
        processes=sorted({point.processes for point in scale.points}),
        seconds=scale.window.seconds,
        rounds=scale.rounds,
        event_bytes=len(payload()),
    )


def _compare(report: Report, bench: AppendBench) -> None:
    for ending in ("", "_4p"):
        ours, theirs = bench.ours.get(f"32x1{ending}"), bench.library.get(f"32x1{ending}")
        if ours and theirs:
            report.compare(f"append_vs_library_32{ending}", ours.rates, theirs.rates)
        ours, rows = bench.ours.get(f"128x5{ending}"), bench.pgbench.get(128)
        if ours:
            why = pgbench.why_not(128, bench.max_connections)
            name = f"append_vs_pgbench_128x5{ending}"
            report.compare(name, ours.rates, rows.rates if rows else [], why)
    ours, theirs = bench.ours.get("1x1"), bench.library.get("1x1")
    if ours and theirs:
        report.compare("append_vs_library_1", ours.rates, theirs.rates)


def _tell(told: dict[str, Measure], name: str, rounds: Rounds, unit: str) -> None:
    told[f"{name}_events_per_s"] = Measure.of(rounds.rates, unit)
    told[f"{name}_p50"] = Measure.of(rounds.p50, "ms")
    told[f"{name}_p99"] = Measure.of(rounds.p99, "ms")


def _add(to: dict[str, Rounds], name: str, tally: Tally) -> None:
    rounds = to.setdefault(name, Rounds([], [], []))
    rounds.rates.append(tally.events_per_second)
    rounds.p50.append(tally.percentile(50) * 1000)
    rounds.p99.append(tally.percentile(99) * 1000)


def _shares(point: Point) -> list[int]:
    """The callers of each process."""
    each, more = divmod(point.callers, point.processes)
    return [each + (1 if i < more else 0) for i in range(point.processes)]


def _words(point: Point) -> str:
    callers = "1 caller" if point.callers == 1 else f"{point.callers} callers"
    processes = f" in {point.processes} processes" if point.processes > 1 else ""
    return f"{callers}{processes}, {point.events} at once"
