"""What callers were told, held against what is in the log: the promises that no fault may break."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from adapters.errors import AppendOutcomeUnknown
from adapters.postgres.writer import AppendInterrupted
from adapters.recorder import LogRecorder
from adapters.records import LogEntry, LogRecord
from domain.errors import TurnlogError
from tests.contracts.chain import broken_links

UNCERTAIN = (AppendOutcomeUnknown, AppendInterrupted)
T = TypeVar("T")


@dataclass
class Told:
    """One append, and what its caller was told; nothing yet while both are None."""

    records: Sequence[LogRecord]
    entries: Sequence[LogEntry] | None = None
    error: BaseException | None = None
    found: bool = False


class CheckedLog:
    """The log as far as it was read: its numbers and chains are as they must be."""

    def __init__(self) -> None:
        self._seqs: dict[str, int] = defaultdict(int)
        self._versions: dict[str, int] = defaultdict(int)
        self._hashes: dict[str, bytes] = {}
        self.entries: list[LogEntry] = []

    def read_on(self, log: LogRecorder) -> list[LogEntry]:
        """The entries that are new since the last time, checked."""
        new = log.select_log(after_position=len(self.entries), limit=1_000_000)
        problems = list(self._misnumbered(new))
        assert problems == [], problems
        broken = broken_links(new, self._hashes)
        assert broken == [], f"the chain is broken at {broken}"
        self.entries.extend(new)
        return new

    def _misnumbered(self, entries: Sequence[LogEntry]) -> Iterator[str]:
        before = self.entries[-1] if self.entries else None
        for position, e in enumerate(entries, len(self.entries) + 1):
            self._seqs[e.thread_id] += 1
            self._versions[e.stream_id] += 1
            if (e.id, e.seq) != (position, self._seqs[e.thread_id]):
                yield f"position {position} holds {e.id}, seq {e.seq} of {e.thread_id}"
            if e.originator_version != self._versions[e.stream_id]:
                yield f"{e.stream_id} has a gap before version {e.originator_version}"
            if before is not None and e.recorded_at < before.recorded_at:
                yield f"time went back at position {position}"
            before = e


class Ledger:
    """Takes down every append. Each has a command id of its own: so it is found in the log."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}
        self._problems: list[str] = []
        self._log = CheckedLog()
        self.errors: list[TurnlogError] = []
        """What callers were told instead of a result."""

    def append(
        self, log: LogRecorder, records: Sequence[LogRecord], expected_seq: int | None = None
    ) -> list[LogEntry] | TurnlogError:
        """Append, and take down what comes of it."""
        command_id = records[0].command_id
        assert command_id is not None
        told = self._told[command_id] = Told(records)
        try:
            entries = log.append(records, expected_seq)
        except BaseException as error:
            told.error = error
            if not isinstance(error, TurnlogError):
                self._problems.append(f"{command_id}: its caller got {error!r}")
                raise
            self.errors.append(error)
            return error
        told.entries = entries
        return entries

    def read(self, read: Callable[[], T]) -> T | None:
        """What was read; None after an error, which must be one of ours."""
        try:
            return read()
        except TurnlogError as error:
            self.errors.append(error)
        except BaseException as error:
            self._problems.append(f"a reader got {error!r}")
            raise
        return None

    def check(self, log: LogRecorder) -> list[LogEntry]:
        """The whole log, with every promise checked. Nobody may be appending."""
        new = self._log.read_on(log)
        for command_id, run in groupby(new, lambda entry: entry.command_id):
            self._problems.extend(self._wrong(command_id or "nobody", list(run)))
        for command_id, told in self._told.items():
            if told.entries is None and told.error is None:
                self._problems.append(f"{command_id}: its caller still waits")
            if told.entries is not None and not told.found:
                self._problems.append(f"{command_id} was acknowledged and is not in the log")
        assert self._problems == [], self._problems
        return self._log.entries

    def _wrong(self, command_id: str, entries: Sequence[LogEntry]) -> Iterator[str]:
        told = self._told.get(command_id)
        if told is None:
            yield f"nobody appended {command_id}"
            return
        if told.found:
            yield f"{command_id} is in the log twice"
        told.found = True
        if list(map(_content, told.records)) != list(map(_content, entries)):
            yield f"{command_id} is not whole, or another"
        if told.entries is not None and list(told.entries) != list(entries):
            yield f"{command_id} has other numbers than its caller was told"
        if told.error is not None and not isinstance(told.error, UNCERTAIN):
            yield f"{command_id} is in the log, and its caller was told {told.error!r}"


def _content(e: LogRecord | LogEntry) -> tuple[object, ...]:
    return (e.stream_id, e.originator_version, e.topic, e.state, e.thread_id, e.receipt)
