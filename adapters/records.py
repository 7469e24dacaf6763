"""What goes into the log and what comes out of it, and why the log may refuse to take it.

Both stores (`postgres/`, `memory/`) share these types, checks and errors, so that one contract
binds them. A record is an event before it is stored; an entry is the same event with the numbers
the store gave it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from eventsourcing.persistence import DataError, IntegrityError, Notification, StoredEvent
from pydantic_core import from_json

from domain.errors import TurnlogError

MAX_EVENT_BYTES: Final = 1024 * 1024
MAX_NAME_CHARS: Final = 255
MAX_NUMBER: Final = 2**63 - 1

FIRST_HASH: Final = bytes(32)
"""What the first event of a thread is chained to."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class AppendRefused(TurnlogError, IntegrityError):
    """The append was refused and nothing was written."""


class VersionConflict(AppendRefused):
    """Stream {stream_id} is at version {actual}; version {version} cannot be appended to it."""


class SeqConflict(AppendRefused):
    """Thread {thread_id} is at seq {actual}, not at {expected} as the append expects."""


class DuplicateCommand(AppendRefused):
    """Command {command_id} is in the log already."""


class LeaseNotHeld(AppendRefused):
    """The append into turn {turn_id} names the lease with token {token}; that is not the one that
    runs (the last one has {actual})."""


class LeaseBeingTaken(AppendRefused):
    """Somebody is just taking the lease of turn {turn_id}: try again."""


class WrongThread(AppendRefused):
    """Stream {stream_id} belongs to another thread than {thread_id}."""


class TrackingConflict(AppendRefused):
    """The follower "{follower}" is at {position} of "{application_name}" already, or past it."""


class InvalidRecord(TurnlogError, DataError):
    """The event {type} for stream {stream_id} cannot be stored: {why}."""


class EventTooLarge(InvalidRecord):
    """The event {type} for stream {stream_id} has {size} bytes; the limit is {limit}. Shorten it,
    or raise the limit (TURNLOG_MAX_EVENT_BYTES)."""


@dataclass(frozen=True)
class LogRecord(StoredEvent):
    """An event to be appended: stream, version, type and exact data bytes (a JSON object, UTF-8).

    `receipt` is the SHA-256 of the command's body, in hex, on the first event of its command.
    """

    thread_id: str
    command_id: str | None = None
    receipt: str | None = None

    @property
    def stream_id(self) -> str:
        """The aggregate the event belongs to."""
        return str(self.originator_id)


@dataclass(frozen=True)
class LogEntry(Notification):
    """An event of the log. `id` is its position, `seq` its number in the thread, both from 1.

    `recorded_at` is the store's time (aware, UTC), never earlier than that of the entry before;
    `hash` is defined at `chain_hash`.
    """

    thread_id: str
    seq: int
    command_id: str | None
    receipt: str | None
    recorded_at: datetime
    hash: bytes

    @property
    def stream_id(self) -> str:
        """The aggregate the event belongs to."""
        return str(self.originator_id)


def as_record(event: StoredEvent) -> LogRecord:
    """`event` itself if it is a LogRecord; a plain stored event is a thread of its own."""
    if isinstance(event, LogRecord):
        return event
    return LogRecord(
        originator_id=str(event.originator_id),
        originator_version=event.originator_version,
        topic=event.topic,
        state=event.state,
        thread_id=str(event.originator_id),
    )


def as_entry(
    record: LogRecord, *, position: int, seq: int, recorded_at: datetime, hash_: bytes
) -> LogEntry:
    """The entry that `record` became when it was stored under these numbers."""
    entry = object.__new__(LogEntry)
    # Not through __init__, which sets field by field: a record has all of an entry but these.
    entry.__dict__.update(
        record.__dict__, id=position, seq=seq, recorded_at=recorded_at, hash=hash_
    )
    return entry


@dataclass(frozen=True)
class Written:
    """The numbers an append was given: those of its records are in the order of its records."""

    first_position: int
    seqs: Sequence[int]
    hashes: Sequence[bytes]
    recorded_at: datetime

    @staticmethod
    def of(entries: Sequence[LogEntry]) -> Written:
        """The numbers of the entries of one append."""
        return Written(
            first_position=entries[0].id,
            seqs=[entry.seq for entry in entries],
            hashes=[entry.hash for entry in entries],
            recorded_at=entries[0].recorded_at,
        )

    def entries(self, records: Sequence[LogRecord]) -> list[LogEntry]:
        """The records as entries of the log."""
        return [
            as_entry(
                record,
                position=self.first_position + i,
                seq=self.seqs[i],
                recorded_at=self.recorded_at,
                hash_=self.hashes[i],
            )
            for i, record in enumerate(records)
        ]


def chain_hash(previous: bytes, entry: LogEntry) -> bytes:
    """The hash `entry` must have when `previous` is the hash before it in its thread.

    SHA-256 over: the previous hash (32 bytes, zeroes for the first event of a thread); the header,
    that is thread_id, seq, position, stream_id, version, type, command_id (empty if there is none)
    and recorded_at (whole microseconds since 1970, UTC), each followed by a line feed, in UTF-8;
    the exact bytes of the data.
    """
    header = (
        f"{entry.thread_id}\n{entry.seq}\n{entry.id}\n{entry.originator_id}\n"
        f"{entry.originator_version}\n{entry.topic}\n{entry.command_id or ''}\n"
        f"{(entry.recorded_at - _EPOCH) // _MICROSECOND}\n"
    )
    return hashlib.sha256(previous + header.encode() + entry.state).digest()


def check_append(
    records: Sequence[LogRecord], expected_seq: int | None, max_event_bytes: int
) -> None:
    """Refuse what no state of the log could accept, before anything is sent to it.

    Raises EventTooLarge or InvalidRecord for an event that cannot be stored, and ValueError when
    `expected_seq` is no seq, or is given for records of several threads: it could mean only one.
    """
    if expected_seq is not None and not 0 <= expected_seq <= MAX_NUMBER:
        raise ValueError(f"expected_seq {expected_seq} is out of range")
    if expected_seq is not None and len({record.thread_id for record in records}) > 1:
        raise ValueError("expected_seq needs the records of one append to be of one thread")
    with_receipt: set[str] = set()
    for record in records:
        _check_record(record, max_event_bytes)
        if record.receipt is not None and record.command_id is not None:
            if record.command_id in with_receipt:
                _refuse(record, "only the first event of a command carries the receipt")
            with_receipt.add(record.command_id)


def _check_record(record: LogRecord, max_event_bytes: int) -> None:
    if len(record.state) > max_event_bytes:
        raise EventTooLarge(
            type=record.topic,
            stream_id=record.stream_id,
            size=len(record.state),
            limit=max_event_bytes,
        )
    for name, text in (
        ("thread id", record.thread_id),
        ("stream id", record.originator_id),
        ("type", record.topic),
        ("command id", record.command_id),
        ("receipt", record.receipt),
    ):
        if text is not None and not _is_name(text):
            _refuse(record, f"its {name} must have 1 to {MAX_NAME_CHARS} printable characters")
    if not 0 <= record.originator_version <= MAX_NUMBER:
        _refuse(record, f"its version {record.originator_version} is out of range")
    if record.receipt is not None and record.command_id is None:
        _refuse(record, "it has a receipt and no command id")
    _check_data(record)


def _is_name(text: object) -> bool:
    # No line feed may get into the header of the hash, and NUL and surrogates not into Postgres;
    # none of them is printable.
    return isinstance(text, str) and 0 < len(text) <= MAX_NAME_CHARS and text.isprintable()


def _check_data(record: LogRecord) -> None:
    """The data must be a JSON object that SQL can read: no NUL and no lone surrogate in it.

    Postgres' json type lets both pass when they are written as escapes, and then every query that
    touches the text fails.
    """
    if b"\\u" not in record.state and _is_object(record.state):
        return
    try:
        text = record.state.decode()
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        _refuse(record, "its data is not valid UTF-8, or has a lone surrogate")
    except RecursionError:
        _refuse(record, "its data is nested too deeply")
    except ValueError as error:
        _refuse(record, f"its data is not JSON ({error})")
    if not isinstance(value, dict):
        _refuse(record, "its data is not a JSON object")
    if "\\u0000" in text and _NUL.search(text):
        _refuse(record, "its data has the character NUL")


def _is_object(data: bytes) -> bool:
    """Whether it certainly is a JSON object; the quick way to say yes, and no reason for a no."""
    try:
        return isinstance(from_json(data, allow_inf_nan=False, cache_strings="none"), dict)
    except ValueError:
        return False


def _refuse(record: LogRecord, why: str) -> NoReturn:
    raise InvalidRecord(type=record.topic, stream_id=record.stream_id, why=why)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


# Numbers stay text: their value does not matter here, and Python limits the digits of an int.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
