"""Make the read models anew from the log, while the old ones serve, and put them in place.

Nothing is lost when it is interrupted, in whatever way: the next rebuild goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.ports import EventLog
from projections.errors import RangeRejected, RebuildMismatch, SwapBlocked
from projections.follow import advance
from projections.ports import Progress, ProgressCallback, RebuildSession, Rebuilt, Step
from projections.verify import compare_thread

STEP_EVENTS: Final = 20_000
# What may be left to apply while nothing can be appended: some tens of milliseconds.
SWAP_EVENTS: Final = 1_000
SWAP_ATTEMPTS: Final = 20
SWAP_PAUSE_SECONDS: Final = 0.25
# What is folded to compare it with the tables: a quarter of a second, however long the log is.
SAMPLE_EVENTS: Final = 5_000


def rebuild(
    session: RebuildSession,
    log: EventLog,
    progress: ProgressCallback | None = None,
    *,
    step_events: int = STEP_EVENTS,
    sample_events: int = SAMPLE_EVENTS,
    seed: int = 0,
) -> Rebuilt:
    """Rebuild, check, swap. `progress` is called after each part.

    Threads with `sample_events` in all, chosen by `seed`, are compared with the fold of the log.
    Raises RebuildRunning, RebuildSchemaTaken, PoisonEvent, RebuildMismatch, IndexRefused,
    SwapBlocked, SwapRefused, and errors of the store; the tables in use are as they were then, and
    are still followed.
    """
    session.claim()
    try:
        began = session.seconds()
        start = session.prepare()
        meter = _Meter(session, start, began, progress)
        _fill(session, meter)
        _catch_up(session, meter, step_events)
        session.keep_indexes()
        _check(session, log, sample_events, seed)
        position = _swap(session)
        return Rebuilt(position, start, session.seconds() - began)
    finally:
        session.release()


@dataclass(frozen=True, slots=True)
class _Meter:
    """Tells how far a rebuild is that began at `start`."""

    session: RebuildSession
    start: int
    began: float
    progress: ProgressCallback | None

    def tell(self, done: int, total: int) -> None:
        if self.progress is None:
            return
        seconds = self.session.seconds() - self.began
        rate = max(0, done - self.start) / seconds if seconds > 0 else 0.0
        left = (total - done) / rate if rate > 0 else None
        self.progress(Progress(done, total, rate, left))


def _fill(session: RebuildSession, meter: _Meter) -> None:
    try:
        session.fill(meter.tell)
    except RangeRejected:
        # Step by step it will be found out which event it is.
        session.start_over()


def _catch_up(session: RebuildSession, meter: _Meter, step_events: int) -> None:
    while True:
        step = _advance(session, step_events)
        meter.tell(step.upto, step.head)
        if step.is_last:
            return


def _check(session: RebuildSession, log: EventLog, sample_events: int, seed: int) -> None:
    found: list[str] = []

    def compare() -> None:
        found.extend(_first_difference(session, log, sample_events, seed))

    wrong = "; ".join([*session.mismatches(compare), *found])
    if wrong:
        # The next attempt would resume the same wrong tables.
        session.discard()
        raise RebuildMismatch(what=wrong)


def _first_difference(
    session: RebuildSession, log: EventLog, sample_events: int, seed: int
) -> Sequence[str]:
    for thread_id in session.sample(sample_events, seed):
        # A history that does not fold says nothing about the tables; `verify` tells of it.
        compared = compare_thread(thread_id, log, session)
        if compared.differences:
            # Not what it says: people are asked to report this.
            return [f"thread {thread_id}, {compared.differences[0].where}"]
    return []


def _swap(session: RebuildSession) -> int:
    """Put the tables in place: between two long readers, and soon after the last events."""
    limit, blocked = SWAP_EVENTS, 0
    while True:
        try:
            position = session.swap(limit)
        except SwapBlocked:
            blocked += 1
            if blocked == SWAP_ATTEMPTS:
                raise
            session.pause(SWAP_PAUSE_SECONDS)
            continue
        except RangeRejected:
            position = None  # catching up says which event it is
        if position is not None:
            return position
        session.keep_indexes()
        while not _advance(session, STEP_EVENTS).is_last:
            pass
        # If appends are that fast, they will have to wait for longer.
        limit *= 2


def _advance(session: RebuildSession, limit: int) -> Step:
    step = advance(session, limit)
    assert step is not None, "a step that waits happens"
    return step
