"""L12: live tables, rebuilt tables and the fold are equal, at every prefix that was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.postgres.rebuild import PostgresRebuildSession
from domain.events.registry import ALL
from projections.rebuild import rebuild
from projections.replay import replay
from tests.fixtures.database import DatabaseFactory
from tests.projections.histories import Log, logs
from tests.projections.story import STORY
from tests.projections.tables import Tables, tables_of


class InOneGo(PostgresRebuildSession):
    """A rebuild that must not need its second way, step by step, which would hide what is wrong."""

    def start_over(self) -> None:
        raise AssertionError("a sound log was not filled by parts")


# How many events each step takes; from the beginning again when they are used up.
Cuts = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def shared(database_factory: DatabaseFactory) -> Iterator[Tables]:
    """One database for many logs, which are wiped away in between."""
    with database_factory() as database, tables_of(database) as tables:
        yield tables


@given(log=logs(), cuts=Cuts, jobs=st.integers(1, 3), part=st.sampled_from([1, 40, 10_000]))
@settings(max_examples=40)
def test_live_rebuilt_and_folded_are_equal_however_the_ranges_are_cut(
    shared: Tables, log: Log, cuts: Sequence[int], jobs: int, part: int
) -> None:
    shared.empty_log()
    log.append_to(shared.recorder)
    position, number = 0, 0
    while position < len(log.entries):
        position, number = shared.apply(cuts[number % len(cuts)]), number + 1
        shared.assert_agree(log, position)
    with InOneGo(shared.database, jobs=jobs, part_events=part) as session:
        rebuild(session, shared.log, step_events=max(cuts))
    shared.assert_agree(log, len(log.entries))
    assert shared.differences() == []


@pytest.mark.parametrize("cut", [0, 1, 17, 60, 1_000])
def test_a_story_is_told_the_same_by_parts_and_the_steps_after_them(
    shared: Tables, cut: int
) -> None:
    """What is appended after a rebuild has begun is applied as a follower does."""
    shared.empty_log()
    records = STORY.records()
    if cut:
        shared.recorder.append(records[:cut])
    with InOneGo(shared.database, jobs=2) as session:
        session.prepare()
        if records[cut:]:
            shared.recorder.append(records[cut:])
        rebuild(session, shared.log, step_events=7)
    shared.assert_agree(STORY, len(STORY.entries))


def test_a_story_is_told_the_same_wherever_it_is_cut_in_two(shared: Tables) -> None:
    shared.empty_log()
    STORY.append_to(shared.recorder)
    for cut in range(1, len(STORY.entries)):
        shared.empty_tables()
        shared.assert_agree(STORY, shared.apply(cut))
        shared.assert_agree(STORY, shared.apply(1_000))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21])
def test_a_story_is_told_the_same_in_steps_of_any_size(shared: Tables, size: int) -> None:
    shared.empty_log()
    STORY.append_to(shared.recorder)
    position = 0
    while position < len(STORY.entries):
        position = shared.apply(size)
        shared.assert_agree(STORY, position)


def test_the_story_has_something_of_everything() -> None:
    """Else the tests above would say less than they seem to."""
    assert {entry.event.name for entry in STORY.entries} == {event.name for event in ALL}
    reasons = {getattr(entry.event, "reason", None) for entry in STORY.entries}
    assert reasons >= {"interrupt", "failures", "user", "edit", "rollback"}
    statuses = {getattr(entry.event, "status", None) for entry in STORY.entries}
    assert statuses >= {"completed", "failed", "interrupted"}
    found = [row for name in STORY.thread_ids() for row in replay(STORY.history(name)).approvals]
    assert {row.state for row in found} == {"approved", "denied", "cancelled"}
    assert {row.cancelled_reason for row in found} == {None, "interrupt", "item", "end"}
