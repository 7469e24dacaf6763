"""The log in memory. It keeps the contract of the PostgreSQL one, without the durability."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, RLock
from uuid import UUID

from adapters.memory.leases import MemoryLeases
from adapters.recorder import LogRecorder
from adapters.records import (
    FIRST_HASH,
    MAX_EVENT_BYTES,
    DuplicateCommand,
    LeaseNotHeld,
    LogEntry,
    LogRecord,
    SeqConflict,
    VersionConflict,
    Written,
    WrongThread,
    as_entry,
    chain_hash,
)
from domain.ports import Fence


def utc_now() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


class MemoryLogRecorder(LogRecorder):
    """A log that lives as long as this object. Safe to use from several threads.

    Fences are checked against `leases`; without any, nobody has a lease.
    """

    def __init__(
        self,
        *,
        max_event_bytes: int = MAX_EVENT_BYTES,
        clock: Callable[[], datetime] = utc_now,
        leases: MemoryLeases | None = None,
    ) -> None:
        self.max_event_bytes = max_event_bytes
        self._clock = clock
        self._leases = leases
        # Reentrant, for the process recorder holds it around an append and its tracking.
        self._lock = RLock()
        self._log: list[LogEntry] = []
        self._threads: defaultdict[str, list[LogEntry]] = defaultdict(list)
        self._streams: defaultdict[str, list[LogEntry]] = defaultdict(list)
        self._commands: defaultdict[str, list[LogEntry]] = defaultdict(list)
        self._listeners: set[Event] = set()

    def write(
        self,
        records: Sequence[LogRecord],
        expected_seq: int | None = None,
        fence: Fence | None = None,
    ) -> Written:
        with self._lock, self._standing_leases():
            self._check_commands(records)
            self._check_seq(records[0].thread_id, expected_seq)
            self._check_lease(fence)
            self._check_versions(records)
            entries = self._store(records)
            listeners = list(self._listeners)
        for listener in listeners:
            listener.set()
        return Written.of(entries)

    def _check_commands(self, records: Iterable[LogRecord]) -> None:
        for record in records:
            if record.receipt is None or record.command_id is None:
                continue
            if any(entry.receipt is not None for entry in self._entries_of(record.command_id)):
                raise DuplicateCommand(command_id=record.command_id)

    def _check_seq(self, thread_id: str, expected_seq: int | None) -> None:
        actual = len(self._threads.get(thread_id, ()))
        if expected_seq is not None and expected_seq != actual:
            raise SeqConflict(thread_id=thread_id, expected=expected_seq, actual=actual)

    @contextmanager
    def _standing_leases(self) -> Iterator[None]:
        """None passes on between the check and the moment when the events can be read."""
        if self._leases is None:
            yield
            return
        with self._leases.lock:
            yield

    def _check_lease(self, fence: Fence | None) -> None:
        if fence is None:
            return
        last = None if self._leases is None else self._leases.find(fence.turn_id)
        lives = last is not None and last.seconds_left > 0
        running = last.token if last is not None and lives else None
        if running != fence.token:
            actual = None if last is None else last.token
            raise LeaseNotHeld(turn_id=fence.turn_id, token=fence.token, actual=actual)

    def _check_versions(self, records: Iterable[LogRecord]) -> None:
        heads: dict[str, tuple[int, str]] = {}  # stream → version and thread, as they would be
        for record in records:
            stream_id, version = record.stream_id, record.originator_version
            head = heads.get(stream_id) or self._head_of_stream(stream_id)
            if version not in ((0, 1) if head is None else (head[0] + 1,)):
                actual = None if head is None else head[0]
                raise VersionConflict(stream_id=stream_id, version=version, actual=actual)
            if head is not None and head[1] != record.thread_id:
                raise WrongThread(stream_id=stream_id, thread_id=record.thread_id)
            heads[stream_id] = version, record.thread_id

    def _head_of_stream(self, stream_id: str) -> tuple[int, str] | None:
        entries = self._streams.get(stream_id)
        return (entries[-1].originator_version, entries[-1].thread_id) if entries else None

    def _store(self, records: Iterable[LogRecord]) -> list[LogEntry]:
        recorded_at = self._clock()
        if self._log:
            recorded_at = max(recorded_at, self._log[-1].recorded_at)
        return [self._store_one(record, recorded_at) for record in records]

    def _store_one(self, record: LogRecord, recorded_at: datetime) -> LogEntry:
        thread = self._threads[record.thread_id]
        previous = thread[-1].hash if thread else FIRST_HASH
        entry = as_entry(
            record,
            position=len(self._log) + 1,
            seq=len(thread) + 1,
            recorded_at=recorded_at,
            hash_=b"",
        )
        entry = replace(entry, hash=chain_hash(previous, entry))
        self._log.append(entry)
        thread.append(entry)
        self._streams[entry.stream_id].append(entry)
        if entry.command_id is not None:
            self._commands[entry.command_id].append(entry)
        return entry

    def _entries_of(self, command_id: str) -> list[LogEntry]:
        return self._commands.get(command_id, [])

    def select_thread(
        self,
        thread_id: str,
        *,
        after_seq: int = 0,
        upto_seq: int | None = None,
        limit: int | None = None,
    ) -> list[LogEntry]:
        with self._lock:
            return _slice(self._threads.get(thread_id, []), after_seq, upto_seq, limit)

    def select_log(
        self, *, after_position: int = 0, upto_position: int | None = None, limit: int
    ) -> list[LogEntry]:
        with self._lock:
            return _slice(self._log, after_position, upto_position, limit)

    def select_command(self, command_id: str) -> list[LogEntry]:
        with self._lock:
            return list(self._entries_of(command_id))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[LogEntry]:
        with self._lock:
            entries = list(self._streams.get(str(originator_id), []))
        found = [
            entry
            for entry in (reversed(entries) if desc else entries)
            if (gt is None or entry.originator_version > gt)
            and (lte is None or entry.originator_version <= lte)
        ]
        return found[:limit]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[LogEntry]:
        after = (start or 0) - (1 if start and inclusive_of_start else 0)
        with self._lock:
            found = _slice(self._log, after, stop, None)
        return [entry for entry in found if not topics or entry.topic in topics][:limit]

    def head(self) -> int:
        with self._lock:  # not in the middle of an append
            return len(self._log)

    def listen(self, event: Event) -> None:
        with self._lock:
            self._listeners.add(event)

    def unlisten(self, event: Event) -> None:
        with self._lock:
            self._listeners.discard(event)


def _slice(
    entries: Sequence[LogEntry], after: int, upto: int | None, limit: int | None
) -> list[LogEntry]:
    """The part with after < number <= upto, for a sequence that is numbered from 1."""
    start = max(after, 0)
    stop = len(entries) if upto is None else min(max(upto, 0), len(entries))
    if limit is not None:
        stop = min(stop, start + limit)
    return list(entries[start:stop])
