"""The read models beside the log: whoever moves them on, they say what the log says (L12)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.read_models import PostgresReadModels
from projections.follow import advance
from projections.ports import Step
from projections.rows import ThreadRows
from projections.verify import compare
from tests.fixtures.patience import eventually
from tests.machines.chronicle import Chronicle

TRIES: Final = 5
"""A connection is lost once, or twice."""


class Shown:
    """A follower that takes one range at a time, and what is compared after each."""

    def __init__(
        self, database: Database, chronicle: Chronicle, reader: PostgresReadModels
    ) -> None:
        self._database, self._chronicle, self._reader = database, chronicle, reader
        self._session = PostgresFollowerSession(database)
        eventually(self._leads)
        self.position = 0

    def step(self, limit: int) -> Step:
        """The next events, up to `limit`. A connection that was lost is made again."""
        step = self._stepped(limit)
        after, self.position = self.position, step.upto
        assert step.head == self._chronicle.head
        # One that was lost may have been done.
        assert after <= step.after, f"it began after {step.after}, and had stopped at {after}"
        self.check(self._chronicle.threads_between(after, step.upto))
        return step

    def restart(self) -> None:
        """Another follower in its place."""
        self._session.close()
        self._session = PostgresFollowerSession(self._database)
        # The server may take a moment to notice that the other one is gone.
        eventually(self._leads)

    def moved_to(self, position: int) -> None:
        """Somebody else has moved the tables on."""
        assert position >= self.position
        self.position = position

    def check(self, threads: Iterable[str]) -> None:
        """The tables are where they were left, and say of these threads what their events say."""
        status = self._reader.status()
        assert (status.position, status.failure) == (self.position, None)
        for thread_id in threads:
            expected = self._chronicle.rows(thread_id, self.position)
            found, seq = self._reader.snapshot(thread_id)
            assert seq == len(self._chronicle.history(thread_id, self.position)), thread_id
            # The order, too, which the comparison by keys does not see.
            assert found == expected, _differences(thread_id, expected, found)

    def close(self) -> None:
        self._session.close()

    def _leads(self) -> bool:
        with contextlib.suppress(*self._session.temporary):
            return self._session.lead()
        return False

    def _stepped(self, limit: int) -> Step:
        for _ in range(TRIES):
            with contextlib.suppress(*self._session.temporary):
                step = advance(self._session, limit)
                assert step is not None, "a step that waits happens"
                return step
            assert not self._session.is_connected, "it goes on over a connection it has lost"
            eventually(self._leads)
        raise AssertionError("it never worked")


def _differences(thread_id: str, expected: ThreadRows, found: ThreadRows) -> str:
    differences, _ = compare(thread_id, expected, found)
    return "\n".join(map(str, differences)) or "in another order"
