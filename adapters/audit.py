"""Verification of the log itself: numbers, hash chains, decoding and laws, thread by thread.

Everything is recomputed from what is stored; nothing the command side believes is trusted, and the
snapshots that commands begin from are compared with it. The read models are compared by
`projections.verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from adapters.event_log import decoded
from adapters.recorder import LogRecorder
from adapters.records import FIRST_HASH, LogEntry, chain_hash
from domain.errors import CorruptEvent, ImpossibleEvent
from domain.laws import violations
from domain.ports import Recorded
from domain.thread import Thread, fold

Kind = Literal["numbers", "chain", "event", "law", "fold", "snapshot"]
LoadSnapshot = Callable[[str], Thread | None]
Progress = Callable[[int, int], None]  # events checked so far, events in all


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be, and exactly where."""

    kind: Kind
    thread_id: str | None
    seq: int | None
    position: int | None
    what: str


@dataclass(frozen=True, slots=True)
class ThreadAudit:
    """One thread's findings; `history` is the decoded events, all but those a finding names."""

    thread_id: str
    history: Sequence[Recorded]
    findings: tuple[Finding, ...]


def _no_snapshot(_thread_id: str) -> None:
    """None is kept, or none is to be looked at."""


def audit_threads(
    recorder: LogRecorder,
    thread_ids: Iterable[str],
    progress: Progress,
    load_snapshot: LoadSnapshot = _no_snapshot,
) -> Iterator[ThreadAudit]:
    """Each of those threads, verified, in the order given; one is in memory at a time."""
    total = recorder.head()
    done = 0
    for thread_id in thread_ids:
        # Before the events: so they are all there, up to where it was taken.
        snapshot = load_snapshot(thread_id)
        entries = recorder.select_thread(thread_id)
        yield audit_thread(thread_id, entries, snapshot)
        done += len(entries)
        progress(min(done, total), total)


def audit_thread(
    thread_id: str, entries: Sequence[LogEntry], snapshot: Thread | None = None
) -> ThreadAudit:
    """One thread's entries, verified, and the state that is kept of it, if any."""
    findings = list(_broken_chain(entries))
    history: list[Recorded] = []
    for entry in entries:
        try:
            recorded = decoded(entry)
            findings.extend(_disagreement(entry, recorded))
            history.append(recorded)
        except CorruptEvent as error:
            findings.append(_finding("event", entry, error.message))
    # Laws over a history with holes would only repeat that it has holes.
    if len(history) == len(entries):
        findings.extend(_broken_laws(thread_id, history))
        findings.extend(_broken_fold(thread_id, history, snapshot))
    return ThreadAudit(thread_id, history, tuple(findings))


def missing_positions(upto: int, counted: int) -> Iterator[Finding]:
    """Whether positions 1 to `upto` are all there, given how many events were counted up to it.

    Positions are unique by the table's key and grow within each thread, so a count that falls
    short is a gap (L13).
    """
    if counted != upto:
        what = f"the log's last position is {upto}, but it has {counted} events up to there"
        yield Finding("numbers", None, None, upto, what)


def _broken_chain(entries: Sequence[LogEntry]) -> Iterator[Finding]:
    previous = FIRST_HASH
    for entry in entries:
        if chain_hash(previous, entry) != entry.hash:
            yield _finding("chain", entry, f"the hash of {entry.topic} does not fit its content")
        # Going on from what is stored names every altered event, not all those after the first.
        previous = entry.hash


def _disagreement(entry: LogEntry, recorded: Recorded) -> Iterator[Finding]:
    """The columns repeat what the body says; both are covered by the hash, and must agree."""
    event = recorded.event
    for name, column, body in (
        ("thread_id", entry.thread_id, event.thread_id),
        ("stream_id", entry.stream_id, event.stream_id),
        ("command_id", entry.command_id, event.command_id),
        ("receipt", entry.receipt, event.receipt),
    ):
        if column != body:
            what = f"{name} is {column} beside the event and {body} in it"
            yield _finding("numbers", entry, what)


def _broken_laws(thread_id: str, history: Sequence[Recorded]) -> Iterator[Finding]:
    for violation in violations(history):
        position = history[violation.seq - 1].position if violation.seq <= len(history) else None
        what = f"{violation.law}: {violation.what}"
        yield Finding("law", thread_id, violation.seq, position, what)


def _broken_fold(
    thread_id: str, history: Sequence[Recorded], snapshot: Thread | None
) -> Iterator[Finding]:
    """Whether the history folds, and to what the snapshot says where it was taken (L12)."""
    kept = 0 if snapshot is None else snapshot.seq
    try:
        thread = fold(Thread(thread_id), (entry.event for entry in history[:kept]))
        if snapshot is not None and snapshot != thread:
            position = history[kept - 1].position if 0 < kept <= len(history) else None
            yield Finding("snapshot", thread_id, kept, position, _wrong_snapshot(snapshot, thread))
        fold(thread, (entry.event for entry in history[kept:]))
    except ImpossibleEvent as error:
        yield Finding("fold", thread_id, None, None, error.message)


def _wrong_snapshot(snapshot: Thread, thread: Thread) -> str:
    """What to do about it, too: whoever has begun from it goes on with it in memory."""
    wrong = [f.name for f in fields(Thread) if getattr(snapshot, f.name) != getattr(thread, f.name)]
    return (
        f"L12: the snapshot is not what the log says ({', '.join(wrong)}), and commands decide on "
        "it. Stop the processes that append to the thread, run DELETE FROM thread_snapshots WHERE "
        f"thread_id = '{thread.thread_id}', and start them again."
    )


def _finding(kind: Kind, entry: LogEntry, what: str) -> Finding:
    return Finding(kind, entry.thread_id, entry.seq, entry.id, what)
