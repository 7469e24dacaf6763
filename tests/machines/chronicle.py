"""The log as it was read, checked piece by piece as it grows, and what it folds to."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from adapters.event_log import decoded
from adapters.records import FIRST_HASH, LogEntry, chain_hash
from domain.laws import violations
from domain.ports import Recorded
from domain.thread import Thread, evolve
from projections.replay import replay
from projections.rows import ThreadRows
from tests.fixtures.clock import START


class Chronicle:
    """Everything the log has, in order, with the state of each thread after each of its events."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self._threads: defaultdict[str, list[Recorded]] = defaultdict(list)
        self._states: dict[str, list[Thread]] = {}

    @property
    def head(self) -> int:
        """The last position."""
        return len(self.entries)

    @property
    def thread_ids(self) -> list[str]:
        """All threads there are, the oldest first."""
        return list(self._threads)

    def history(self, thread_id: str, upto_position: int | None = None) -> Sequence[Recorded]:
        """A thread's events, up to a position of the log."""
        events = self._threads.get(thread_id, [])
        if upto_position is None:
            return events
        return events[: bisect_right(events, upto_position, key=lambda e: e.position)]

    def state(self, thread_id: str, seq: int | None = None) -> Thread:
        """The thread as it was at `seq`, or as it is."""
        states = self._states.get(thread_id)
        return Thread(thread_id) if states is None else states[-1 if seq is None else seq]

    def rows(self, thread_id: str, position: int) -> ThreadRows:
        """What the read models are to say of a thread when they are at that position."""
        return replay(self.history(thread_id, position))

    def threads_between(self, after: int, upto: int) -> list[str]:
        """The threads that have events at these positions."""
        return list(dict.fromkeys(entry.thread_id for entry in self.entries[after:upto]))

    def take(self, found: Sequence[LogEntry], wanted: Sequence[LogEntry]) -> list[LogEntry]:
        """What has come to the log, as both stores have it; all laws hold with it. Returns it."""
        assert list(map(_timeless, found)) == list(map(_timeless, wanted))
        new = found[:]
        for entry in new:
            self._take(entry)
        for thread_id in dict.fromkeys(entry.thread_id for entry in new):
            broken = violations(self._threads[thread_id])
            assert broken == [], broken
        return list(new)

    def _take(self, entry: LogEntry) -> None:
        assert entry.id == len(self.entries) + 1, f"{entry.id} after {len(self.entries)}"
        if self.entries:
            assert entry.recorded_at >= self.entries[-1].recorded_at
        history = self._threads[entry.thread_id]
        assert entry.seq == len(history) + 1
        previous = history[-1].hash if history else FIRST_HASH
        assert entry.hash == chain_hash(previous, entry), f"{entry.thread_id} {entry.seq}"
        recorded = decoded(entry)
        self.entries.append(entry)
        history.append(recorded)
        states = self._states.setdefault(entry.thread_id, [Thread(entry.thread_id)])
        states.append(evolve(states[-1], recorded.event))


def _timeless(entry: LogEntry) -> LogEntry:
    """Without what rightly differs between two stores: the time, and with it the hash."""
    return replace(entry, recorded_at=START, hash=b"")
