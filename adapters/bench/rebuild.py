"""Making the read models anew from the whole log: 50,000 turns in 5,000 threads, 20 events each.

Beside it, on the same events: the library's log read by the page and folded in Python into one
small table; its ProjectionRunner, for as long as one can bear; and one statement that fills one
table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adapters.bench.baselines import paged, projection, statement
from adapters.bench.generate import EVENTS_PER_SECOND, Generator
from adapters.bench.report import Measure, Report
from adapters.bench.scene import Scene
from adapters.composition import Turnlog, open_turnlog

TURNS: Final = 10  # of a thread
EVENTS: Final = 200  # of a thread

# Guesses, for the estimate, in events a second.
_REBUILT: Final = 100_000
_PAGED: Final = 80_000
_PROJECTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Scale:
    """How many threads there are, how often everything is measured, and how many events the
    ProjectionRunner is given (once)."""

    threads: int
    rounds: int
    projected: int

    @property
    def events(self) -> int:
        """Of all threads."""
        return self.threads * EVENTS


FULL: Final = Scale(5_000, rounds=3, projected=20_000)
QUICK: Final = Scale(800, rounds=3, projected=2_000)


def run(scene: Scene, scale: Scale, *, quick: bool) -> Report:
    """Measure. Raises NotDurable, and errors of the store."""
    scene.pace.plan(_planned(scale))
    rebuilt: list[float] = []
    by_page: list[float] = []
    sparing: list[float] = []
    by_hand: list[float] = []
    with scene.database() as database:
        Generator(database, scene.pace).fill(scale.threads, TURNS, EVENTS)
        with (
            paged.library_log(database) as recorder,
            open_turnlog(scene.settings_for(database)) as turnlog,
        ):
            with scene.pace.step("filling the library's log", scale.events / EVENTS_PER_SECOND):
                paged.copy_log(database)
            for _ in range(scale.rounds):
                with scene.pace.step("one statement", scale.events / _REBUILT / 4):
                    seconds, _ = statement.fill_turns(database)
                    by_hand.append(seconds)
                with scene.pace.step("turnlog rebuild", scale.events / _REBUILT) as tell:
                    rebuilt.append(_rebuild(turnlog, tell))
                with scene.pace.step("the library, by the page", scale.events / _PAGED):
                    seconds, _ = paged.fill_turns(database, recorder)
                    by_page.append(seconds)
                if not sparing:
                    with scene.pace.step("the library, sparing", scale.events / _PAGED):
                        seconds, _ = paged.fill_turns(database, recorder, sparing=True)
                        sparing.append(seconds)
            upto = min(scale.projected, scale.events)
            with scene.pace.step("the library's ProjectionRunner", upto / _PROJECTED):
                projected, _ = projection.fill_turns(database, upto)
    report = Report("rebuild", quick)
    _tell(report.figures, "rebuild", rebuilt, scale.events)
    _tell(report.baselines, "library_page", by_page, scale.events)
    _tell(report.baselines, "library_page_sparing", sparing, scale.events)
    _tell(report.baselines, "library_projection_runner", [projected], upto)
    _tell(report.baselines, "single_statement", by_hand, scale.events)
    report.compare("rebuild_vs_library_page", by_page, rebuilt)
    report.compare("rebuild_vs_single_statement", rebuilt, by_hand)
    report.compare("rebuild_vs_library_page_sparing", sparing, rebuilt)
    rate = upto / projected
    report.ratios["rebuild_vs_library_projection_runner"] = (
        report.figures["rebuild_events_per_s"].value or 0
    ) / rate
    return scene.finish(
        report,
        clients=1,
        events=scale.events,
        threads=scale.threads,
        turns=scale.threads * TURNS,
        projected_events=upto,
        rounds=scale.rounds,
    )


def _rebuild(turnlog: Turnlog, tell: Callable[[float], None]) -> float:
    began = time.perf_counter()
    turnlog.rebuild(lambda now: tell(now.done / max(1, now.total)))
    return time.perf_counter() - began


def _tell(told: dict[str, Measure], name: str, seconds: list[float], events: int) -> None:
    told[f"{name}_events_per_s"] = Measure.of([events / one for one in seconds], "events/s")
    told[f"{name}_s"] = Measure.of(seconds, "s")


def _planned(scale: Scale) -> float:
    each = scale.events / _REBUILT * 1.25 + scale.events / _PAGED
    filling = 2 * scale.events / EVENTS_PER_SECOND + scale.events / _PAGED
    return filling + each * scale.rounds + min(scale.projected, scale.events) / _PROJECTED
