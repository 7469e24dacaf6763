"""What moves the read models: a follower, a rebuild; and a migration, which makes them."""

from __future__ import annotations

from adapters.composition import Turnlog
from adapters.postgres import migrate
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.rebuild import PostgresRebuildSession
from projections.errors import PoisonEvent
from projections.follow import Follower
from projections.ports import Progress
from projections.rebuild import rebuild
from tests.crashes.process import Given, Stage

STEP_EVENTS = 6
PART_EVENTS = 12


def follow(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """Leads, and follows to the log's end, a few events a step."""
    with PostgresFollowerSession(turnlog.database) as session:
        assert session.lead()
        try:
            Follower(session, step_events=STEP_EVENTS).catch_up()
        except PoisonEvent:
            assert "poison" in given


def make_anew(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """A rebuild, in several parts, one after the other: so it does the same each time.

    While it fills the tables, and once more before it puts them in place, the log grows.
    """

    def tell(progress: Progress) -> None:
        if progress.done == progress.total or not told:
            stage.ask("append")
        told.append(progress)

    told: list[Progress] = []
    session = PostgresRebuildSession(turnlog.database, jobs=1, part_events=PART_EVENTS)
    with session:
        rebuild(session, turnlog.log, tell, step_events=STEP_EVENTS)


def discard(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """Drops what a rebuild has left."""
    turnlog.discard_rebuild()


def upgrade(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """A migration to the newest schema. (The database is empty, and nothing else is done there.)"""
    migrate.upgrade(turnlog.database)
