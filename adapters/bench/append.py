"""Appends of small events by many callers at once, each to a thread of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from adapters.bench.appending import AppendJob, append, payload
from adapters.bench.baselines import library, pgbench
from adapters.bench.crew import Crew
from adapters.bench.load import Gate, Tally, Window, merged
from adapters.bench.report import Measure, Report
from adapters.bench.scene import Scene
from adapters.postgres.database import Database

OUR_CONNECTIONS: Final = 2  # of a process, beside the one that writes
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


class AppendBench:
    """The measurements of one run, round by round."""

    def __init__(self, scene: Scene, scale: Scale, database: Database) -> None:
        self._scene = scene
        self._scale = scale
        self._database = database
        self._state = payload()
        self._crews: dict[int, Crew] = {}
        self.max_connections = int(str(scene.settings["max_connections"]))
        # What each round gave, by the name of the point; of pgbench rows a second, by its clients.
        self.ours: defaultdict[str, list[Tally]] = defaultdict(list)
        self.library: defaultdict[str, list[Tally]] = defaultdict(list)
        self.pgbench: defaultdict[int, list[float]] = defaultdict(list)

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
                self.ours[point.name].append(self._measure(append, point, OUR_CONNECTIONS))
            if point in scale.library:
                with self._step(f"the library, {_words(point)}"):
                    room = (self.max_connections - SPARE_CONNECTIONS) // point.processes
                    self.library[point.name].append(self._measure(library.append, point, room))
        for clients in scale.pgbench_clients:
            self._measure_pgbench(clients)

    def planned_seconds(self) -> float:
        """About how long all rounds take."""
        scale = self._scale
        steps = len(scale.points) + len(scale.library) + len(scale.pgbench_clients)
        return scale.rounds * steps * (scale.window.total + OVERHEAD_SECONDS)

    def _measure(
        self, task: Callable[[AppendJob, Gate], Tally], point: Point, connections: int
    ) -> Tally:
        jobs = [
            AppendJob(
                self._database, callers, point.events, self._state, self._scale.window, connections
            )
            for callers in _shares(point)
        ]
        return merged(self._crews[point.processes].run(task, jobs))

    def _measure_pgbench(self, clients: int) -> None:
        if pgbench.why_not(clients, self.max_connections) is not None:
            return
        with self._step(f"pgbench, {clients} clients"):
            seconds = self._scale.window.total
            rate = pgbench.rows_per_second(self._database, clients, seconds, self._state.decode())
            self.pgbench[clients].append(rate)

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
        _tell(report.figures, f"append_{name}", rounds)
    for name, rounds in bench.library.items():
        _tell(report.baselines, f"library_{name}", rounds)
    for clients in scale.pgbench_clients:
        why = pgbench.why_not(clients, bench.max_connections)
        rates = bench.pgbench[clients]
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
    ours = {name: _rates(rounds) for name, rounds in bench.ours.items()}
    for name, point in (("32", "32x1"), ("32_4p", "32x1_4p"), ("1", "1x1")):
        if point in ours and point in bench.library:
            theirs = _rates(bench.library[point])
            report.compare(f"append_vs_library_{name}", ours[point], theirs)
    why = pgbench.why_not(128, bench.max_connections)
    for point in ("128x5", "128x5_4p"):
        if point in ours:
            report.compare(f"append_vs_pgbench_{point}", ours[point], bench.pgbench[128], why)


def _rates(rounds: Sequence[Tally]) -> list[float]:
    return [tally.events_per_second for tally in rounds]


def _tell(told: dict[str, Measure], name: str, rounds: Sequence[Tally]) -> None:
    told[f"{name}_events_per_s"] = Measure.of(_rates(rounds), "events/s")
    for percent in (50, 99):
        milliseconds = [tally.percentile(percent) * 1000 for tally in rounds]
        told[f"{name}_p{percent}"] = Measure.of(milliseconds, "ms")


def _shares(point: Point) -> list[int]:
    """The callers of each process."""
    each, more = divmod(point.callers, point.processes)
    return [each + (1 if i < more else 0) for i in range(point.processes)]


def _words(point: Point) -> str:
    callers = "1 caller" if point.callers == 1 else f"{point.callers} callers"
    processes = f" in {point.processes} processes" if point.processes > 1 else ""
    return f"{callers}{processes}, {point.events} at once"
