"""What following and rebuilding need of a store. Calls block.

A session is for one thread at a time. It opens its connection when it needs one and, after an error
of `temporary`, another one at the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import TurnlogError
from projections.rows import ThreadRows


@dataclass(frozen=True, slots=True)
class Step:
    """What a step applied: after < position <= upto. `head` was the log's last position."""

    after: int
    upto: int
    head: int

    @property
    def is_last(self) -> bool:
        """Whether nothing was left to apply."""
        return self.upto >= self.head


@dataclass(frozen=True, slots=True)
class Suspect:
    """The event at a position: its type and version, and where in its thread it is.

    `version` is text, as it may be anything in an event that cannot be applied.
    """

    position: int
    type: str
    thread_id: str
    seq: int
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ReadModelStatus:
    """How far the tables are, how long the log is, and where they have stopped, if they have."""

    position: int
    head: int
    failed_position: int | None
    failure: str | None
    made_by: str | None = None
    """The definition of the tables; see `projections.registry.definition`."""

    @property
    def lag(self) -> int:
        """Events in the log that the tables do not show yet."""
        return self.head - self.position


@dataclass(frozen=True, slots=True)
class Progress:
    """Of `total` events `done` are applied. `seconds_left` is None until there is a guess."""

    done: int
    total: int
    events_per_second: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A rebuild that has ended: the tables are at `position`; `resumed_at` is where it began."""

    position: int
    resumed_at: int
    seconds: float


class Stepping(Protocol):
    """One set of tables, and what moves it on."""

    @property
    def temporary(self) -> tuple[type[TurnlogError], ...]:
        """The errors after which it makes sense to try again."""
        ...

    def step(self, limit: int, *, wait: bool = True) -> Step | None:
        """Apply up to `limit` next events and note how far that is, in one transaction.

        None, without `wait`, if somebody else is just doing it. Raises RangeRejected (nothing was
        applied), ReadModelsOutdated, ReadModelsNewer, ReadModelsMissing, and errors of the store.
        """
        ...

    def suspect(self, position: int) -> Suspect:
        """What the event at that position is."""
        ...

    def seconds(self) -> float:
        """A clock that only ever goes forward."""
        ...

    def pause(self, seconds: float) -> None:
        """Let that time pass."""
        ...


class FollowerSession(Stepping, Protocol):
    """The tables in use."""

    def lead(self) -> bool:
        """Whether this session is the one that follows; it stays so until its connection ends."""
        ...

    def is_led(self) -> bool:
        """Whether another session follows, or rebuilds: then the tables may move on by it."""
        ...

    def stand_aside(self) -> None:
        """Give up the lead, if this session has it."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass until the log has grown; it may come back early, or notice nothing."""
        ...

    def status(self) -> ReadModelStatus:
        """How far the tables are."""
        ...

    def record_failure(self, position: int, why: str) -> None:
        """Note for everybody to see that the tables have stopped before that position."""
        ...


class RowReader(Protocol):
    """What the tables say, for `verify`."""

    def snapshot(self, thread_id: str) -> tuple[ThreadRows, int]:
        """A thread's rows, and the last seq of the thread that they include (0: none).

        Raises UnreadableRow.
        """
        ...


class RebuildSession(Stepping, RowReader, Protocol):
    """A second set of tables, to be put in place of the first one."""

    def claim(self) -> None:
        """Be the only one who rebuilds; `RebuildRunning`."""
        ...

    def prepare(self) -> int:
        """Make the tables, unless a rebuild of the same definition left them; how many events are
        in them, or as good as that.

        Raises RebuildSchemaTaken.
        """
        ...

    def fill(self, tell: Callable[[int, int], None]) -> None:
        """Fill them with what the log had when they were made, on all cores; in parts, of which
        those that were filled before are not filled again. No effect on tables that are full.

        `tell` is given how many events are done, and of how many. Raises RangeRejected, without
        knowing which event is to blame: then they are of no use but to `start_over`, `discard`.
        """
        ...

    def start_over(self) -> None:
        """Make the tables anew, empty, to be filled step by step from the first event on."""
        ...

    def keep_indexes(self) -> None:
        """Make the indexes that others have added to the tables in use and that `fill` has not
        made. Raises IndexRefused."""
        ...

    def sample(self, events: int, seed: int) -> Sequence[str]:
        """Threads that have about so many events in all: a large one, and others by chance (the
        same for the same seed). All threads, if they have no more; at least one, if there is one.
        """
        ...

    def mismatches(self, meanwhile: Callable[[], None]) -> Sequence[str]:
        """What the tables have more or less of than the log up to where they are. Also gathers the
        statistics that whoever reads the tables will need.

        That takes a while, in the database; `meanwhile` is called once, in this thread.
        """
        ...

    def swap(self, limit: int) -> int | None:
        """Apply the last events, while nothing can be appended, and put the tables in place.

        The position they are at; None if more than `limit` events were left, or an index that
        `keep_indexes` would make. Raises SwapBlocked
        when readers did not let go of the tables, SwapRefused when something depends on the old
        ones; RangeRejected.
        """
        ...

    def discard(self) -> None:
        """Drop the second set of tables, if there is one."""
        ...

    def release(self) -> None:
        """No longer claim to rebuild."""
        ...


ProgressCallback = Callable[[Progress], None]
