"""Compares a file's events with those imported before, and appends what is new.

The events of an earlier state of a file are the first events of its later state. So everything
stored must come again, in the same order; only then anything is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from adapters import codec
from domain.errors import TurnlogError
from domain.events.base import Event
from domain.ports import Recorded, Uncommitted

PAGE_EVENTS: Final = 1000
CHUNK_EVENTS: Final = 500
CHUNK_BYTES: Final = 2 * 1024 * 1024


class ImportLog(Protocol):
    """What an import needs of the log (`domain.ports.EventLog`)."""

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int
    ) -> tuple[Recorded, ...]: ...

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> Sequence[Recorded]: ...


class FileRewritten(TurnlogError):
    """Line {line} is not what was imported before (thread {thread_id}, seq {seq}): the file was
    rewritten since, or imported by another version of turnlog. Nothing was written."""


class Tail:
    """The end of one thread in the log. `known` counts events that were there, `new` appended ones.

    Commands are appended whole, many at a time; the rest waits for `flush`.
    """

    def __init__(self, log: ImportLog, thread_id: str) -> None:
        self.known = 0
        self.new = 0
        self._log = log
        self._stored = _stored(log, thread_id)
        self._is_new = False
        self._chunk: list[Uncommitted] = []
        self._chunk_bytes = 0

    def take(self, command: Sequence[Uncommitted]) -> None:
        """The next command of the file; `FileRewritten`, and what `append` may raise."""
        for entry in command:
            stored = None if self._is_new else next(self._stored, None)
            if stored is None:
                # Commands are stored whole, so new ones begin where a command begins.
                if not self._is_new and entry is not command[0]:
                    raise _rewritten(entry.event, self.known + 1)
                self._is_new = True
            elif _mark(stored.event) != _mark(entry.event):
                raise _rewritten(entry.event, stored.seq)
            else:
                self.known += 1
        if self._is_new:
            self._add(command)

    def flush(self) -> None:
        """Appends what waits."""
        if self._chunk:
            self._log.append(self._chunk, expected_seq=self.known + self.new)
            self.new += len(self._chunk)
            self._chunk, self._chunk_bytes = [], 0

    def _add(self, command: Sequence[Uncommitted]) -> None:
        size = sum(len(codec.encode(entry.event)) for entry in command)
        if self._chunk and (
            len(self._chunk) + len(command) > CHUNK_EVENTS or self._chunk_bytes + size > CHUNK_BYTES
        ):
            self.flush()
        self._chunk.extend(command)
        self._chunk_bytes += size


def _stored(log: ImportLog, thread_id: str) -> Iterator[Recorded]:
    seq = 0
    while page := log.read_thread(thread_id, after_seq=seq, upto_seq=seq + PAGE_EVENTS):
        yield from page
        seq = page[-1].seq


def _mark(event: Event) -> tuple[str, str, str, str | None]:
    """What an event must have in common with the stored one: ids are made from the record's exact
    bytes, and the receipt is their hash. The rest of it follows from the records before it."""
    return event.name, event.stream_id, event.command_id, event.receipt


def _rewritten(event: Event, seq: int) -> FileRewritten:
    line = event.source.line if event.source else 0
    return FileRewritten(line=line, thread_id=event.thread_id, seq=seq)
