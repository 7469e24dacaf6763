"""Records for tests of the event store."""

from __future__ import annotations

import json

from adapters.records import LogRecord

RECEIPT = "5f" * 32


def record(
    thread_id: str,
    version: int = 1,
    *,
    stream_id: str | None = None,
    data: bytes | None = None,
    type_: str = "thing.happened",
    command_id: str | None = None,
    receipt: str | None = None,
) -> LogRecord:
    """A record that can be stored; of the thread's own stream unless another is named."""
    stream = stream_id or thread_id
    return LogRecord(
        originator_id=stream,
        originator_version=version,
        topic=type_,
        state=data if data is not None else json.dumps({"of": stream, "n": version}).encode(),
        thread_id=thread_id,
        command_id=command_id,
        receipt=receipt,
    )


def records(thread_id: str, first: int, last: int, stream_id: str | None = None) -> list[LogRecord]:
    """The versions from first to last of a stream."""
    return [record(thread_id, n, stream_id=stream_id) for n in range(first, last + 1)]


def commanded(thread_id: str, version: int, command_id: str) -> list[LogRecord]:
    """A command of two events, with its receipt on the first."""
    return [
        record(thread_id, version, command_id=command_id, receipt=RECEIPT),
        record(thread_id, version + 1, command_id=command_id),
    ]
