"""Group commit: the appends that callers bring while one batch is being written are the next batch.

A transaction costs a round trip and a flush to disk, however much is in it; and appends take turns
in the database anyway. So the callers of a process share transactions. There is no thread for it:
the first caller to come leads, that is, writes at once whatever is waiting, itself alone when
nothing else is. Those who come meanwhile wait, and when the batch is done the first of them
leads the next one. An idle log never waits for company, and a busy one makes its batches as large
as the load demands.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, Protocol

from adapters.errors import StoreBusy, StoreError
from adapters.postgres.batch import Append, Outcome, Written

MAX_WAITING: Final = 4096  # appends
MAX_BATCH_APPENDS: Final = 256
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024


class WriterClosed(StoreError):
    """The event log has been closed and takes no more appends."""


class AppendInterrupted(StoreError):
    """The thread that was saving events for several callers was interrupted. Whether they were
    saved is not known: look the command up before sending it again."""


class BatchWriter(Protocol):
    """What writes the batches (WriterSession)."""

    def write(self, appends: Sequence[Append]) -> list[Outcome]:
        """An outcome for each append, in order."""

    def close(self) -> None:
        """Let go of what it holds."""


class _Caller:
    """A caller who waits: for its outcome, or for its turn to lead."""

    __slots__ = ("append", "leads", "outcome", "size", "wake")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.size = sum(len(record.state) for record in append.records)
        self.leads = False
        self.outcome: Outcome | None = None
        # A bare lock is the cheapest thing a thread can wait for; `release` wakes the caller.
        self.wake = threading.Lock()
        self.wake.acquire()


class GroupWriter:
    """Collects appends from all threads and has them written in batches, one batch at a time."""

    def __init__(self, batches: BatchWriter, *, max_waiting: int = MAX_WAITING) -> None:
        self._batches = batches
        self._max_waiting = max_waiting
        self._mutex = threading.Lock()
        self._drained = threading.Condition(self._mutex)
        self._waiting: deque[_Caller] = deque()
        self._has_leader = False
        self._is_closed = False

    def write(self, append: Append) -> Written:
        """Have it written and wait for it. Raises what refused it; StoreBusy if too many wait."""
        caller = _Caller(append)
        with self._mutex:
            if self._is_closed:
                raise WriterClosed
            if len(self._waiting) >= self._max_waiting:
                raise StoreBusy(why=f"{self._max_waiting} appends are waiting already")
            self._waiting.append(caller)
            caller.leads = not self._has_leader
            self._has_leader = True
        try:
            if not caller.leads:
                caller.wake.acquire()
            if caller.outcome is None:
                self._lead()
        except BaseException:
            self._leave(caller)
            raise
        outcome = caller.outcome
        assert outcome is not None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Take no more appends, and return when those that wait have their outcomes."""
        with self._mutex:
            self._is_closed = True
            while self._has_leader:
                self._drained.wait()
        self._batches.close()

    def _lead(self) -> None:
        """Write one batch, which begins with the caller that leads, and hand over."""
        batch: list[_Caller] = []
        outcomes: Sequence[Outcome] = ()
        try:
            with self._mutex:
                batch = self._take_batch()
            outcomes = self._batches.write([caller.append for caller in batch])
        finally:
            # Those who are done first: they may be back with their next append in time for the
            # next batch (measured: a fifth more appends a second with 32 callers).
            for caller, outcome in zip_longest(batch, outcomes):
                caller.outcome = outcome or AppendInterrupted()
                caller.wake.release()
            with self._mutex:
                self._hand_over()

    def _take_batch(self) -> list[_Caller]:
        batch = [self._waiting.popleft()]
        size = batch[0].size
        while self._waiting and len(batch) < MAX_BATCH_APPENDS:
            next_ = self._waiting[0]
            size += next_.size
            alone = batch[0].append.move or next_.append.move
            if alone or size > MAX_BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _hand_over(self) -> None:
        """Let the next in line lead, if there is one. The caller holds the mutex."""
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].wake.release()
        else:
            self._has_leader = False
            self._drained.notify_all()

    def _leave(self, caller: _Caller) -> None:
        """A caller was interrupted while it waited: nobody may count on it to lead."""
        with self._mutex:
            if caller in self._waiting:
                self._waiting.remove(caller)
                if caller.leads:
                    self._hand_over()
