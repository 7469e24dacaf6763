"""Make the read models anew from the log, while the old ones serve, and put them in place.

Nothing is lost when it is interrupted, in whatever way: the next rebuild goes on where it stopped.
"""

from __future__ import annotations

from typing import Final

from projections.errors import RangeRejected, RebuildMismatch, SwapBlocked
from projections.follow import advance
from projections.ports import Progress, ProgressCallback, RebuildSession, Rebuilt, Step

STEP_EVENTS: Final = 20_000
# What may be left to apply while nothing can be appended: some tens of milliseconds.
SWAP_EVENTS: Final = 1_000
SWAP_ATTEMPTS: Final = 20
SWAP_PAUSE_SECONDS: Final = 0.25


def rebuild(
    session: RebuildSession,
    progress: ProgressCallback | None = None,
    *,
    step_events: int = STEP_EVENTS,
) -> Rebuilt:
    """Rebuild, check, swap. `progress` is called after each step.

    Raises RebuildRunning, RebuildSchemaTaken, PoisonEvent, RebuildMismatch, SwapBlocked, and errors
    of the store; the tables in use are as they were then, and are still followed.
    """
    session.claim()
    try:
        began = session.seconds()
        start = session.prepare()
        _fill(session, start, began, progress, step_events)
        session.tidy()
        _check(session)
        position = _swap(session)
        return Rebuilt(position, start, session.seconds() - began)
    finally:
        session.release()


def _fill(
    session: RebuildSession,
    start: int,
    began: float,
    progress: ProgressCallback | None,
    step_events: int,
) -> None:
    while True:
        step = _advance(session, step_events)
        if progress is not None:
            progress(_progress(step, start, session.seconds() - began))
        if step.is_last:
            return


def _progress(step: Step, start: int, seconds: float) -> Progress:
    rate = (step.upto - start) / seconds if seconds > 0 else 0.0
    left = (step.head - step.upto) / rate if rate > 0 else None
    return Progress(step.upto, step.head, rate, left)


def _check(session: RebuildSession) -> None:
    mismatches = session.mismatches()
    if mismatches:
        # The next attempt would resume the same wrong tables.
        session.discard()
        raise RebuildMismatch(what="; ".join(mismatches))


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
        while not _advance(session, STEP_EVENTS).is_last:
            pass
        # If appends are that fast, they will have to wait for longer.
        limit *= 2


def _advance(session: RebuildSession, limit: int) -> Step:
    step = advance(session, limit)
    assert step is not None, "a step that waits happens"
    return step
