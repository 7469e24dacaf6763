"""Loading and folding one long thread, as `turnlog replay` does.

Beside it: fetching the same rows with psycopg, and doing nothing with them. Once in full, and once
as a replay reads them: only the columns it needs, as they come in.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adapters.bench.generate import Generator
from adapters.bench.report import Measure, Report
from adapters.bench.scene import Scene
from adapters.composition import open_turnlog
from adapters.postgres.connection import Connection, connect
from adapters.postgres.queries import load_queries
from adapters.postgres.rows import rows_of_thread
from domain.thread import Thread, fold
from projections.replay import replay

EVENTS_PER_TURN: Final = 12
FILL_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Scale:
    """A thread of so many events, loaded so many times."""

    events: int
    rounds: int


FULL: Final = Scale(10_000, rounds=31)
QUICK: Final = Scale(10_000, rounds=11)


def run(scene: Scene, scale: Scale, *, quick: bool) -> Report:
    """Measure. Raises NotDurable, and errors of the store."""
    each = scale.events / 10_000
    scene.pace.plan(FILL_SECONDS * each + scale.rounds * each)
    took: dict[str, list[float]] = {}
    with scene.database() as database:
        with scene.pace.step("filling the log", FILL_SECONDS * each):
            turns = max(1, scale.events // EVENTS_PER_TURN)
            [thread_id] = Generator(database).fill(1, turns, scale.events, remember=1).ids
        with open_turnlog(scene.settings_for(database)) as turnlog, connect(database) as connection:
            log = turnlog.log
            actions: dict[str, Callable[[], object]] = {
                "fetch": _fetch(connection, thread_id, scale.events),
                "fetch_sparing": _fetch_sparing(connection, thread_id, scale.events),
                "load": lambda: log.read_thread(thread_id),
                "replay": lambda: replay(log.read_thread(thread_id)),
                "fold": lambda: fold(
                    Thread(thread_id), (entry.event for entry in log.read_thread(thread_id))
                ),
            }
            for _ in range(scale.rounds):
                with scene.pace.step(f"a thread of {scale.events:,} events", each):
                    for name, action in actions.items():
                        took.setdefault(name, []).append(_seconds(action))
    report = Report("replay", quick)
    for name, seconds in took.items():
        told = report.baselines if name.startswith("fetch") else report.figures
        told[f"{name}_ms"] = Measure.of([one * 1000 for one in seconds], "ms")
    rates = [scale.events / seconds for seconds in took["replay"]]
    report.figures["replay_events_per_s"] = Measure.of(rates, "events/s")
    report.compare("replay_vs_fetch", took["replay"], took["fetch"])
    report.compare("replay_vs_fetch_sparing", took["replay"], took["fetch_sparing"])
    report.compare("fold_vs_fetch", took["fold"], took["fetch"])
    return scene.finish(report, clients=1, events=scale.events, rounds=scale.rounds)


def _fetch(connection: Connection, thread_id: str, events: int) -> Callable[[], object]:
    query = load_queries("log.sql")["select_thread"]
    values = {"thread_id": thread_id, "after": 0, "upto": None, "limit": None}

    def fetch() -> None:
        rows = connection.cursor(binary=True).execute(query, values, prepare=False).fetchall()
        assert len(rows) == events

    return fetch


def _fetch_sparing(connection: Connection, thread_id: str, events: int) -> Callable[[], object]:
    def fetch() -> None:
        with rows_of_thread(connection, thread_id, after_seq=0, upto_seq=None) as rows:
            assert len(list(rows)) == events

    return fetch


def _seconds(action: Callable[[], object]) -> float:
    gc.collect()  # what the one before has left is not for this one to tidy up
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
