"""A follower, a rebuild and a migration that die at every point; the next one carries on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.composition import OpenDatabase
from adapters.postgres.database import Database
from projections.registry import load_indexes
from tests.crashes.process import Given, Work
from tests.crashes.site import Site, site_on
from tests.crashes.tables import PART_EVENTS, discard, follow, make_anew, upgrade
from tests.crashes.trial import FULL, Point, Stand, World, commits, names, points
from tests.fixtures.catalog import catalog

FOLLOWING = ["try_lock", *[commits("finish_step")] * 3, "unlock_all"]
POISONED = ["try_lock", "record_failure", "unlock_all"]
THREADS = ("thr_a", "thr_z")
PARTS = len(THREADS)
REBUILD = [
    "try_lock",
    commits("insert_statement"),  # the plan
    *[commits("finish_work")] * (PARTS + len(load_indexes()) + PARTS),
    commits("drop_work"),
    commits("finish_step"),
    commits("ANALYZE"),
    commits("DROP SCHEMA"),  # the swap
    "unlock_all",
]
MIGRATION = [commits("migration")]
"""What each does to the world outside, in order; without what is inside of a transaction."""


@contextmanager
def told(point: Point) -> Iterator[None]:
    """A failure says where the process died."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"when the process died {point}")
        raise


def talk(site: Site, given: Given) -> None:
    """Fourteen events."""
    service, thread_id = site.user.service, given["thread"]
    service.create(thread_id=thread_id)
    turn_id = service.submit(thread_id, "first").started_turn_id
    assert turn_id is not None
    service.submit(thread_id, "second", delivery="queue")
    service.record_item(thread_id, turn_id, "agent_message", "hello")
    service.finish(thread_id, turn_id, "completed")


def test_a_follower_that_dies_anywhere_has_moved_on_whole_steps(site: Site) -> None:
    stand = site.stand()

    def prepared() -> Given:
        site.user.catch_up()
        given = site.given()
        talk(site, given)
        assert site.user.rows.status().lag == 14
        return given

    life, _ = stand.live(follow, prepared(), World())
    for point in points(life.effects):
        with told(point):
            given = prepared()
            stand.live(follow, given, World(), point)
            stand.live(follow, given, World())
            assert site.user.rows.status().lag == 0
            site.expect_rows_as_the_log_says()
    assert names(life.effects) == FOLLOWING
    site.expect_all_clean()


def test_one_that_dies_over_an_event_that_cannot_be_applied_leaves_a_note(site: Site) -> None:
    stand = site.stand()
    turns = "turns WHERE thread_id = %(thread)s"

    def prepared() -> Given:
        given = site.given(poison="turn.completed")
        service = site.user.service
        service.create(thread_id=given["thread"])
        turn_id = service.submit(given["thread"], "first").started_turn_id
        assert turn_id is not None
        site.user.catch_up()
        site.connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {turns}", given)
        site.connection.execute(f"DELETE FROM {turns}", given)
        service.finish(given["thread"], turn_id, "completed")
        return given

    def check() -> None:
        status = site.user.rows.status()
        assert status.failed_position == status.head == status.position + 1
        site.connection.execute("INSERT INTO turns SELECT * FROM kept; DROP TABLE kept")
        site.expect_rows_as_the_log_says()

    life, _ = stand.live(follow, prepared(), World())
    check()
    for point in points(life.effects):
        with told(point):
            given = prepared()
            stand.live(follow, given, World(), point)
            stand.live(follow, given, World())
            check()
    assert names(life.effects) == POISONED


def test_a_rebuild_that_dies_anywhere_leaves_the_old_tables_or_the_new_ones(site: Site) -> None:
    assert Rebuilds(site).run() == REBUILD
    site.expect_all_clean()


@dataclass
class Rebuilds:
    """One rebuild after the other, of a log that hardly grows."""

    site: Site
    work: Work = make_anew
    where: str = ""

    def run(self) -> list[str]:
        """With every point of it as its last one. What it does when it lives on."""
        for thread_id in THREADS:
            talk(self.site, {"thread": thread_id})
            assert self.site.user.service.thread(thread_id).seq >= PART_EVENTS
        stand = self.site.stand(self._grow)
        life, _ = stand.live(self.work, {}, World())
        for point in points(life.effects, self.where):
            with told(point):
                self._die_at(point, stand, again=self.work)
                if FULL or (point.number == 1 and point.fate == "after"):
                    self._die_at(point, stand, again=discard)
        return names(life.effects)

    def _die_at(self, point: Point, stand: Stand, again: Work) -> None:
        stand.live(self.work, {}, World(), point)
        # Meanwhile the tables in use, whichever they are, go on with the log.
        self._grow()
        assert self.site.user.catch_up() == self.site.user.recorder.head()
        stand.live(again, {}, World())
        self.site.expect_rows_as_the_log_says()

    def _grow(self, *_asked: object) -> None:
        # The last thread of all, so however long it gets, the parts are as many as before.
        self.site.user.service.submit("thr_z", "more", delivery="queue")


def test_a_migration_that_dies_anywhere_is_done_or_was_never_begun(
    empty_database: Database,
) -> None:
    opened = OpenDatabase(empty_database)
    with site_on(empty_database) as site:
        stand = site.stand()
        life, _ = stand.live(upgrade, site.given(), World())
        wanted = catalog(site.connection, "turnlog")
        for point in points(life.effects):
            with told(point):
                site.connection.execute("DROP SCHEMA turnlog CASCADE")
                stand.live(upgrade, site.given(), World(), point)
                assert opened.schema().state in ("empty", "current")
                stand.live(upgrade, site.given(), World())
                assert catalog(site.connection, "turnlog") == wanted
        assert names(life.effects) == MIGRATION
