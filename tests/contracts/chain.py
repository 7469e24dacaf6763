"""The hash chain, written from its definition and not from the code that makes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from adapters.records import LogEntry


def broken_links(entries: Iterable[LogEntry], last: dict[str, bytes] | None = None) -> list[int]:
    """The positions whose hash is not what the definition says, for any number of whole threads.

    `last` are the threads' hashes before these entries, for who checks a log as it grows; it is
    brought up to date.

    hash = sha256(hash before it in the thread, or 32 zero bytes || header || data), where header is
    thread_id, seq, position, stream_id, version, type, command_id or nothing, and the time in
    microseconds since 1970 UTC, each followed by a line feed.
    """
    last = {} if last is None else last
    broken = []
    for e in sorted(entries, key=lambda entry: entry.id):
        micros = (e.recorded_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        header = [e.thread_id, e.seq, e.id, e.originator_id, e.originator_version, e.topic]
        lines = [str(field) for field in [*header, e.command_id or "", micros]]
        text = "".join(line + "\n" for line in lines).encode()
        digest = hashlib.sha256(last.get(e.thread_id, b"\0" * 32) + text + e.state).digest()
        if digest != e.hash:
            broken.append(e.id)
        last[e.thread_id] = e.hash
    return broken
