"""The log as tests look at it."""

from __future__ import annotations

import threading

from adapters.recorder import LogRecorder, LogSubscription
from adapters.records import LogEntry
from tests.fixtures.patience import PATIENCE


def everything(log: LogRecorder) -> list[LogEntry]:
    """The whole log."""
    return log.select_log(limit=100_000)


def numbers(entries: list[LogEntry]) -> list[tuple[str, int, str, int, int]]:
    """Thread, seq, stream, version and position of each."""
    return [(e.thread_id, e.seq, e.stream_id, e.originator_version, e.id) for e in entries]


def take(subscription: LogSubscription, count: int, seconds: float = PATIENCE) -> list[LogEntry]:
    """The next entries: as many as asked for, or fewer if they do not come in time."""
    timer = threading.Timer(seconds, subscription.stop)
    timer.start()
    entries: list[LogEntry] = []
    try:
        for entry in subscription:
            entries.append(entry)
            if len(entries) == count:
                break
    finally:
        timer.cancel()
    return entries
