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

STEP_EVENTS: Final = 2_000
POLL_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
# Whoever else is applying something does so for about a millisecond, if it is not very much.
READ_PAUSE_SECONDS: Final = 0.001
LONGEST_READ_PAUSE_SECONDS: Final = 0.02


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
        doing it. Raises ReadTimedOut, PoisonEvent, and what `catch_up` raises.
        """
        deadline = self.session.seconds() + timeout_seconds
        pause = READ_PAUSE_SECONDS
        while (status := self.session.status()).position < position:
            if self.session.seconds() >= deadline:
                raise ReadTimedOut(
                    position=position, reached=status.position, seconds=timeout_seconds
                )
            step = self._help()
            if step is None or step.is_last:
                self.session.pause(pause)
                pause = min(2 * pause, LONGEST_READ_PAUSE_SECONDS)

    def follow(
        self, stop: Callable[[], bool], on_trouble: Callable[[TurnlogError], None] | None = None
    ) -> None:
        """Follow the log until `stop()` is true, which is asked at least every `poll_seconds`.

        Where several do this one leads and the others stand by. Lost connections are told to
        `on_trouble` and made again; so is, once, that the tables are of another turnlog (during a
        deploy): then the lead is left to it, until a rebuild has made them ours. Raises
        PoisonEvent, ReadModelsMissing: going on would show something wrong.
        """
        troubles, stands_aside = 0, False
        while not stop():
            try:
                if self.session.lead():
                    self._apply_all(stop)
                    self.session.wait(self.poll_seconds)
                else:
                    self.session.pause(self.poll_seconds)
                troubles, stands_aside = 0, False
            except (ReadModelsNewer, ReadModelsOutdated) as error:
                if on_trouble is not None and not stands_aside:
                    on_trouble(error)
                stands_aside = True
                self.session.stand_aside()
                self.session.pause(self.poll_seconds)
            except self.session.temporary as error:
                if on_trouble is not None:
                    on_trouble(error)
                pause = min(FIRST_PAUSE_SECONDS * 2**troubles, LONGEST_PAUSE_SECONDS)
                self.session.pause(min(pause, self.poll_seconds))
                troubles = min(troubles + 1, 10)

    def status(self) -> ReadModelStatus:
        """How far the tables are."""
        return self.session.status()

    def _apply_all(self, stop: Callable[[], bool]) -> None:
        while not stop() and not self._advance().is_last:
            pass

    def _help(self) -> Step | None:
        """A step that waits for nobody; None if it is for somebody else to do."""
        try:
            return advance(self.session, self.step_events, self._record, wait=False)
        except ReadModelsNewer:
            return None

    def _advance(self) -> Step:
        step = advance(self.session, self.step_events, self._record)
        assert step is not None, "a step that waits happens"
        return step

    def _record(self, poison: PoisonEvent, position: int) -> None:
        self.session.record_failure(position, poison.message)


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
