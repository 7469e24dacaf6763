"""The order in which a rebuild does things, and what it does when one of them fails."""

from __future__ import annotations

import pytest

from projections import rebuild as policy
from projections.errors import PoisonEvent, RebuildMismatch, SwapBlocked
from projections.rebuild import rebuild
from tests.projections.fakes import Away, FakeRebuild


def test_it_fills_tidies_compares_and_swaps() -> None:
    session = FakeRebuild(head=45)
    rebuilt = rebuild(session, step_events=20)
    assert (rebuilt.position, rebuilt.resumed_at) == (45, 0)
    assert session.done == ["claim", "prepare", "tidy", "compare", "swap", "release"]


def test_it_goes_on_from_where_the_tables_are() -> None:
    session = FakeRebuild(head=45, found=40)
    assert rebuild(session, step_events=20).resumed_at == 40
    assert session.steps[0] == 20
    assert session.position == 45


def test_tables_that_do_not_agree_with_the_log_are_dropped() -> None:
    session = FakeRebuild(head=5, wrong=["items: 3 in the log, 2 in the tables", "prompts: …"])
    with pytest.raises(RebuildMismatch, match="items: 3 in the log, 2 in the tables; prompts"):
        rebuild(session)
    assert session.done == ["claim", "prepare", "tidy", "compare", "discard", "release"]


def test_a_swap_waits_for_readers_but_not_for_ever() -> None:
    session = FakeRebuild(head=5, blocked=3)
    rebuild(session)
    assert session.pauses == [policy.SWAP_PAUSE_SECONDS] * 3
    session = FakeRebuild(head=5, blocked=1_000)
    with pytest.raises(SwapBlocked):
        rebuild(session)
    assert session.blocked == 1_000 - policy.SWAP_ATTEMPTS
    assert session.done[-1] == "release"


def test_appends_that_come_faster_than_they_are_applied_wait_longer_in_the_end() -> None:
    session = FakeRebuild(head=5, late=[5_000, 5_000, 5_000, 5_000])
    rebuild(session)
    assert session.limits == [1_000, 2_000, 4_000, 8_000]
    assert session.position == session.head


def test_poison_among_the_last_events_is_named() -> None:
    session = FakeRebuild(head=5, late=[3], poisonous=frozenset([7]))
    with pytest.raises(PoisonEvent, match="position 7"):
        rebuild(session)
    assert session.position == 6
    assert session.done[-1] == "release"


def test_an_error_of_the_store_ends_it() -> None:
    session = FakeRebuild(head=5)

    def away() -> None:
        raise Away

    session.before_step = away
    with pytest.raises(Away):
        rebuild(session)
    assert session.done == ["claim", "prepare", "release"]
