"""The interface of the log, in the terms of the `eventsourcing` library, and its subscription."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    ListenNotifySubscription,
    ShutDown,
    StoredEvent,
)

from adapters.codec import decode_all
from adapters.errors import StoreBusy, StoreFull, StoreUnavailable
from adapters.records import LogEntry, LogRecord, Written, as_record, check_append
from domain.ports import Fence, Recorded

POLL_INTERVAL: Final = 1.0  # seconds

logger = logging.getLogger("turnlog.subscription")


class LogRecorder(ApplicationRecorder, ABC):
    """The log: one sequence of all events (`position`), one per thread (`seq`), one per stream.

    All three are gapless, allotted at the append and visible in order: no reader ever sees n+1
    before n. An append is written whole or not at all.
    """

    max_event_bytes: int

    def append(
        self,
        records: Sequence[LogRecord],
        expected_seq: int | None = None,
        fence: Fence | None = None,
    ) -> list[LogEntry]:
        """Append the records and return them with their numbers.

        With `expected_seq` only if that is the thread's last seq (0 for a new thread). With a
        `fence` only while the lease is as it asks: a lease that would pass on meanwhile passes on
        when the records are there to be read. Versions must continue those of their streams; a new
        stream begins at 1 (or 0).

        Raises, with nothing written: DuplicateCommand, SeqConflict, LeaseBeingTaken, LeaseNotHeld,
        VersionConflict, WrongThread (in this order of precedence), EventTooLarge, InvalidRecord,
        StoreBusy, StoreUnavailable. Raises AppendOutcomeUnknown when it could not be found out
        whether they were written.
        """
        check_append(records, expected_seq, self.max_event_bytes)
        return self.write(records, expected_seq, fence).entries(records) if records else []

    @abstractmethod
    def write(
        self,
        records: Sequence[LogRecord],
        expected_seq: int | None = None,
        fence: Fence | None = None,
    ) -> Written:
        """`append` without its checks, and with nothing but the numbers for an answer.

        For one record or more that are known to be in order: events our own codec encoded. (The
        database checks most of it once more, in its own words.)
        """

    @abstractmethod
    def select_thread(
        self,
        thread_id: str,
        *,
        after_seq: int = 0,
        upto_seq: int | None = None,
        limit: int | None = None,
    ) -> list[LogEntry]:
        """The entries of a thread with after_seq < seq <= upto_seq, in order, `limit` at most."""

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> list[Recorded]:
        """The events of a thread with after_seq < seq <= upto_seq, in order; `CorruptEvent`."""
        entries = self.select_thread(thread_id, after_seq=after_seq, upto_seq=upto_seq)
        return decode_all(
            (e.id, e.seq, e.originator_version, e.recorded_at, e.hash, e.topic, e.state)
            for e in entries
        )

    @abstractmethod
    def select_log(
        self, *, after_position: int = 0, upto_position: int | None = None, limit: int
    ) -> list[LogEntry]:
        """The entries with after_position < position <= upto_position, in order."""

    @abstractmethod
    def select_command(self, command_id: str) -> list[LogEntry]:
        """All entries of a command, in order; none if it is not known."""

    @abstractmethod
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[LogEntry]:
        """The entries of a stream with gt < version <= lte, from the last one if `desc`."""

    @abstractmethod
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[LogEntry]:
        """The entries from position `start` to `stop`, of these types only if any are given."""

    @abstractmethod
    def head(self) -> int:
        """The position of the last entry, 0 while there is none."""

    @abstractmethod
    def listen(self, event: Event) -> None:
        """Set `event` whenever the log may have grown. A hint: it can come late or not at all."""

    @abstractmethod
    def unlisten(self, event: Event) -> None:
        """Take `event` back."""

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        expected_seq: int | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        """`append` under the library's name: returns the positions."""
        if kwargs:
            # Dropping, say, `tracking` without a word would break its promise of one transaction.
            raise TypeError(f"{type(self).__name__} cannot store {', '.join(sorted(kwargs))}")
        records = [as_record(event) for event in stored_events]
        return [entry.id for entry in self.append(records, expected_seq)]

    def max_notification_id(self) -> int | None:
        """The position of the last entry, None while there is none."""
        return self.head() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LogSubscription:
        """Iterate over the entries after position `gt`, then wait for new ones, for ever.

        Use it as a context manager, or call its `stop()`.
        """
        return LogSubscription(self, gt, topics)


if TYPE_CHECKING:
    _Subscription = ListenNotifySubscription[LogRecorder]
else:
    _Subscription = ListenNotifySubscription


class LogSubscription(_Subscription):
    """An iterator over the log from a position on. It never skips an entry and never repeats one.

    What makes it read is a notification, or a second gone by, whichever comes first; so a
    notification that was lost (before LISTEN took effect, or while the connection was down) costs
    a second and no entry. While the store cannot be reached it keeps trying.
    """

    def __init__(self, recorder: LogRecorder, gt: int | None, topics: Sequence[str]) -> None:
        # The base class starts the reading thread, so whatever that needs comes first.
        self._poll_interval = POLL_INTERVAL
        self._store_is_away = False
        super().__init__(recorder=recorder, gt=gt or 0, topics=topics)
        recorder.listen(self._has_been_notified)
        if self._has_been_stopped:  # by the reading thread, which met an error
            recorder.unlisten(self._has_been_notified)

    def stop(self) -> None:
        """End the iteration, from whichever thread."""
        super().stop()
        self._recorder.unlisten(self._has_been_notified)

    def __next__(self) -> LogEntry:
        return cast("LogEntry", super().__next__())

    def _loop_on_pull(self) -> None:
        try:
            while not self._has_been_stopped:
                self._pull_if_the_store_is_there()
                self._has_been_notified.wait(self._poll_interval)
        except BaseException as error:  # noqa: BLE001  (raised by __next__)
            if self._thread_error is None:
                self._thread_error = error
            self.stop()

    def _pull_if_the_store_is_there(self) -> None:
        try:
            self._pull()
        except (StoreUnavailable, StoreBusy, StoreFull) as error:
            if not self._store_is_away:
                logger.warning("subscription waits for the store: %s", error)
            self._store_is_away = True
        else:
            self._store_is_away = False

    def _pull(self) -> None:
        """Queue all entries there are after the last one queued."""
        while not self._has_been_stopped:
            # Cleared before the read: a notification that comes during it makes for another read.
            self._has_been_notified.clear()
            last, head = self._last_notification_id or 0, self._recorder.head()
            if head <= last:
                return
            found = self._recorder.select_notifications(
                last, self._select_limit, head, self._topics, inclusive_of_start=False
            )
            if found:
                try:
                    self._notifications_queue.put(found)
                except ShutDown:
                    return
            # No entry up to head can still appear (they come in order), so with topics the cursor
            # moves over those that were not asked for and they are not read again.
            full = len(found) == self._select_limit
            self._last_notification_id = found[-1].id if full else head
