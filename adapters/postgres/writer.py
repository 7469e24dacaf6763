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
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from adapters.errors import StoreBusy, StoreError
from adapters.postgres.batch import Append, Outcome
from adapters.records import Written

MAX_WAITING: Final = 4096  # appends
MAX_BATCH_APPENDS: Final = 256
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
FAN_OUT: Final = 2  # callers whom one wakes; more compete with the next batch, fewer are slow


class WriterClosed(StoreError):
    """The event log has been closed and takes no more appends."""


class AppendInterrupted(StoreError):
    """The thread that was saving events for several callers was interrupted. Whether they were
    saved is not known: look the command up before sending it again."""


class BatchWriter(Protocol):
    """What writes the batches (WriterSession)."""

    def write(self, appends: Sequence[Append], on_sent: Callable[[], None]) -> list[Outcome]:
        """An outcome for each append, in order.

        `on_sent` is to be called as soon as there is nothing to do but wait.
        """

    def close(self) -> None:
        """Let go of what it holds."""


class _Caller:
    """A caller who waits: for its outcome, or for its turn to lead.

    Those who have their outcomes are woken one by the other, as a tree (`followers`). All at once
    they would compete for the interpreter, and with them the thread that has the next batch in
    hand: the database would wait for it until each of them has had its turn.
    """

    __slots__ = ("append", "followers", "is_gone", "outcome", "size", "wake")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.size = sum(len(record.state) for record in append.records)
        self.is_gone = False
        self.outcome: Outcome | None = None
        self.followers: Sequence[_Caller] = ()
        # A bare lock is the cheapest thing a thread can wait for; `release` wakes the caller.
        self.wake = threading.Lock()
        self.wake.acquire()

    def wake_followers(self) -> None:
        """Wake those who are to be woken by this caller. Doing it twice does no harm."""
        for follower in self.followers:
            try:
                follower.wake.release()
            except RuntimeError:  # it has been woken
                continue
        self.followers = ()


class GroupWriter:
    """Collects appends from all threads and has them written in batches, one batch at a time.

    A caller may be interrupted (Ctrl-C) at any point. What it leads is ended by `_leave` then, if
    it was not ended before: nobody else must wait for it.
    """

    def __init__(self, batches: BatchWriter, *, max_waiting: int = MAX_WAITING) -> None:
        self._batches = batches
        self._max_waiting = max_waiting
        self._mutex = threading.Lock()
        self._drained = threading.Condition(self._mutex)
        self._waiting: deque[_Caller] = deque()
        self._leader: _Caller | None = None
        self._batch: list[_Caller] = []  # the leader's
        self._is_closed = False

    def write(self, append: Append) -> Written:
        """Have it written and wait for it. Raises what refused it; StoreBusy if too many wait."""
        caller = _Caller(append)
        try:
            if not self._join(caller):
                caller.wake.acquire()
            if caller.outcome is None:
                self._lead(caller)
            else:
                caller.wake_followers()
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
            while self._leader is not None:
                self._drained.wait()
        self._batches.close()

    def _join(self, caller: _Caller) -> bool:
        """Get in line; True if the caller leads at once, as nobody does."""
        with self._mutex:
            if self._is_closed:
                raise WriterClosed
            if len(self._waiting) >= self._max_waiting:
                raise StoreBusy(why=f"{self._max_waiting} appends are waiting already")
            if self._leader is None:
                self._leader = caller
            self._waiting.append(caller)
            return self._leader is caller

    def _lead(self, leader: _Caller) -> None:
        """Write one batch, which begins with the caller that leads, and hand over.

        The callers of a batch are woken only when the next one is on its way, by its leader: so the
        database has something to do while they go on (measured with 32 callers that take 0.1 ms to
        decide: a quarter more commands a second).
        """
        with self._mutex:
            batch = self._take_batch()
        outcomes = self._batches.write([caller.append for caller in batch], leader.wake_followers)
        for caller, outcome in zip(batch, outcomes, strict=True):
            caller.outcome = outcome
        with self._mutex:
            self._end_batch(leader)

    def _take_batch(self) -> list[_Caller]:
        batch = self._batch
        size = 0
        while self._waiting and len(batch) < MAX_BATCH_APPENDS:
            next_ = self._waiting[0]
            size += next_.size
            alone = batch and (batch[0].append.move or next_.append.move)
            if alone or (batch and size > MAX_BATCH_BYTES):
                break
            batch.append(next_)  # and only then out of the line: see _end_batch
            self._waiting.popleft()
        return batch

    def _end_batch(self, leader: _Caller) -> None:
        """Everybody in the batch has an outcome, and the next in line leads.

        The caller holds the mutex. Those who are done are woken by the next leader, or here.
        """
        batch = self._batch
        if batch and self._waiting and self._waiting[0] is batch[-1]:
            self._waiting.popleft()  # the leader was interrupted when it took it
        for caller in batch:
            caller.outcome = caller.outcome or AppendInterrupted()
        leader.wake_followers()
        leader.followers = _as_tree([caller for caller in batch if caller is not leader])
        self._batch = []
        if self._waiting:
            next_ = self._waiting[0]
            next_.followers, leader.followers = leader.followers, ()
            # (Nothing can interrupt between this and the release.)
            self._leader = next_
            next_.wake.release()
            return
        self._leader = None
        self._drained.notify_all()
        leader.wake_followers()

    def _leave(self, caller: _Caller) -> None:
        """A caller was refused or interrupted: nobody may count on it."""
        with self._mutex:
            caller.is_gone = True
            if caller in self._waiting:
                self._waiting.remove(caller)
            if self._leader is caller:
                self._end_batch(caller)
            else:
                caller.wake_followers()


def _as_tree(callers: Sequence[_Caller]) -> Sequence[_Caller]:
    """Each of those who are there is to wake some others; those who are to be woken first."""
    present = [caller for caller in callers if not caller.is_gone]
    for i, caller in enumerate(present):
        caller.followers = present[(i + 1) * FAN_OUT : (i + 2) * FAN_OUT]
    return present[:FAN_OUT]
