"""Laws about the record itself: L10, L12 and L13."""

from __future__ import annotations

from collections.abc import Iterator

from domain.events.thread import ThreadCreated
from domain.predicates.history import History, Violation


def one_receipt(history: History) -> Iterator[Violation]:
    """L10: a command is one run of events, and its receipt is on the first of them only."""
    seen: set[str] = set()
    current: str | None = None
    for entry in history:
        command_id, receipt = entry.event.command_id, entry.event.receipt
        first = command_id != current
        if first and command_id in seen:
            yield Violation("L10", entry.seq, f"{command_id} comes back after other commands")
        if first != (receipt is not None):
            yield Violation(
                "L10", entry.seq, f"the receipt of {command_id} is not where it belongs"
            )
        seen.add(command_id)
        current = command_id


def numbers_have_no_gap(history: History) -> Iterator[Violation]:
    """L13: seq and version count from 1 without gap or repeat, and position grows."""
    position = 0
    versions: dict[str, int] = {}
    for expected, entry in enumerate(history, start=1):
        stream_id = entry.event.stream_id
        if entry.seq != expected:
            yield Violation("L13", entry.seq, f"seq is {entry.seq}, expected {expected}")
        if entry.version != versions.get(stream_id, 0) + 1:
            after = versions.get(stream_id, 0)
            yield Violation(
                "L13", entry.seq, f"version {entry.version} of {stream_id} after {after}"
            )
        if entry.position <= position:
            yield Violation("L13", entry.seq, f"position {entry.position} after {position}")
        versions[stream_id] = entry.version
        position = entry.position


def begins_with_creation(history: History) -> Iterator[Violation]:
    """A thread begins with `thread.created`, and with it only (a word of the contract)."""
    for entry in history:
        if isinstance(entry.event, ThreadCreated) != (entry.seq == 1):
            yield Violation("L12", entry.seq, f"{entry.event.name} at seq {entry.seq}")
        if entry.event.thread_id != history[0].event.thread_id:
            yield Violation("L12", entry.seq, f"an event of {entry.event.thread_id}")
