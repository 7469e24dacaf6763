"""The three processes of the lag bench: the load, the follower, the subscriber."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from adapters.bench.load import Gate, Window
from adapters.bench.turns import commands
from adapters.composition import Turnlog, open_turnlog
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.settings import Settings
from adapters.system import SystemClock, SystemEntropy
from adapters.threads import CachedThreads
from domain.execution import Execution
from domain.ports import EventLog, Fence, Recorded, Uncommitted
from domain.service import ThreadService
from projections.follow import Follower
from projections.ports import Step

Role = Literal["load", "follower", "subscriber"]
ROLES: Final[Sequence[Role]] = ("load", "follower", "subscriber")

EVENTS_PER_SECOND: Final = 1_000
CALLERS: Final = 8
EVENTS_PER_COMMAND: Final = 12 / 8
GRACE_SECONDS: Final = 1.5
"""How long the others go on when the load has ended."""


@dataclass(frozen=True, slots=True)
class LagJob:
    """What one of the processes does."""

    role: Role
    settings: Settings
    window: Window


@dataclass(frozen=True, slots=True)
class Commit:
    """An append: its positions, when it was asked for, and when it was acknowledged."""

    first: int
    last: int
    asked: float
    acknowledged: float


@dataclass(slots=True)
class Seen:
    """What a process has noted: commits, or up to which position it was when."""

    commits: list[Commit] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def note(self, position: int) -> None:
        """Now it is up to there."""
        self.positions.append(position)
        self.times.append(time.monotonic())

    def lags(self, commits: Sequence[Commit]) -> Iterator[float]:
        """Of each event, the seconds from its commit until it was seen. Endless if it never was."""
        for commit in commits:
            for position in range(commit.first, commit.last + 1):
                at = bisect_left(self.positions, position)
                seen = self.times[at] if at < len(self.times) else float("inf")
                yield max(0.0, seen - commit.acknowledged)


def take_part(job: LagJob, gate: Gate) -> Seen:
    """One of the three processes."""
    parts = {"load": _load, "follower": _follow, "subscriber": _subscribe}
    with open_turnlog(job.settings) as turnlog:
        return parts[job.role](turnlog, job.window, gate)


class _Watched(PostgresFollowerSession):
    """Notes when what it has applied was committed, for others to see."""

    def __init__(self, database: Database, seen: Seen) -> None:
        super().__init__(database)
        self._seen = seen

    def step(self, *args: Any, **options: Any) -> Step | None:
        step = super().step(*args, **options)
        if step is not None and step.upto > step.after:
            self._seen.note(step.upto)
        return step


def _follow(turnlog: Turnlog, window: Window, gate: Gate) -> Seen:
    turnlog.catch_up()
    seen = Seen()
    with _Watched(turnlog.database, seen) as session:
        session.lead()
        gate()
        until = time.monotonic() + window.total + GRACE_SECONDS
        Follower(session, poll_seconds=0.5).follow(lambda: time.monotonic() > until)
    return seen


def _subscribe(turnlog: Turnlog, window: Window, gate: Gate) -> Seen:
    seen = Seen()
    with turnlog.recorder.subscribe(turnlog.recorder.head()) as subscription:
        gate()
        timer = threading.Timer(window.total + GRACE_SECONDS, subscription.stop)
        timer.start()
        for entry in subscription:
            seen.note(entry.id)
        timer.join()
    return seen


class _TimedLog:
    """A log whose appends are noted."""

    def __init__(self, log: EventLog, commits: list[Commit]) -> None:
        self._log = log
        self._commits = commits
        self.read_thread = log.read_thread
        self.read_command = log.read_command

    def append(
        self,
        entries: Sequence[Uncommitted],
        *,
        expected_seq: int,
        fence: Fence | None = None,
    ) -> tuple[Recorded, ...]:
        asked = time.monotonic()
        recorded = self._log.append(entries, expected_seq=expected_seq, fence=fence)
        now = time.monotonic()
        self._commits.append(Commit(recorded[0].position, recorded[-1].position, asked, now))
        return recorded


def _load(turnlog: Turnlog, window: Window, gate: Gate) -> Seen:
    seen = Seen()
    log = _TimedLog(turnlog.log, seen.commits)
    execution = Execution(log, CachedThreads(log), SystemClock(), SystemEntropy())
    service = ThreadService(execution)
    callers = [commands(service, service.create().thread_id) for _ in range(CALLERS)]
    interval = CALLERS * EVENTS_PER_COMMAND / EVENTS_PER_SECOND
    failures: list[BaseException] = []
    gate()
    began = time.monotonic()

    def work(number: int) -> None:
        # Evenly spread, and by the clock: a slow command does not make the next one late for good.
        due = began + interval * number / CALLERS
        try:
            while due < began + window.total and not failures:
                time.sleep(max(0.0, due - time.monotonic()))
                next(callers[number])
                due += interval
        except BaseException as error:  # noqa: BLE001 (raised below)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    counted_from = began + window.warmup_seconds
    seen.commits[:] = [commit for commit in seen.commits if commit.asked >= counted_from]
    return seen
