"""Keep the read models up to date with the log.

Correctness does not depend on who does it or how often: each step reads the checkpoint under a row
lock and moves it together with the rows. The follower's lead only saves others the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from domain.errors import TurnlogError
from domain.events.registry import BY_NAME
from domain.events.upcasts import newest_readable
from projections.errors import (
    PoisonEvent,
    RangeRejected,
    ReadModelsNewer,
    ReadModelsOutdated,
    ReadTimedOut,
)
from projections.ports import FollowerSession, ReadModelStatus, Step, Stepping, Suspect
from projections.registry import definition
from projections.troubles import Tell, Troubles

STEP_EVENTS: Final = 2_000
POLL_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
# Whoever else is applying something does so for about a millisecond, if it is not very much.
READ_PAUSE_SECONDS: Final = 0.001
LONGEST_READ_PAUSE_SECONDS: Final = 0.02
# When the one who leads goes away, one that stands by notices after a poll.
HANDOVER_SECONDS: Final = 2 * POLL_SECONDS
ASK_SECONDS: Final = 0.5

NOT_OURS: Final = (ReadModelsNewer, ReadModelsOutdated)


@dataclass(frozen=True, slots=True)
class Follower:
    """Applies the log to the tables in use. For one thread at a time, like its session."""

    session: FollowerSession
    step_events: int = STEP_EVENTS
    poll_seconds: float = POLL_SECONDS

    def catch_up(self) -> int:
        """Apply everything the log had at the time of the call; the position reached.

        Raises PoisonEvent, ReadModelsOutdated, ReadModelsNewer, ReadModelsMissing, and errors of
        the store.
        """
        target: int | None = None
        while True:
            step = self._advance()
            target = step.head if target is None else target
            if step.upto >= target:
                return step.upto

    def wait_for(self, position: int, timeout_seconds: float) -> None:
        """Return once the tables show the event at `position` (an outcome has it).

        Nobody needs to be following: what is missing is applied here, unless somebody else is just
        doing it. Tables of another turnlog (during a deploy) are left to it; that they are is only
        raised, as ReadModelsOutdated or ReadModelsNewer, when the time is over, or nobody has led,
        rebuilt or moved them on for HANDOVER_SECONDS. Raises also ReadTimedOut, PoisonEvent, and
        what else `catch_up` raises.
        """
        deadline = self.session.seconds() + timeout_seconds
        pause = READ_PAUSE_SECONDS
        not_ours: TurnlogError | None = None
        others = _Others(self.session)
        while (status := self.session.status()).position < position:
            if self.session.seconds() >= deadline:
                raise not_ours or ReadTimedOut(
                    position=position, reached=status.position, seconds=timeout_seconds
                )
            step, not_ours = self._help()
            if not_ours is not None and not others.move_on(status.position):
                raise not_ours
            if step is None or step.is_last:
                self.session.pause(pause)
                pause = min(2 * pause, LONGEST_READ_PAUSE_SECONDS)

    def follow(
        self,
        stop: Callable[[], bool],
        on_trouble: Tell | None = None,
        on_over: Tell | None = None,
    ) -> None:
        """Follow the log until `stop()` is true, which is asked at least every `poll_seconds`.

        Where several do this one leads and the others stand by. Lost connections are made again.
        Tables of another turnlog (during a deploy) are left to it, until a rebuild has made them
        ours. Of both `on_trouble` is told once, and again when it is something else or after some
        minutes, and `on_over` when it is over. Raises PoisonEvent, ReadModelsMissing: going on
        would show something wrong.
        """
        troubles = Troubles(self.session.seconds, on_trouble, on_over)
        not_ours: TurnlogError | None = None
        tries = 0
        while not stop():
            try:
                if not_ours is not None and self._are_ours():
                    not_ours = None
                    troubles.end(*NOT_OURS)
                if not_ours is not None:
                    troubles.meet(not_ours)
                    self.session.pause(self.poll_seconds)
                elif self.session.lead():
                    self._apply_all(stop)
                    self.session.wait(self.poll_seconds)
                else:
                    self.session.pause(self.poll_seconds)
                troubles.end(*self.session.temporary)
                tries = 0
            except NOT_OURS as error:
                if not_ours is not None:  # they cannot even be looked at
                    self.session.pause(self.poll_seconds)
                not_ours = error
                troubles.meet(error)
                self.session.stand_aside()
            except self.session.temporary as error:
                troubles.meet(error)
                pause = min(FIRST_PAUSE_SECONDS * 2**tries, LONGEST_PAUSE_SECONDS)
                self.session.pause(min(pause, self.poll_seconds))
                tries = min(tries + 1, 10)

    def status(self) -> ReadModelStatus:
        """How far the tables are."""
        return self.session.status()

    def _apply_all(self, stop: Callable[[], bool]) -> None:
        while not stop() and not self._advance().is_last:
            pass

    def _are_ours(self) -> bool:
        return self.session.status().made_by == definition()

    def _help(self) -> tuple[Step | None, TurnlogError | None]:
        """A step that waits for nobody; none if it is for somebody else to do, and why if it is
        for another turnlog."""
        try:
            return advance(self.session, self.step_events, self._record, wait=False), None
        except NOT_OURS as error:
            return None, error

    def _advance(self) -> Step:
        step = advance(self.session, self.step_events, self._record)
        assert step is not None, "a step that waits happens"
        return step

    def _record(self, poison: PoisonEvent, position: int) -> None:
        self.session.record_failure(position, poison.message)


@dataclass(slots=True)
class _Others:
    """Whether somebody moves on tables that are not ours to move."""

    session: FollowerSession
    position: int = -1
    seen_at: float = 0.0

    def move_on(self, position: int) -> bool:
        """Whether that is so, or was a moment ago; the tables are at `position` now."""
        now = self.session.seconds()
        moved = position != self.position
        # Asking is a query that nobody should make all the time.
        if moved or (now - self.seen_at >= ASK_SECONDS and self.session.is_led()):
            self.position, self.seen_at = position, now
        return now - self.seen_at < HANDOVER_SECONDS


def advance(
    session: Stepping,
    limit: int,
    record: Callable[[PoisonEvent, int], None] | None = None,
    *,
    wait: bool = True,
) -> Step | None:
    """One step of up to `limit` events, or of fewer if one of them cannot be applied.

    A range that is rejected is halved until it is applied, or is a single event, which is then to
    blame. So everything before the poisonous event gets applied, and nothing after it.
    """
    while True:
        try:
            return session.step(limit, wait=wait)
        except RangeRejected as rejected:
            if rejected.first < rejected.last:
                limit = (rejected.last - rejected.first + 1) // 2
                continue
            poison = _poison(session, rejected.last, rejected.why)
            if record is not None:
                record(poison, rejected.last)
            raise poison from rejected


def _poison(session: Stepping, position: int, why: str) -> PoisonEvent:
    event = session.suspect(position)
    if _is_newer(event):
        why = "a newer turnlog wrote it: upgrade this one"
    return PoisonEvent(
        position=position, type=event.type, thread_id=event.thread_id, seq=event.seq, why=why
    )


def _is_newer(event: Suspect) -> bool:
    """Whether this code cannot know the event. What the database found wrong is no help then."""
    known = BY_NAME.get(event.type)
    if known is None:
        return True
    version = event.version or ""
    newest = newest_readable(known.name, known.schema_version)
    return version.isdecimal() and int(version) > newest
