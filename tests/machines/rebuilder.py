"""Somebody who rebuilds the read models, and stands still between any two things it does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.rebuild import PostgresRebuildSession
from domain.ports import EventLog
from projections.ports import Progress, Rebuilt, Step
from projections.rebuild import rebuild
from tests.fixtures.patience import PATIENCE

# Other threads than those it stands still in are not touched: it is the rebuild's own caller.
SAMPLE_SEED: Final = 7


class Killed(BaseException):
    """Ends the thread that rebuilds, wherever it stands."""


class Rebuilder:
    """A rebuild in a thread of its own, which goes on only when it is told to: in `go_on`.

    So everything it does happens between two steps of the schedule, and the schedule goes on in
    between. `at` says what it is about to do.
    """

    def __init__(
        self, database: Database, log: EventLog, *, jobs: int, part_events: int, step_events: int
    ) -> None:
        self.at = "begin"
        self.done = 0  # events, as it last told
        self.rebuilt: Rebuilt | None = None
        self.is_over = False
        self._error: BaseException | None = None
        self._dies = False
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._session = _Session(database, self._stand, jobs=jobs, part_events=part_events)
        self._log, self._step_events = log, step_events
        self._thread = threading.Thread(target=self._run, name="rebuilder", daemon=True)
        self._thread.start()
        self._wait()

    def go_on(self) -> None:
        """Let it do the next thing; returns when that is done. Its errors are raised here."""
        self._go.release()
        self._wait()

    def kill(self) -> None:
        """It ends where it is, as its process would: its connections go, its tables stay."""
        if not self.is_over:
            self._dies = True
            self._go.release()
            self._wait()
        self._thread.join(PATIENCE)

    def _wait(self) -> None:
        assert self._stands.acquire(timeout=PATIENCE), f"it hangs before or in {self.at}"
        if self._error is not None and not isinstance(self._error, Killed):
            error, self._error = self._error, None
            raise error

    def _stand(self, at: str) -> None:
        self.at = at
        self._stands.release()
        self._go.acquire()
        if self._dies:
            raise Killed

    def _tell(self, progress: Progress) -> None:
        self.done = progress.done
        self._stand("go on")

    def _run(self) -> None:
        try:
            self._stand("claim")
            self.rebuilt = rebuild(
                self._session,
                self._log,
                self._tell,
                step_events=self._step_events,
                seed=SAMPLE_SEED,
            )
        except BaseException as error:  # noqa: BLE001  (raised by _wait)
            self._error = error
        finally:
            self._session.close()
            self.is_over = True
            self._stands.release()


class _Session(PostgresRebuildSession):
    """Stands still before each thing that others could notice."""

    def __init__(
        self, database: Database, stand: Callable[[str], None], *, jobs: int, part_events: int
    ) -> None:
        super().__init__(database, jobs=jobs, part_events=part_events)
        self._stand = stand

    def prepare(self) -> int:
        self._stand("prepare")
        return super().prepare()

    def fill(self, tell: Callable[[int, int], None]) -> None:
        self._stand("fill")
        super().fill(tell)

    def start_over(self) -> None:
        raise AssertionError("a sound log was not filled by parts")

    def step(self, limit: int, *, wait: bool = True) -> Step | None:
        self._stand("step")
        return super().step(limit, wait=wait)

    def mismatches(self, meanwhile: Callable[[], None]) -> Sequence[str]:
        self._stand("compare")
        return super().mismatches(meanwhile)

    def sample(self, events: int, seed: int) -> Sequence[str]:
        self._stand("take samples")
        return super().sample(events, seed)

    def swap(self, limit: int) -> int | None:
        self._stand("swap")
        return super().swap(limit)
