"""One batch of appends as the parameters of append_v2, and its result as an outcome for each.

Not psycopg's lists: it would spend 1 to 2 µs on every element, which for a batch is longer than the
database needs to write it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.adapt import Dumper
from psycopg.pq import Format

from adapters.postgres.connection import Connection
from adapters.postgres.queries import load_queries
from adapters.records import (
    AppendRefused,
    DuplicateCommand,
    LeaseBeingTaken,
    LeaseNotHeld,
    LogRecord,
    SeqConflict,
    VersionConflict,
    Written,
    WrongThread,
)
from domain.ports import Fence

APPEND_BATCH: Final = load_queries("log.sql")["append_batch"]

_TEXT_OID: Final = 25
_TEXT_ARRAY_OID: Final = 1009
_HEAD: Final = struct.Struct("!5i").pack  # dimensions, has NULLs, type, elements, first index
_LENGTH: Final = struct.Struct("!i").pack
_NULL_ELEMENT: Final = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Move:
    """A follower's new position in the log of an application."""

    follower: str
    application_name: str
    position: int


@dataclass(frozen=True)
class Append:
    """What a caller wants written as one, or not at all.

    With `move` a follower's position grows in the same transaction. Such an append cannot share a
    transaction with others, so it is a batch of its own. With `fence` it is written only while the
    turn's lease is as that asks.
    """

    records: Sequence[LogRecord]
    expected_seq: int | None = None
    move: Move | None = None
    fence: Fence | None = None


class TextArray:
    """A text[] in PostgreSQL's binary format."""

    __slots__ = ("encoded",)

    def __init__(self, items: Sequence[str | bytes | None]) -> None:
        parts = [_HEAD(1, 1, _TEXT_OID, len(items), 1)]
        for item in items:
            if item is None:
                parts.append(_NULL_ELEMENT)
                continue
            data = item if isinstance(item, bytes) else item.encode()
            parts += _LENGTH(len(data)), data
        self.encoded = b"".join(parts)


_NO_FENCES: Final = {"turns": TextArray(()), "turn": "{}", "lease_tokens": "{}"}


class TextArrayDumper(Dumper):
    """Sends a TextArray as it is."""

    format = Format.BINARY
    oid = _TEXT_ARRAY_OID

    def dump(self, obj: TextArray) -> bytes:
        return obj.encoded


def nobody_waits() -> None:
    """For a batch while which nothing else is to be done."""


def write_batch(
    connection: Connection,
    token: str,
    appends: Sequence[Append],
    on_sent: Callable[[], None] = nobody_waits,
) -> list[Outcome]:
    """Write the appends in one statement; `on_sent` is called when that is on its way.

    Raises psycopg.Error.
    """
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_dumper(TextArray, TextArrayDumper)
    parameters = _parameters(token, appends)
    # Before it is sent, strictly: but sending takes this thread less time than the interpreter
    # gives it before another one may run.
    on_sent()
    row = cursor.execute(APPEND_BATCH, parameters).fetchone()
    assert row is not None
    return _outcomes(appends, row)


class _Numbers(dict[str, int]):
    """The number of each name, from 1 in the order of their first use."""

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self) + 1
        return number


def _parameters(token: str, appends: Sequence[Append]) -> Mapping[str, object]:
    threads, streams, commands = _Numbers(), _Numbers(), _Numbers()
    records = [record for append in appends for record in append.records]
    return {
        "token": token,
        "sizes": _ints([len(append.records) for append in appends]),
        "expected_seqs": _ints([append.expected_seq for append in appends]),
        "thread": _ints([threads[record.thread_id] for record in records]),
        "stream": _ints([streams[record.stream_id] for record in records]),
        "command": _ints(
            [None if r.command_id is None else commands[r.command_id] for r in records]
        ),
        "version": _ints([record.originator_version for record in records]),
        "type": TextArray([record.topic for record in records]),
        "receipt": TextArray([record.receipt for record in records]),
        "data": TextArray([record.state for record in records]),
        "threads": TextArray(list(threads)),
        "streams": TextArray(list(streams)),
        "commands": TextArray(list(commands)),
        **_fences(appends),
    }


def _fences(appends: Sequence[Append]) -> Mapping[str, object]:
    fences = [append.fence for append in appends]
    if not any(fences):
        return _NO_FENCES
    turns = _Numbers()
    return {
        "turn": _ints([None if fence is None else turns[fence.turn_id] for fence in fences]),
        "lease_tokens": _ints([None if fence is None else fence.token for fence in fences]),
        "turns": TextArray(list(turns)),
    }


def _ints(numbers: list[int | None] | list[int]) -> str:
    """An int[] or bigint[] as text, which the database reads as the type it needs."""
    # Python's own way to write a list is all but PostgreSQL's, and written in C.
    return "{" + str(numbers)[1:-1].replace("None", "NULL") + "}"


def _outcomes(appends: Sequence[Append], row: Sequence[Any]) -> list[Outcome]:
    written_at, first_positions, refusals, refused_events, actuals, seqs, hashes = row
    outcomes: list[Outcome] = []
    start = 0
    for i, append in enumerate(appends):
        stop = start + len(append.records)
        if refusals[i] is None:
            numbers = first_positions[i], seqs[start:stop], hashes[start:stop]
            outcomes.append(Written(*numbers, recorded_at=written_at))
        else:
            at_fault = append.records[refused_events[i] - 1 - start]
            outcomes.append(_refusal(refusals[i], append, at_fault, actuals[i]))
        start = stop
    return outcomes


def _refusal(why: str, append: Append, record: LogRecord, actual: int | None) -> AppendRefused:
    stream_id, thread_id = record.stream_id, record.thread_id
    match why:
        case "command":
            return DuplicateCommand(command_id=record.command_id)
        case "seq":
            return SeqConflict(thread_id=thread_id, expected=append.expected_seq, actual=actual)
        case "gate" if (fence := append.fence) is not None:
            return LeaseBeingTaken(turn_id=fence.turn_id)
        case "lease" if (fence := append.fence) is not None:
            return LeaseNotHeld(turn_id=fence.turn_id, token=fence.token, actual=actual)
        case "version":
            version = record.originator_version
            return VersionConflict(stream_id=stream_id, version=version, actual=actual)
        case "thread":
            return WrongThread(stream_id=stream_id, thread_id=thread_id)
    raise ValueError(f"append_v2 refused an append for an unknown reason: {why}")


Outcome = Written | Exception
