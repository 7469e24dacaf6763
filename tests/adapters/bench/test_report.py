"""What a bench says of what it measured."""

from __future__ import annotations

import json

import pytest

from adapters.bench.load import Tally, merged, percentile
from adapters.bench.report import AIMS, Aim, Measure, Report


def test_the_aims_are_those_of_the_project() -> None:
    assert {name: str(aim) for name, aim in AIMS.items()} == {
        "append_vs_library_32": "at least 10",
        "append_vs_pgbench_128x5": "at least 1",
        "turns_events_per_s_32": "at least 10,000",
        "rebuild_vs_library_page": "at least 4",
        "rebuild_vs_single_statement": "at most 3",
        "replay_vs_fetch": "at most 3",
        "append_growth_p50": "at most 1.2",
        "submit_growth_p50": "at most 1.2",
        "read_model_lag_p99_vs_append": "at most 5",
        "subscriber_lag_p99_vs_append": "at most 5",
    }


@pytest.mark.parametrize(
    ("aim", "ratio", "is_met"),
    [
        (Aim(at_least=10), 10.0, True),
        (Aim(at_least=10), 9.99, False),
        (Aim(at_most=3), 3.0, True),
        (Aim(at_most=3), 3.01, False),
    ],
)
def test_an_aim_is_met_or_missed(aim: Aim, ratio: float, is_met: bool) -> None:
    assert aim.is_met(ratio) is is_met


def test_a_ratio_is_the_median_of_rounds_each_compared_with_its_own() -> None:
    report = Report("append", quick=True)
    # A round in which the machine was slow is slow for both.
    report.compare("append_vs_library_32", [100.0, 12.0, 30.0], [10.0, 1.0, 5.0])
    assert report.ratios["append_vs_library_32"] == 10
    [verdict] = report.verdicts()
    assert verdict.is_met


def test_a_ratio_without_a_baseline_is_null_and_says_why() -> None:
    report = Report("append", quick=True)
    report.baselines["pgbench_128_rows_per_s"] = Measure.missing("rows/s", "no pgbench here")
    report.compare("append_vs_pgbench_128x5", [1.0, 2.0], [], "no pgbench here")
    document = json.loads(json.dumps(report.as_document()))
    assert document["ratios"] == {"append_vs_pgbench_128x5": None}
    assert document["missing"] == {"append_vs_pgbench_128x5": "no pgbench here"}
    assert document["aims"]["append_vs_pgbench_128x5"] == {"aim": "at least 1", "met": None}
    assert document["baselines"]["pgbench_128_rows_per_s"] == {
        "value": None,
        "unit": "rows/s",
        "why": "no pgbench here",
    }


def test_a_measure_keeps_four_digits_and_its_spread() -> None:
    assert Measure.of([0.123456, 0.1, 0.2], "ms").as_document() == {
        "value": 0.1235,
        "unit": "ms",
        "low": 0.1,
        "high": 0.2,
    }
    assert Measure.of([12345.6], "events/s").as_document() == {"value": 12346, "unit": "events/s"}


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 50) == 51
    assert percentile(values, 99) == 100
    assert percentile(reversed(values), 0) == 1
    assert percentile([], 50) == 0


def test_what_processes_did_at_the_same_time_is_added_up() -> None:
    one, other = Tally(2.0), Tally(2.0)
    one.note("submit", 5, 0.1)
    other.note("submit", 5, 0.3)
    other.note("finish", 1, 0.2)
    both = merged([one, other])
    assert (both.events, both.calls, both.seconds) == (11, 3, 2.0)
    assert both.events_per_second == 5.5
    assert both.percentile(99, "submit") == 0.3
    assert both.percentile(50, "unheard of") == 0
