"""Imports files: the entry to this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from adapters.importers import claude_opening, codex_opening
from adapters.importers.files import Found, detect, find
from adapters.importers.records import Record, lines, parse
from adapters.importers.report import FileReport, ImportReport, OnProgress, Progress
from adapters.importers.session import Format, Session
from adapters.importers.tail import FileRewritten, ImportLog, Tail
from adapters.records import MAX_EVENT_BYTES
from domain.errors import CorruptEvent, TooLarge
from domain.ports import CommandRecorded, Conflict

FORMATS: Final = (
    Format(
        codex_opening.FORMAT,
        codex_opening.recognises,
        codex_opening.CodexOpening,
        codex_opening.record_id,
    ),
    Format(
        claude_opening.FORMAT,
        claude_opening.recognises,
        claude_opening.ClaudeOpening,
        claude_opening.record_id,
    ),
)

_PROGRESS_BYTES: Final = 256 * 1024
_ATTEMPTS: Final = 3
_ADVICE: Final = "Another import may be at this file: import it again when that one is done."


def import_paths(
    paths: Iterable[Path],
    log: ImportLog,
    progress: OnProgress | None = None,
    *,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> ImportReport:
    """Imports every session log at or under `paths` into `log`, and reports on every file.

    What is in the log already is left alone, and a file that has grown adds its tail. Texts that
    would make an event larger than `max_event_bytes` (the log's own limit) are cut. Nothing in a
    file makes this fail: what is wrong with one is in its report. The log's own errors pass.
    """
    found = find(paths)
    meter = _Meter(found, progress)
    report = ImportReport()
    for file in found:
        report.files.append(_import_with_others(file, log, max_event_bytes, meter))
        meter.file_done(file)
    return report


def _import_with_others(
    file: Found, log: ImportLog, max_event_bytes: int, meter: _Meter
) -> FileReport:
    """The file, from its start again when another import was faster: what that one appended is
    known then. What an earlier attempt of ours appended still counts as new."""
    attempts, appended = 0, 0
    while True:
        attempts += 1
        meter.file_begun()
        report = FileReport(file.path, file.size, problem=file.problem)
        overtaken = _is_overtaken(report, log, max_event_bytes, meter)
        report.known = max(0, report.known - appended)
        report.new = appended = appended + report.new
        if not overtaken or attempts == _ATTEMPTS:
            return report


def _is_overtaken(report: FileReport, log: ImportLog, max_event_bytes: int, meter: _Meter) -> bool:
    """Imports a file, and says whether somebody else appended to its thread meanwhile."""
    try:
        _import_file(report, log, max_event_bytes, meter)
    except (Conflict, CommandRecorded) as error:
        report.problem = f"{error.message} {_ADVICE}"
        return True
    return False


def _import_file(report: FileReport, log: ImportLog, max_event_bytes: int, meter: _Meter) -> None:
    """`Conflict` and `CommandRecorded` pass; every other problem is in the report then."""
    if report.problem:
        return
    try:
        log_format = detect(report.path, FORMATS)
        if log_format is None:
            report.not_a_log = "no session log" if report.size else "empty"
            return
        report.format = log_format.name
        session = Session(log_format, report.path.name, report.tally, max_event_bytes)
        _tell(report, session, log, meter)
    except OSError as error:
        report.problem = f"cannot be read: {error.strerror}"
    except (FileRewritten, TooLarge, CorruptEvent) as error:
        report.problem = error.message


def _tell(report: FileReport, session: Session, log: ImportLog, meter: _Meter) -> None:
    tail: Tail | None = None
    try:
        with report.path.open("rb") as stream:
            for line in lines(stream):
                report.tally.lines += 1
                meter.advance(report.path, line.size)
                for piece in parse(line):
                    report.tally.see(piece)
                    if not isinstance(piece, Record):
                        continue
                    for command in session.take(piece):
                        tail = tail or Tail(log, command[0].event.thread_id)
                        tail.take(command)
                        report.events.update(entry.event.name for entry in command)
        if tail:
            tail.flush()
    finally:
        if tail:
            report.new, report.known = tail.new, tail.known
        if thread := session.thread:
            report.thread_id = thread.thread_id
            report.open_turn = thread.turn.turn_id if thread.turn else None
            report.pending_prompts = len(thread.inbox)


class _Meter:
    """Tells how far the import is, now and then."""

    def __init__(self, found: list[Found], progress: OnProgress | None) -> None:
        self._progress: Callable[[Progress], None] = progress or (lambda _: None)
        self._files_total = len(found)
        self._bytes_total = sum(file.size for file in found)
        self._files_done = 0
        self._bytes_before = 0  # of the files that are done
        self._bytes_in_file = 0
        self._told = 0

    def file_begun(self) -> None:
        """A file is read from its start, perhaps again."""
        self._bytes_in_file = 0

    def advance(self, path: Path, size: int) -> None:
        """`size` more bytes of the file at `path` have been read."""
        self._bytes_in_file += size
        if self._bytes_before + self._bytes_in_file - self._told >= _PROGRESS_BYTES:
            self._tell(path)

    def file_done(self, file: Found) -> None:
        """All of that file is done, whatever came of it."""
        self._files_done += 1
        self._bytes_before += file.size
        self._bytes_in_file = 0
        self._tell(file.path)

    def _tell(self, path: Path) -> None:
        done = min(self._bytes_before + self._bytes_in_file, self._bytes_total)
        self._told = done
        total = self._bytes_total
        self._progress(Progress(self._files_done, self._files_total, done, total, path))
