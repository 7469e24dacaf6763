"""The port `EventLog` over either store: events on one side, records on the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters import codec
from adapters.recorder import LogRecorder
from adapters.records import (
    MAX_EVENT_BYTES,
    DuplicateCommand,
    LeaseBeingTaken,
    LeaseNotHeld,
    LogEntry,
    LogRecord,
    SeqConflict,
    VersionConflict,
)
from domain.errors import LeaseLost, TooLarge
from domain.events.approval import ApprovalRequested, ApprovalResolved
from domain.events.base import Event
from domain.events.item import ItemEvent, ItemStarted
from domain.events.prompt import PromptAdmitted, PromptEdited
from domain.events.thread import ThreadCreated, ThreadUpdated
from domain.ports import CommandRecorded, Conflict, Fence, Recorded, Uncommitted

# The store's own limit. What users and engines bring in is measured against the setting, below;
# events that only repeat or name what was admitted are not: else a prompt admitted just below the
# limit, or under a larger one, could never be promoted (its user message repeats the text), held
# (one event names them all) or withdrawn, and its thread would be stuck for ever.
BRINGS_CONTENT: Final = (
    ThreadCreated,
    ThreadUpdated,
    PromptAdmitted,
    PromptEdited,
    ItemEvent,
    ApprovalRequested,
    ApprovalResolved,
)
STORE_LIMIT: Final = 72 * 1024 * 1024  # bytes


class RecordedLog:
    """The log of one store. Safe to share between threads.

    Its store must accept events of `STORE_LIMIT` bytes.
    """

    def __init__(self, recorder: LogRecorder, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._recorder = recorder
        self._max_event_bytes = max_event_bytes

    def append(
        self,
        entries: Sequence[Uncommitted],
        *,
        expected_seq: int,
        fence: Fence | None = None,
    ) -> tuple[Recorded, ...]:
        if not entries:
            return ()
        records = [_record(entry) for entry in entries]
        if max(len(record.state) for record in records) > min(self._max_event_bytes, STORE_LIMIT):
            self._measure([entry.event for entry in entries], records)
        try:
            written = self._recorder.write(records, expected_seq, fence)
        except (SeqConflict, VersionConflict, LeaseBeingTaken):
            raise Conflict(thread_id=records[0].thread_id) from None
        except DuplicateCommand:
            raise CommandRecorded(command_id=records[0].command_id) from None
        except LeaseNotHeld as refused:
            raise _lost(**refused.details) from None
        first, at = written.first_position, written.recorded_at
        return tuple(
            Recorded(first + i, written.seqs[i], entry.version, at, written.hashes[i], entry.event)
            for i, entry in enumerate(entries)
        )

    def _measure(self, events: Sequence[Event], records: Sequence[LogRecord]) -> None:
        user_messages: set[str] = set()
        for event, record in zip(events, records, strict=True):
            of_user = isinstance(event, ItemEvent) and event.item_id in user_messages
            repeats = of_user or event.copied
            if isinstance(event, ItemStarted) and event.input_id is not None:
                user_messages.add(event.item_id)
            limit = STORE_LIMIT
            if isinstance(event, BRINGS_CONTENT) and not repeats:
                limit = min(limit, self._max_event_bytes)
            if (size := len(record.state)) > limit:
                raise TooLarge(what=f"{event.name} event", size=size, limit=limit)

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> Sequence[Recorded]:
        return self._recorder.read_thread(thread_id, after_seq=after_seq, upto_seq=upto_seq)

    def read_command(self, command_id: str) -> Sequence[Recorded]:
        return [decoded(entry) for entry in self._recorder.select_command(command_id)]


def _lost(turn_id: object, token: object, actual: object) -> LeaseLost:
    if token is None:
        why = "another worker has its lease"
    elif token == actual:
        why = "its lease has run out"
    else:
        why = "its lease has passed on"
    return LeaseLost(turn_id=turn_id, why=why)


def decoded(entry: LogEntry) -> Recorded:
    """An entry with its event decoded; `CorruptEvent`."""
    return _recorded(entry, codec.decode(entry.topic, entry.state, entry.id))


def _recorded(entry: LogEntry, event: Event) -> Recorded:
    return Recorded(
        position=entry.id,
        seq=entry.seq,
        version=entry.originator_version,
        recorded_at=entry.recorded_at,
        hash=entry.hash,
        event=event,
    )


def _record(entry: Uncommitted) -> LogRecord:
    event = entry.event
    return LogRecord(
        originator_id=event.stream_id,
        originator_version=entry.version,
        topic=event.name,
        state=codec.encode(event),
        thread_id=event.thread_id,
        command_id=event.command_id,
        receipt=event.receipt,
    )
