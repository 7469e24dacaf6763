"""Folded threads, kept in memory and brought forward by new events only."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from domain.ports import EventLog
from domain.thread import Thread, fold

DEFAULT_CAPACITY: Final = 4096  # threads


class CachedThreads:
    """The port `Threads` over a log. States are immutable, so nothing is ever copied.

    Two callers may bring the same thread forward at once: each computes a true state, and only
    the later one (by `seq`) is kept. A state that has been overtaken in the log does no harm, as
    an append is accepted only at the `seq` it was decided on.
    """

    def __init__(self, log: EventLog, capacity: int = DEFAULT_CAPACITY) -> None:
        self._log = log
        self._capacity = capacity
        self._lock = Lock()
        self._states: OrderedDict[str, Thread] = OrderedDict()

    def remembered(self, thread_id: str) -> Thread | None:
        with self._lock:
            thread = self._states.get(thread_id)
            if thread is not None:
                self._states.move_to_end(thread_id)
            return thread

    def current(self, thread_id: str) -> Thread:
        thread = self.remembered(thread_id) or Thread(thread_id)
        recorded = self._log.read_thread(thread_id, after_seq=thread.seq)
        thread = fold(thread, (entry.event for entry in recorded))
        if thread.exists:
            self.remember(thread)
        return thread

    def remember(self, thread: Thread) -> None:
        with self._lock:
            known = self._states.get(thread.thread_id)
            if known is None or known.seq < thread.seq:
                self._states[thread.thread_id] = thread
                self._states.move_to_end(thread.thread_id)
            if len(self._states) > self._capacity:
                self._states.popitem(last=False)
