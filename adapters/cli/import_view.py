"""What an import did, file by file and in all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.cli.cells import cell
from adapters.cli.screen import Screen
from adapters.cli.words import count, one_line, short_thread, size

if TYPE_CHECKING:
    from adapters.composition import FileReport, ImportReport, Tally

SHOWN_FILES: Final = 40
SHOWN_REASONS: Final = 12


def as_document(report: ImportReport) -> dict[str, object]:
    """The report for a program."""
    return {
        "files": [_file_document(file) for file in report.files],
        "total": {
            "files": len(report.files),
            "imported": len(report.imported),
            "problems": len(report.problems),
            "new_events": report.new,
            "known_events": report.known,
            **_tally_document(report.total),
        },
    }


def tell_report(report: ImportReport, screen: Screen) -> None:
    """A line for each log, what was left out and why, and what is wrong."""
    logs = [file for file in report.files if file.format]
    if logs:
        _tell_files(logs[:SHOWN_FILES], screen)
    if len(logs) > SHOWN_FILES:
        screen.say(
            f"and {count(len(logs) - SHOWN_FILES, 'more log')}; --json lists them all", "dim"
        )
    for file in report.problems:
        screen.say(f"{_path(file.path)}: {file.problem}", "red")
    _tell_others(report, screen)
    if logs:
        _tell_total(report, screen)


def _tell_files(files: list[FileReport], screen: Screen) -> None:
    cells = [
        (
            short_thread(file.thread_id or "–"),
            file.format or "–",
            f"{file.tally.lines:,}",
            f"{file.new + file.known:,}",
            f"{file.new:,}",
            cell(file.path.name),
        )
        for file in files
    ]
    columns = ("THREAD", "FORMAT", "LINES", "EVENTS", "NEW", "FILE")
    screen.table(columns, cells, flexible="FILE", right=("LINES", "EVENTS", "NEW"))
    screen.say()


def _tell_others(report: ImportReport, screen: Screen) -> None:
    """Files that are no logs: one by its name, many by their number."""
    others = [file for file in report.files if file.not_a_log and not file.problem]
    if len(others) == 1:
        screen.say(f"{_path(others[0].path)} was left alone: {others[0].not_a_log}", "yellow")
    elif others:
        screen.say(
            f"{count(len(others), 'file')} were left alone: they are no session logs", "yellow"
        )


def _tell_total(report: ImportReport, screen: Screen) -> None:
    total = report.total
    became = f"{total.mapped:,} became events"
    records = count(total.records + total.pieces, "record")
    screen.say(f"{count(total.lines, 'line')}, {records}: {became}.")
    _tell_counts("skipped", total.skipped, screen)
    _tell_counts("waiting for what the log says next", total.held, screen)
    _tell_counts("against a law, and recorded as imported history", total.contradictions, screen)
    was = f"; {count(report.known, 'event')} were there already" if report.known else ""
    taken = f"from {size(sum(file.size for file in report.imported))}"
    screen.say(f"{count(report.new, 'new event')} {taken}{was}.", "bold")
    if report.new:
        screen.say("`turnlog threads --all` lists them with your own threads.", "dim")


def _tell_counts(what: str, counts: Counter[str], screen: Screen) -> None:
    if not counts:
        return
    screen.say(f"{counts.total():,} {what}:")
    for reason, number in counts.most_common(SHOWN_REASONS):
        screen.cut(f"{number:>9,}  {one_line(reason)}", "dim")
    if len(counts) > SHOWN_REASONS:
        screen.say(f"and for {len(counts) - SHOWN_REASONS} more reasons (--json)", "dim", indent=11)


def _file_document(file: FileReport) -> dict[str, object]:
    return {
        "path": str(file.path),
        "size": file.size,
        "format": file.format,
        "thread_id": file.thread_id,
        "new_events": file.new,
        "known_events": file.known,
        "events": dict(sorted(file.events.items())),
        "open_turn": file.open_turn,
        "pending_prompts": file.pending_prompts,
        "problem": file.problem,
        "not_a_log": file.not_a_log,
        **_tally_document(file.tally),
    }


def _tally_document(tally: Tally) -> dict[str, object]:
    return {
        "lines": tally.lines,
        "records": tally.records,
        "mapped": tally.mapped,
        "skipped": dict(tally.skipped),
        "held": dict(tally.held),
        "contradictions": dict(tally.contradictions),
    }


def _path(path: Path) -> str:
    return one_line(str(path), 400)
