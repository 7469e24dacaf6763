"""Folded threads, kept in memory and brought forward by new events only.

A thread that is not in memory begins from its snapshot, if it has one; so a long thread is read
whole only once in its life.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from threading import Lock
from typing import Final, NamedTuple, Protocol

from adapters.errors import StoreError, StoreForbidden
from domain.ports import EventLog
from domain.thread import Thread, fold

DEFAULT_CAPACITY: Final = 4096  # threads
# A snapshot is taken after so many events, or an eighth of the thread's if that is more: all
# snapshots of a thread together are then a small part of its log, however long it gets.
SNAPSHOT_EVENTS: Final = 500
SNAPSHOT_PART: Final = 8

logger = logging.getLogger("turnlog.snapshots")


class Snapshots(Protocol):
    """Folded threads that outlive the process. They may be deleted at any time."""

    def load(self, thread_id: str) -> Thread | None:
        """The newest one of that thread, if any."""
        ...

    def save(self, thread: Thread) -> bool:
        """Keep this one, unless there is a newer one.

        False if that would have to wait: a command has just been done, and its answer must not
        wait for this. Then it is asked for again after the thread's next command.
        """
        ...


class _Known(NamedTuple):
    thread: Thread
    saved_seq: int  # of its snapshot; 0 for none


class CachedThreads:
    """The port `Threads` over a log. States are immutable, so nothing is ever copied.

    Two callers may bring the same thread forward at once: each computes a true state, and only
    the later one (by `seq`) is kept. A state that has been overtaken in the log does no harm, as
    an append is accepted only at the `seq` it was decided on.
    """

    def __init__(
        self,
        log: EventLog,
        snapshots: Snapshots | None = None,
        *,
        capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        self._log = log
        self._snapshots = snapshots
        self._capacity = capacity
        self._told: set[str] = set()
        self._lock = Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def remembered(self, thread_id: str) -> Thread | None:
        with self._lock:
            known = self._known.get(thread_id)
            if known is None:
                return None
            self._known.move_to_end(thread_id)
            return known.thread

    def current(self, thread_id: str) -> Thread:
        thread = self.remembered(thread_id)
        saved_seq = 0
        if thread is None:
            thread = self._load(thread_id) or Thread(thread_id)
            saved_seq = thread.seq
        recorded = self._log.read_thread(thread_id, after_seq=thread.seq)
        thread = fold(thread, (entry.event for entry in recorded))
        if thread.exists:
            self._remember(thread, saved_seq)
        return thread

    def remember(self, thread: Thread) -> None:
        self._remember(thread, 0)

    def _remember(self, thread: Thread, saved_seq: int) -> None:
        with self._lock:
            known = self._known.get(thread.thread_id)
            if known is not None:
                if known.thread.seq >= thread.seq:
                    return
                saved_seq = max(saved_seq, known.saved_seq)
            is_due = thread.seq - saved_seq >= max(SNAPSHOT_EVENTS, thread.seq // SNAPSHOT_PART)
            # Noted before it is done: nobody else does it too, and if it fails, not every command
            # of the thread tries again.
            seq = thread.seq if is_due else saved_seq
            self._known[thread.thread_id] = _Known(thread, seq)
            self._known.move_to_end(thread.thread_id)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        if is_due and not self._save(thread):
            with self._lock:
                known = self._known.get(thread.thread_id)
                if known is not None:
                    self._known[thread.thread_id] = known._replace(saved_seq=saved_seq)

    def _load(self, thread_id: str) -> Thread | None:
        if self._snapshots is None:
            return None
        try:
            return self._snapshots.load(thread_id)
        except StoreForbidden as error:
            # The log may still be read, and has all that is in a snapshot.
            self._tell("snapshots are not used", error)
            return None

    def _save(self, thread: Thread) -> bool:
        """False if it is to be tried again at once."""
        if self._snapshots is None:
            return True
        try:
            return self._snapshots.save(thread)
        except StoreError as error:
            # What it is for has been done, and it will be tried again later.
            self._tell("snapshots are not saved", error)
            return True

    def _tell(self, what: str, error: StoreError) -> None:
        """Once for each reason: it concerns every thread alike."""
        if (reason := f"{what}: {error}") not in self._told:
            self._told.add(reason)
            logger.warning(reason)
