"""Products that are broken on purpose, each by what a careless change could do to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from adapters.composition import Turnlog
from domain.errors import ImpossibleEvent
from domain.events.turn import TurnCompleted
from domain.execution import number
from domain.ports import (
    CommandRecorded,
    Conflict,
    EventLog,
    Fence,
    Recorded,
    Threads,
    Uncommitted,
)
from domain.thread import Thread, fold
from tests.fixtures.clock import START
from tests.race.product import Product


class Broken:
    """A log that does not do what it says. `right` is the one below it."""

    def __init__(self, right: EventLog, random: Random) -> None:
        self.right, self.random = right, random
        self.read_thread, self.read_command = right.read_thread, right.read_command

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        return self.right.append(entries, expected_seq=expected_seq, fence=fence)


class Unchecked(Broken):
    """Appends also what was decided on an older state, wherever the thread is now."""

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        try:
            return super().append(entries, expected_seq=expected_seq, fence=fence)
        except Conflict:
            thread_id = entries[0].event.thread_id
            history = self.read_thread(thread_id)
            thread = fold(Thread(thread_id), (entry.event for entry in history))
            try:
                again, _ = number([entry.event for entry in entries], thread)
            except ImpossibleEvent:
                raise Conflict(thread_id=thread_id) from None
            return super().append(again, expected_seq=thread.seq, fence=fence)


class Unreceipted(Broken):
    """Does a command again that it has done."""

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        try:
            return super().append(entries, expected_seq=expected_seq, fence=fence)
        except CommandRecorded:
            command_id = f"{entries[0].event.command_id}_{self.random.random()}"
            update = {"command_id": command_id}
            again = [Uncommitted(e.model_copy(update=update), version) for e, version in entries]
            return super().append(again, expected_seq=expected_seq, fence=fence)


class Dropping(Broken):
    """Says of some appends that they are done, and does not do them."""

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        if self.random.random() < 0.9:
            return super().append(entries, expected_seq=expected_seq, fence=fence)
        return tuple(
            Recorded(0, seq, version, START, b"", event)
            for seq, (event, version) in enumerate(entries, expected_seq + 1)
        )


class Undrained(Broken):
    """Ends a turn and leaves out what should start then."""

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        kept = entries[: _after_the_end(entries)]
        return super().append(kept, expected_seq=expected_seq, fence=fence)


class Halved(Broken):
    """Ends a turn in one append, and starts the next in another."""

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        cut = _after_the_end(entries)
        ended = super().append(entries[:cut], expected_seq=expected_seq, fence=fence)
        if cut == len(entries):
            return ended
        time.sleep(self.random.random() * 0.01)
        return ended + super().append(entries[cut:], expected_seq=expected_seq + cut)


class Unfenced(Broken):
    """Asks nobody whose the turn is."""

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        return super().append(entries, expected_seq=expected_seq)


class Memoryless:
    """Threads that are read each time: a log that lies would make a wrong memory of them."""

    def __init__(self, right: Threads) -> None:
        self.current = right.current

    def remembered(self, thread_id: str) -> None:
        return None

    def remember(self, thread: Thread) -> None:
        pass


class Stale:
    """Threads of which now and then an old state is taken for the current one."""

    def __init__(self, right: Threads, random: Random) -> None:
        self._right, self._random = right, random
        self.remembered, self.remember = right.remembered, right.remember

    def current(self, thread_id: str) -> Thread:
        old = self._right.remembered(thread_id) if self._random.random() < 0.5 else None
        return old or self._right.current(thread_id)


def _after_the_end(entries: Sequence[Uncommitted]) -> int:
    """How many events there are up to the end of a turn; all of them if none ends."""
    ends = [n for n, entry in enumerate(entries, 1) if isinstance(entry.event, TurnCompleted)]
    return ends[0] if ends else len(entries)


Make = Callable[[Turnlog, Random], Product]


def _with_log(broken: type[Broken]) -> Make:
    def make(turnlog: Turnlog, random: Random) -> Product:
        product = Product(turnlog, random)
        product.log = broken(product.log, random)
        product.threads = Memoryless(turnlog.threads)
        return product

    return make


def _with_stale_threads(turnlog: Turnlog, random: Random) -> Product:
    product = Product(turnlog, random)
    product.threads = Stale(turnlog.threads, random)
    return product


BREAKS: Final[Mapping[str, Make]] = {
    "the seq an append was decided on is not checked": _with_log(Unchecked),
    "a retry is done again": _with_log(Unreceipted),
    "an acknowledged append is dropped": _with_log(Dropping),
    "the end of a turn starts nothing": _with_log(Undrained),
    "an end and what it starts are two appends": _with_log(Halved),
    "nobody asks for the lease": _with_log(Unfenced),
    "an old state is taken for the current one": _with_stale_threads,
}
