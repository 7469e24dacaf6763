"""Every bench, at a size at which its figures mean nothing and its document is complete."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any

import pytest

from adapters.bench import append, growth, lag, lag_parts, rebuild, replay, turns
from adapters.bench.append import Point
from adapters.bench.baselines import pgbench
from adapters.bench.benches import BENCHES
from adapters.bench.crew import BenchFailed
from adapters.bench.load import Window
from adapters.bench.report import AIMS, Report
from adapters.bench.scene import Scene
from adapters.cli.commands.bench import Bench, _tell
from adapters.cli.screen import Screen

BLINK = Window(0.05, 0.2)
LONGER = (Window(0.5, 2), Window(5, 20))
"""On a busy machine nothing may come to its end in a blink."""

pytestmark = pytest.mark.usefixtures("crews_of_threads")


def measured(run: Callable[[Window], Report], says: Callable[[Report], object]) -> Report:
    """The report over the shortest window in which it says what it should."""
    report = run(BLINK)
    for window in LONGER:
        if not says(report):
            report = run(window)
    return report


def checked(report: Report, ratios: set[str]) -> dict[str, Any]:
    """Its document, which is whole."""
    document: dict[str, Any] = json.loads(json.dumps(report.as_document()))
    assert ratios <= document["ratios"].keys()
    for name in ratios:
        ratio = document["ratios"][name]
        assert ratio is None or (ratio >= 0 and math.isfinite(ratio)), name
        assert ratio is not None or document["missing"][name]
    assert document["aims"].keys() == ratios & AIMS.keys()
    for measure in [*document["figures"].values(), *document["baselines"].values()]:
        assert measure["unit"]
        assert measure["value"] is not None or measure["why"]
    versions = {"turnlog", "python", "postgresql", "psycopg", "eventsourcing"}
    settings = {"cores", "fsync", "synchronous_commit", "clients", "rounds"}
    assert versions | settings <= document["settings"].keys()
    return document


def test_append(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    points = [Point(1, 32), Point(5, 128), Point(1, 2, processes=2)]

    def run(window: Window) -> Report:
        scale = append.Scale(points, points[::2], (1, 128), window, rounds=1)
        return append.run(scene, scale, quick=True)

    def is_whole(report: Report) -> bool:
        ours, theirs = "append_2x1_2p_events_per_s", "library_32x1_events_per_s"
        return bool(report.figures[ours].value and report.baselines[theirs].value)

    report = measured(run, is_whole)
    document = checked(report, {"append_vs_library_32", "append_vs_pgbench_128x5"})
    assert document["figures"]["append_2x1_2p_events_per_s"]["value"] > 0
    assert document["baselines"]["library_32x1_events_per_s"]["value"] > 0
    _tell(report, Screen())
    told = capsys.readouterr().out
    assert "append_vs_library_32 is" in told
    assert "the aim, at least 10, is" in told


def test_append_without_pgbench(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgbench, "program", lambda: None)
    scale = append.Scale([Point(5, 128)], [], (128,), BLINK, rounds=1)
    report = append.run(scene, scale, quick=True)
    assert report.ratios["append_vs_pgbench_128x5"] is None
    assert report.missing["append_vs_pgbench_128x5"] == pgbench.MISSING
    _tell(report, Screen())


def test_pgbench_is_given_more_time_if_nothing_was_ready_in_time() -> None:
    pretended = ["sh", "-c", 'if [ "$2" = 4 ]; then echo "tps = 12.5"; fi', "pgbench"]
    assert pgbench._rate(pretended, os.environ, 1) == 12.5


def test_pgbench_that_says_nothing_ends_the_measurement() -> None:
    with pytest.raises(BenchFailed, match="pgbench: no result"):
        pgbench._rate(["true"], os.environ, 1)


def test_pgbench_needs_a_connection_for_each_client() -> None:
    assert "takes 100 connections" in (pgbench.why_not(128, max_connections=100) or "")


def test_turns(scene: Scene) -> None:
    points = [
        *(turns.Point(32), turns.Point(2, "recorded"), turns.Point(4, processes=2)),
        *turns.ON_ONE_CORE,
    ]

    def run(window: Window) -> Report:
        return turns.run(scene, turns.Scale(points, window, rounds=1), quick=True)

    def is_whole(report: Report) -> bool:
        figure = report.figures["turns_2_recorded_submit_p99"]
        return bool(report.ratios["turns_events_per_s_32"] and figure.value)

    report = measured(run, is_whole)
    document = checked(report, {"turns_events_per_s_32"})
    assert document["ratios"]["turns_events_per_s_32"] > 0
    assert document["figures"]["turns_2_recorded_submit_p99"]["value"] > 0


def test_rebuild(scene: Scene) -> None:
    report = rebuild.run(scene, rebuild.Scale(threads=3, rounds=2, projected=60), quick=True)
    checked(report, {"rebuild_vs_library_page", "rebuild_vs_single_statement"})
    assert report.settings["events"] == 600


def test_replay(scene: Scene) -> None:
    report = replay.run(scene, replay.Scale(events=60, rounds=2), quick=True)
    checked(report, {"replay_vs_fetch"})


def test_growth(scene: Scene) -> None:
    scale = growth.Scale((1_000, 2_000), 60, appends=10, submits=25, rounds=2)
    report = growth.run(scene, scale, quick=True)
    document = checked(report, {"append_growth_p50", "submit_growth_p50"})
    figures = document["figures"].keys()
    assert {"append_1k_p50", "submit_2k_p99", "submit_cold_2k_p50"} <= figures
    assert {"submit_long_thread_p50", "submit_long_thread_cold_p50"} <= figures
    assert document["ratios"]["submit_long_thread"] > 0


def test_lag(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag_parts, "GRACE_SECONDS", 0.3)
    report = lag.run(scene, lag.Scale(BLINK, rounds=1), quick=True)
    checked(report, {"read_model_lag_p99_vs_append", "subscriber_lag_p99_vs_append"})


def test_lag_tells_that_somebody_was_left_behind(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag_parts, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(lag_parts.Seen, "note", lambda *_: None)  # nobody sees anything

    def run(window: Window) -> Report:
        return lag.run(scene, lag.Scale(window, rounds=1), quick=True)

    report = measured(run, lambda report: report.figures["subscriber_lag_p99"].value is None)
    ratios = {"read_model_lag_p99_vs_append", "subscriber_lag_p99_vs_append"}
    document = checked(report, ratios)
    assert document["figures"]["subscriber_lag_p99"]["value"] is None
    assert all(document["missing"][name] == "some events were not seen in time" for name in ratios)


def test_every_aim_belongs_to_a_bench_and_the_command_knows_them_all() -> None:
    assert set(BENCHES) == set(Bench.__args__)  # type: ignore[attr-defined]


def test_an_event_that_was_never_seen_has_an_endless_lag() -> None:
    seen = lag_parts.Seen()
    seen.positions, seen.times = [5, 9], [10.5, 11.0]
    commits = [lag_parts.Commit(4, 6, 9.0, 10.0), lag_parts.Commit(10, 10, 10.0, 10.9)]
    assert list(seen.lags(commits)) == [0.5, 0.5, 1.0, float("inf")]


def test_what_was_seen_before_its_caller_knew_has_no_lag() -> None:
    seen = lag_parts.Seen(positions=[1], times=[1.0])
    assert list(seen.lags([lag_parts.Commit(1, 1, 0.5, 1.5)])) == [0.0]
