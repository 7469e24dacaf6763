"""Those who append and read while faults strike."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random

from adapters import codec
from adapters.recorder import LogRecorder
from adapters.records import AppendRefused, LogEntry, LogRecord
from domain.errors import TurnlogError
from domain.events.base import Event
from domain.events.thread import ThreadCreated, ThreadUpdated
from domain.options import ThreadSettings
from tests.contracts.records import RECEIPT
from tests.faults.ledger import UNCERTAIN, Ledger
from tests.fixtures.clock import START

MAX_TITLE = 2_000
_numbers = itertools.count(1)


def change(thread_id: str, seq: int, size: int = 1, padding: int = 0) -> list[LogRecord]:
    """A command of that many events, for a thread that is at `seq`; no two are the same."""
    command_id = f"cmd_{next(_numbers)}"
    header = {"thread_id": thread_id, "actor": "user", "command_id": command_id, "at": START}
    records = []
    for version in range(seq + 1, seq + size + 1):
        cls = ThreadCreated if version == 1 else ThreadUpdated
        # Digits at random, which the database cannot compress.
        title = f"{command_id} {version} {Random(version).randbytes(padding // 2).hex()}"
        event: Event = cls.model_validate({**header, "title": title, "settings": ThreadSettings()})
        receipt = RECEIPT if version == seq + 1 else None
        event = event.model_copy(update={"receipt": receipt})
        state = codec.encode(event)
        records.append(
            LogRecord(thread_id, version, event.name, state, thread_id, command_id, receipt)
        )
    return records


class Caller:
    """A thread of a process that changes threads others change too, on what it knows of them."""

    def __init__(
        self, log: LogRecorder, ledger: Ledger, threads: Sequence[str], random: Random
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._threads = threads
        self._random = random
        self._known: dict[str, int] = defaultdict(int)  # seq by thread

    def work(self, is_over: Callable[[], bool]) -> None:
        """Append and read until it is over."""
        while not is_over():
            self.step()

    def look_and_append(self) -> list[LogEntry] | TurnlogError:
        """One append on what there is; nothing may refuse it while nobody else appends."""
        thread_id = self._random.choice(self._threads)
        self._look(thread_id)
        return self.step(thread_id)

    def step(self, thread_id: str = "") -> list[LogEntry] | TurnlogError:
        """One append, and a read when that was refused, or now and then."""
        thread_id = thread_id or self._random.choice(self._threads)
        seq = self._known[thread_id]
        size, padding = self._random.choice([1, 1, 2, 5]), self._random.randrange(MAX_TITLE)
        records = change(thread_id, seq, size, padding)
        # Without it, what is expected is in the versions.
        expected = seq if self._random.random() < 0.8 else None
        answer = self._ledger.append(self._log, records, expected)
        if isinstance(answer, list):
            self._known[thread_id] = answer[-1].seq
        if isinstance(answer, UNCERTAIN):
            self._ledger.read(lambda: self._log.select_command(records[0].command_id or ""))
        if isinstance(answer, (AppendRefused, *UNCERTAIN)) or self._random.random() < 0.3:
            self._look(thread_id)
        return answer

    def _look(self, thread_id: str) -> None:
        seq = self._known[thread_id]
        found = self._ledger.read(lambda: self._log.select_thread(thread_id, after_seq=seq))
        if found:
            assert [entry.seq for entry in found] == list(range(seq + 1, seq + len(found) + 1))
            self._known[thread_id] = found[-1].seq
