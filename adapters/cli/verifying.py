"""Everything `verify` looks at, and its verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from adapters.cli.failures import warn
from adapters.cli.progress import Meter
from adapters.cli.screen import Screen
from adapters.cli.words import count, duration, one_line
from adapters.errors import StoreForbidden
from projections.errors import ReadModelError, ReadModelsNewer

if TYPE_CHECKING:
    from adapters.audit import Finding, LoadSnapshot, ThreadAudit
    from adapters.composition import Turnlog
    from domain.thread import Thread
    from projections.verify import ThreadComparison


@dataclass(slots=True)
class Verdict:
    """What was checked and what was found; clean while nothing was."""

    threads: int = 0
    events: int = 0
    rows: int = 0
    seconds: float = 0.0
    findings: list[dict[str, object]] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.findings

    def add_log(self, finding: Finding) -> None:
        """Something wrong in the log."""
        self.findings.append(asdict(finding))

    def add_table(self, thread_id: str | None, what: str, **more: object) -> None:
        """Something wrong in the read models."""
        found: dict[str, object] = {
            "kind": "read_model",
            "thread_id": thread_id,
            "seq": None,
            "position": None,
            "what": what,
        }
        self.findings.append(found | more)

    def as_document(self) -> dict[str, object]:
        """The verdict for a program."""
        return {
            "clean": self.is_clean,
            "threads": self.threads,
            "events": self.events,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "findings": self.findings,
        }

    def tell(self, screen: Screen, limit: int) -> None:
        """The verdict in words, with the first `limit` findings."""
        for finding in self.findings[:limit]:
            where = [str(finding["thread_id"] or "the log")]
            where += [f"{name} {finding[name]}" for name in ("seq", "position") if finding[name]]
            screen.say(", ".join(where), "bold")
            screen.say(f"{finding['kind']}: {one_line(str(finding['what']), 600)}", "red", indent=2)
        if len(self.findings) > limit:
            more = len(self.findings) - limit
            screen.say(f"and {count(more, 'more finding')}; --json lists them all", "red")
        checked = (
            f"{count(self.events, 'event')} of {count(self.threads, 'thread')} and "
            f"{count(self.rows, 'row')} of the read models, in {duration(self.seconds)}"
        )
        if self.is_clean:
            screen.say(f"Clean: {checked}.", "green")
            what = "Numbers, hash chains, laws; read models and snapshots against the fold."
            screen.say(what, "dim")
        else:
            screen.say(f"{count(len(self.findings), 'finding')} in {checked}.", "bold red")


def verify_threads(
    log: Turnlog, chosen: Sequence[str] | None, verdict: Verdict, meter: Meter
) -> None:
    """Checks those threads and their snapshots, or all of them and the log as a whole."""
    from adapters.audit import audit_threads, missing_positions

    began = time.monotonic()
    head = log.recorder.head()
    try:
        log.catch_up()
    except ReadModelsNewer as error:
        warn(error)  # what they show is compared all the same
    except ReadModelError as error:
        verdict.add_table(None, error.message)
    every = log.rows.thread_ids() if chosen is None else iter(dict.fromkeys(chosen))
    counted = 0
    for audit in audit_threads(log.recorder, every, meter, _snapshots(log)):
        verdict.threads += 1
        verdict.events += _events(audit)
        counted += sum(1 for position in _positions(audit) if position <= head)
        for finding in audit.findings:
            verdict.add_log(finding)
        _compare(log, audit, verdict)
    if chosen is None:
        for finding in missing_positions(head, counted):
            verdict.add_log(finding)
    verdict.seconds = time.monotonic() - began


def _snapshots(log: Turnlog) -> LoadSnapshot:
    """What loads those of threads; whoever may not read them verifies the rest."""
    is_allowed = True

    def load(thread_id: str) -> Thread | None:
        nonlocal is_allowed
        try:
            return log.snapshots.load(thread_id) if is_allowed else None
        except StoreForbidden as error:
            is_allowed = False
            warn(error, "The snapshots are not verified.")
            return None

    return load


def _events(audit: ThreadAudit) -> int:
    return len(_positions(audit))


def _positions(audit: ThreadAudit) -> list[int]:
    """Of every event of the thread, also of those that cannot be read."""
    read = [recorded.position for recorded in audit.history]
    unread = [f.position for f in audit.findings if f.kind == "event" and f.position is not None]
    return read + unread


def _compare(log: Turnlog, audit: ThreadAudit, verdict: Verdict) -> None:
    """The thread's rows with the fold of its history, unless the history has holes."""
    from projections.verify import compare_thread

    if any(finding.kind in ("event", "fold") for finding in audit.findings):
        return  # there is no fold to compare with, and that has been found
    compared: ThreadComparison = compare_thread(audit.thread_id, log.log, log.rows, audit.history)
    verdict.rows += compared.rows
    for difference in compared.differences:
        verdict.add_table(
            audit.thread_id,
            str(difference),
            table=difference.table,
            key=difference.key,
            column=difference.column,
        )
    if compared.problem is not None:
        verdict.add_table(audit.thread_id, compared.problem.message)
