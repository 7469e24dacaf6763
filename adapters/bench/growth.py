"""Appends and submits on logs of several sizes, and on a thread of a hundred thousand events.

Each size is a database of its own, so that they can be measured in turns, and what disturbs the
machine disturbs all of them. One caller at a time: this is about what a call costs, not about load.
"""

from __future__ import annotations

import contextlib
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Final
from uuid import uuid4

import psycopg

from adapters import codec
from adapters.bench.appending import RECEIPT
from adapters.bench.crew import Crew
from adapters.bench.generate import EVENTS_PER_SECOND, Generator, Threads
from adapters.bench.load import Gate, percentile
from adapters.bench.rebuild import EVENTS, TURNS
from adapters.bench.replay import EVENTS_PER_TURN
from adapters.bench.report import Measure, Report
from adapters.bench.scene import Scene
from adapters.composition import Turnlog, open_turnlog
from adapters.postgres.connection import connect
from adapters.records import LogRecord
from adapters.settings import Settings
from domain.events.thread import ThreadUpdated
from domain.options import ThreadSettings
from domain.service import ThreadService

SUBMIT_THREADS: Final = 20
"""As many in each log, so that they grow alike: each submit makes its thread longer."""
APPEND_THREADS: Final = 5_000
TEXT: Final = "And now the other one."


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes in events, the smallest first; `long_thread` is the events of the long thread."""

    sizes: Sequence[int]
    long_thread: int
    appends: int
    submits: int
    rounds: int


FULL: Final = Scale((10_000, 1_000_000, 10_000_000), 100_000, appends=1_000, submits=400, rounds=9)
QUICK: Final = Scale((10_000, 300_000), 10_000, appends=250, submits=100, rounds=7)


@dataclass(frozen=True, slots=True)
class Log:
    """A filled log: threads to append to, and others to submit to."""

    name: str
    settings: Settings
    for_appends: Threads
    for_submits: Sequence[str]
    long_thread: str | None = None
    appended: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GrowthJob:
    """How often what is called."""

    log: Log
    appends: int
    submits: int


@dataclass(slots=True)
class Took:
    """Seconds of each call by its kind; and how many appends each thread has had in all."""

    seconds: dict[str, array[float]] = field(default_factory=dict)
    appended: dict[str, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """The block is a call of that kind."""
        began = time.perf_counter()
        yield
        self.seconds.setdefault(kind, array("d")).append(time.perf_counter() - began)


def measure(job: GrowthJob, gate: Gate) -> Took:
    """In a process that has seen none of these threads yet."""
    took = Took(appended=dict(job.log.appended))
    with open_turnlog(job.log.settings) as turnlog:
        gate()
        _append(turnlog, job.log.for_appends, job.appends, took)
        _submit(turnlog.service, job.log.for_submits, job.submits, "submit", took)
        if job.log.long_thread is not None:
            new = turnlog.service.create(title="New").thread_id
            _submit(turnlog.service, [job.log.long_thread], SUBMIT_THREADS, "long_thread", took)
            _submit(turnlog.service, [new], SUBMIT_THREADS, "new_thread", took)
    return took


def _append(turnlog: Turnlog, threads: Threads, appends: int, took: Took) -> None:
    """Each to another thread, for as long as there are others."""
    # Where the last round has stopped.
    ids = sorted(threads.ids, key=lambda thread_id: took.appended.get(thread_id, 0))
    for thread_id in [thread_id for thread_id, _ in zip(cycle(ids), range(appends), strict=False)]:
        done = took.appended.get(thread_id, 0)
        command_id = f"cmd_{uuid4().hex}"
        event = ThreadUpdated(
            thread_id=thread_id,
            actor="bench",
            command_id=command_id,
            at=datetime.now(UTC),
            receipt=RECEIPT,
            settings=ThreadSettings(),
        )
        record = LogRecord(
            thread_id,
            threads.version + done + 1,
            event.name,
            codec.encode(event),
            thread_id,
            command_id,
            RECEIPT,
        )
        with took.timed("append"):
            turnlog.recorder.append([record], threads.seq + done)
        took.appended[thread_id] = done + 1


def _submit(
    service: ThreadService, thread_ids: Sequence[str], submits: int, kind: str, took: Took
) -> None:
    """The first to each thread is a cold one: the process has not seen the thread."""
    seen: set[str] = set()
    for thread_id in [id_ for id_, _ in zip(cycle(thread_ids), range(submits), strict=False)]:
        with took.timed(kind if thread_id in seen else f"{kind}_cold"):
            turn_id = service.submit(thread_id, TEXT).started_turn_id
        seen.add(thread_id)
        assert turn_id is not None, "nothing else runs in the thread"
        service.finish(thread_id, turn_id, "completed")


def run(scene: Scene, scale: Scale, *, quick: bool) -> Report:
    """Measure. Raises BenchFailed, NotDurable, and errors of the store."""
    each = (scale.appends + 2.5 * scale.submits) / 1000
    filling = 1.4 * sum(scale.sizes) / EVENTS_PER_SECOND + scale.long_thread / 8_000
    scene.pace.plan(filling + scale.rounds * len(scale.sizes) * each)
    rounds: dict[str, list[dict[str, array[float]]]] = {}
    with contextlib.ExitStack() as stack:
        *smaller, largest = scale.sizes
        logs = [stack.enter_context(_filled(scene, size)) for size in smaller]
        logs.append(stack.enter_context(_filled(scene, largest, scale.long_thread)))
        crew = stack.enter_context(Crew(1))
        for _ in range(scale.rounds):
            for log in logs:
                job = GrowthJob(log, scale.appends, scale.submits)
                with scene.pace.step(f"a log of {log.name}", each):
                    [took] = crew.run(measure, [job])
                log.appended.update(took.appended)
                rounds.setdefault(log.name, []).append(took.seconds)
    report = Report("growth", quick)
    _tell(report, rounds)
    _compare(report, [rounds[log.name] for log in logs])
    return scene.finish(
        report,
        clients=1,
        sizes=list(scale.sizes),
        long_thread=scale.long_thread,
        rounds=scale.rounds,
        appends=scale.appends,
        submits=scale.submits,
    )


@contextlib.contextmanager
def _filled(scene: Scene, size: int, long_thread: int = 0) -> Iterator[Log]:
    with scene.database() as database:
        generator = Generator(database, scene.pace)
        threads = generator.fill(max(2, size // EVENTS), TURNS, EVENTS, APPEND_THREADS)
        middle = len(threads.ids) // 2
        for_submits = threads.ids[middle : middle + SUBMIT_THREADS]
        others = [thread_id for thread_id in threads.ids if thread_id not in set(for_submits)]
        for_appends = Threads(others, threads.seq, threads.version)
        long_id = None
        if long_thread:
            with scene.pace.step(f"a thread of {long_thread:,} events", long_thread / 8_000):
                turns = long_thread // EVENTS_PER_TURN
                [long_id] = generator.fill(1, turns, long_thread, 1).ids
        # What filling it has left to write shall not be written while something is measured.
        with connect(database) as connection, contextlib.suppress(psycopg.Error):
            connection.execute("CHECKPOINT")  # a role may not be allowed to
        settings = scene.settings_for(database)
        yield Log(name_of(size), settings, for_appends, for_submits, long_id)


def name_of(size: int) -> str:
    """`10k`, `1m`."""
    for unit, name in ((1_000_000, "m"), (1_000, "k")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


def _tell(report: Report, rounds: Mapping[str, Sequence[Mapping[str, array[float]]]]) -> None:
    for name, took in rounds.items():
        for kind in took[0]:
            told = f"{kind}_{name}" if "thread" not in kind else f"submit_{kind}"
            for percent in (50, 99):
                values = [percentile(one[kind], percent) * 1000 for one in took]
                report.figures[f"{told}_p{percent}"] = Measure.of(values, "ms")


def _compare(report: Report, rounds: Sequence[Sequence[Mapping[str, array[float]]]]) -> None:
    smallest, largest = rounds[0], rounds[-1]
    for kind in ("append", "submit", "submit_cold"):
        report.compare(f"{kind}_growth_p50", _p50(largest, kind), _p50(smallest, kind))
    for temperature in ("", "_cold"):
        report.compare(
            f"submit_long_thread{temperature}",
            _p50(largest, f"long_thread{temperature}"),
            _p50(largest, "new_thread"),
        )


def _p50(rounds: Sequence[Mapping[str, array[float]]], kind: str) -> list[float]:
    return [percentile(one.get(kind, ()), 50) for one in rounds]
