"""Callers in threads of one process, and what their calls took."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

Call = Callable[[], tuple[str, int]]
"""Does something once; says of what kind it was, and how many events it appended."""

Gate = Callable[[], object]
"""Returns when all processes of a crew are there."""


@dataclass(frozen=True, slots=True)
class Window:
    """How long callers run before it counts, and then while it counts."""

    warmup_seconds: float
    seconds: float

    @property
    def total(self) -> float:
        """Seconds in all."""
        return self.warmup_seconds + self.seconds


@dataclass(slots=True)
class Tally:
    """What callers did in `seconds`: events appended, and the seconds of each call by its kind."""

    seconds: float
    events: int = 0
    latencies: dict[str, array[float]] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return sum(map(len, self.latencies.values()))

    @property
    def events_per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def calls_per_second(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def note(self, kind: str, events: int, seconds: float) -> None:
        """One call."""
        self.events += events
        self.latencies.setdefault(kind, array("d")).append(seconds)

    def percentile(self, percent: float, kind: str | None = None) -> float:
        """The seconds that so many percent of the calls (of that kind) did not exceed."""
        chosen = [self.latencies.get(kind, array("d"))] if kind else self.latencies.values()
        return percentile([seconds for latencies in chosen for seconds in latencies], percent)


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that `percent` of them do not exceed; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def merged(tallies: Sequence[Tally]) -> Tally:
    """What several processes did at the same time."""
    total = Tally(tallies[0].seconds)
    for tally in tallies:
        total.events += tally.events
        for kind, latencies in tally.latencies.items():
            total.latencies.setdefault(kind, array("d")).extend(latencies)
    return total


def drive(calls: Sequence[Call], window: Window, gate: Gate) -> Tally:
    """Each call over and over in a thread of its own; what they did while it counted.

    What a call raises ends the measurement and is raised from here.
    """
    tallies = [Tally(window.seconds) for _ in calls]
    failures: list[BaseException] = []
    start = threading.Event()
    times = [0.0, 0.0]

    def work(call: Call, tally: Tally) -> None:
        start.wait()
        counted_from, until = times
        while (began := time.perf_counter()) < until and not failures:
            try:
                kind, events = call()
            except BaseException as error:  # noqa: BLE001 (raised below)
                failures.append(error)
                return
            ended = time.perf_counter()
            if counted_from <= ended <= until:
                tally.note(kind, events, ended - began)

    threads = [
        threading.Thread(target=work, args=(call, tally), daemon=True)
        for call, tally in zip(calls, tallies, strict=True)
    ]
    for thread in threads:
        thread.start()
    gate()
    now = time.perf_counter()
    times[:] = [now + window.warmup_seconds, now + window.total]
    start.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return merged(tallies)
