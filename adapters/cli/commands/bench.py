"""How fast it is on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from adapters.cli.options import AsJson, argument
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapters.bench.report import Measure, Report, Verdict

Bench = Literal["append", "turns", "rebuild", "replay", "growth", "lag"]


def bench(
    name: Annotated[Bench, argument(metavar="BENCH", help="What to measure.")],
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="In 40 seconds at most; without it, it takes minutes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure, on a database of its own, beside what else the machine can do.

    It is made on the server turnlog works with, and dropped at the end.
    """
    from adapters.bench.benches import run_bench
    from adapters.cli.progress import progress
    from adapters.cli.session import read_settings

    screen = Screen(as_json=as_json)
    settings = read_settings()
    with progress(screen, "Measuring") as meter:
        report = run_bench(name, settings, meter, lambda text: meter(0, 1, f"{text}…"), quick=quick)
    screen.document(report.as_document())
    _tell(report, screen)


def _tell(report: Report, screen: Screen) -> None:
    _measures("Figures", report.figures, screen)
    _measures("Baselines", report.baselines, screen)
    with_aim = {verdict.name for verdict in report.verdicts()}
    others = {name: value for name, value in report.ratios.items() if name not in with_aim}
    if others:
        rows = [[name, _number(value)] for name, value in others.items()]
        screen.table(["Other ratios", ""], rows, flexible="Other ratios", right=[""])
        screen.say()
    for verdict in report.verdicts():
        _verdict(verdict, screen)
    where = report.settings
    screen.say()
    screen.say(
        f"turnlog {where['turnlog']}, Python {where['python']}, PostgreSQL {where['postgresql']}, "
        f"psycopg {where['psycopg']}, eventsourcing {where['eventsourcing']}; "
        f"{where['cores']} cores, load {where['load_average']} at the start; "
        f"fsync {where['fsync']}, synchronous_commit {where['synchronous_commit']}.",
        "dim",
    )
    if report.quick:
        screen.say("Quick: short and noisy. Without --quick it measures for longer.", "dim")


def _measures(heading: str, measures: Mapping[str, Measure], screen: Screen) -> None:
    if not measures:
        return
    rows = []
    for name, measure in measures.items():
        spread = ""
        if measure.low is not None and measure.high is not None and measure.low != measure.high:
            spread = f"{_number(measure.low)} to {_number(measure.high)}"
        rows.append([name, _number(measure.value), measure.unit, spread or measure.why or ""])
    columns = [heading, "median", "unit", "rounds"]
    screen.table(columns, rows, flexible="rounds", right=["median"])
    screen.say()


def _verdict(verdict: Verdict, screen: Screen) -> None:
    if verdict.is_met is None:
        text = f"{verdict.name}: not measured, for {verdict.why}; the aim is {verdict.aim}."
        screen.marked("–", "yellow", text)
        return
    mark, style, word = ("✓", "green", "met") if verdict.is_met else ("✗", "red", "missed")
    text = f"{verdict.name} is {_number(verdict.ratio)}; the aim, {verdict.aim}, is {word}."
    screen.marked(mark, style, text)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
