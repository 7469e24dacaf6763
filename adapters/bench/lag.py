"""From a commit to what it means for others: the read models, and a subscriber.

Turns go on at a steady thousand events a second, by a clock and not as fast as they can; a follower
and a subscriber, each in a process of its own, note when they are through with what. The clock is
the machine's, the same for all processes. A commit counts from when its caller has been told; what
was visible even before that has a lag of nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.bench.crew import Crew
from adapters.bench.lag_parts import (
    CALLERS,
    EVENTS_PER_SECOND,
    GRACE_SECONDS,
    ROLES,
    LagJob,
    take_part,
)
from adapters.bench.load import Window, percentile
from adapters.bench.report import Measure, Report
from adapters.bench.scene import Scene


@dataclass(frozen=True, slots=True)
class Scale:
    """How long, and how often."""

    window: Window
    rounds: int


FULL: Final = Scale(Window(2, 15), rounds=5)
QUICK: Final = Scale(Window(1, 5), rounds=3)
_NEVER_SEEN: Final = "some events were not seen in time"


@dataclass(slots=True)
class Rounds:
    """Percentiles in milliseconds, one a round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)

    def add(self, seconds: Sequence[float]) -> None:
        """One round."""
        self.p50.append(percentile(seconds, 50) * 1000)
        self.p99.append(percentile(seconds, 99) * 1000)


def run(scene: Scene, scale: Scale, *, quick: bool) -> Report:
    """Measure. Raises BenchFailed, NotDurable, and errors of the store."""
    each = scale.window.total + GRACE_SECONDS + 1.5
    scene.pace.plan(each * scale.rounds)
    measured = {name: Rounds() for name in ("append", "read_model_lag", "subscriber_lag")}
    rates: list[float] = []
    with scene.database() as database, Crew(len(ROLES)) as crew:
        settings = scene.settings_for(database)
        jobs = [LagJob(role, settings, scale.window) for role in ROLES]
        for _ in range(scale.rounds):
            with scene.pace.step(f"{EVENTS_PER_SECOND:,} events a second", each):
                load, follower, subscriber = crew.run(take_part, jobs)
            commits = load.commits
            events = sum(commit.last - commit.first + 1 for commit in commits)
            rates.append(events / scale.window.seconds)
            measured["append"].add([one.acknowledged - one.asked for one in commits])
            measured["read_model_lag"].add(list(follower.lags(commits)))
            measured["subscriber_lag"].add(list(subscriber.lags(commits)))
    report = Report("lag", quick)
    report.figures["load_events_per_s"] = Measure.of(rates, "events/s")
    _tell(report, measured)
    return scene.finish(
        report,
        clients=CALLERS,
        events_per_second=EVENTS_PER_SECOND,
        seconds=scale.window.seconds,
        rounds=scale.rounds,
    )


def _tell(report: Report, measured: Mapping[str, Rounds]) -> None:
    for name, rounds in measured.items():
        told = report.baselines if name == "append" else report.figures
        told[f"{name}_p50"] = _measure(rounds.p50)
        told[f"{name}_p99"] = _measure(rounds.p99)
    append = measured["append"].p99
    for name in ("read_model_lag", "subscriber_lag"):
        lag, ratio = measured[name].p99, f"{name}_p99_vs_append"
        if math.inf in lag:
            report.lack(ratio, _NEVER_SEEN)
        else:
            report.compare(ratio, lag, append)


def _measure(rounds: Sequence[float]) -> Measure:
    """Of milliseconds, which are endless in a round where somebody was left behind."""
    if math.inf in rounds:
        return Measure.missing("ms", _NEVER_SEEN)
    return Measure.of(rounds, "ms")
