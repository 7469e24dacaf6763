"""The order in which a rebuild does things, and what it does when one of them fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.ports import Recorded
from projections import rebuild as policy
from projections.errors import PoisonEvent, RebuildMismatch, SwapBlocked
from projections.ports import Progress
from projections.rebuild import rebuild
from projections.replay import replay
from tests.domain.world import TinyLog
from tests.projections.fakes import Away, FakeRebuild
from tests.projections.story import STORY

LOG = TinyLog()


def test_it_fills_compares_and_swaps() -> None:
    session = FakeRebuild(head=45)
    rebuilt = rebuild(session, LOG, step_events=20)
    assert (rebuilt.position, rebuilt.resumed_at) == (45, 0)
    assert session.done == [
        "claim", "prepare", "fill", "keep indexes", "compare", "sample 5000 0", "swap", "release",
    ]  # fmt: skip


def test_it_goes_on_from_where_the_tables_are() -> None:
    session = FakeRebuild(head=45, found=40)
    assert rebuild(session, LOG, step_events=20).resumed_at == 40
    assert session.steps[0] == 20
    assert session.position == 45


def test_tables_that_do_not_agree_with_the_log_are_dropped() -> None:
    session = FakeRebuild(head=5, wrong=["items: 3 in the log, 2 in the tables", "prompts: …"])
    with pytest.raises(RebuildMismatch, match="items: 3 in the log, 2 in the tables; prompts"):
        rebuild(session, LOG)
    assert session.done == [
        "claim", "prepare", "fill", "keep indexes", "compare", "sample 5000 0", "discard",
        "release",
    ]  # fmt: skip


def test_a_swap_waits_for_readers_but_not_for_ever() -> None:
    session = FakeRebuild(head=5, blocked=3)
    rebuild(session, LOG)
    assert session.pauses == [policy.SWAP_PAUSE_SECONDS] * 3
    session = FakeRebuild(head=5, blocked=1_000)
    with pytest.raises(SwapBlocked):
        rebuild(session, LOG)
    assert session.blocked == 1_000 - policy.SWAP_ATTEMPTS
    assert session.done[-1] == "release"


def test_appends_that_come_faster_than_they_are_applied_wait_longer_in_the_end() -> None:
    session = FakeRebuild(head=5, late=[5_000, 5_000, 5_000, 5_000])
    rebuild(session, LOG)
    assert session.limits == [1_000, 2_000, 4_000, 8_000]
    assert session.position == session.head


def test_poison_among_the_last_events_is_named() -> None:
    session = FakeRebuild(head=5, late=[3], poisonous=frozenset([7]))
    with pytest.raises(PoisonEvent, match="position 7"):
        rebuild(session, LOG)
    assert session.position == 6
    assert session.done[-1] == "release"


def test_an_error_of_the_store_ends_it() -> None:
    session = FakeRebuild(head=5)

    def away() -> None:
        raise Away

    session.before_step = away
    with pytest.raises(Away):
        rebuild(session, LOG)
    assert session.done == ["claim", "prepare", "fill", "release"]


def a_second_each_step(session: FakeRebuild) -> None:
    def pass_time() -> None:
        session.now += 1

    session.before_step = pass_time


def test_it_tells_how_far_it_is_and_how_long_it_will_take() -> None:
    session = FakeRebuild(head=125, filled=100)
    seen: list[Progress] = []
    a_second_each_step(session)
    rebuild(session, LOG, seen.append, step_events=20)
    assert [(p.done, p.total) for p in seen] == [
        (50, 100), (100, 100), (120, 125), (125, 125),
    ]  # fmt: skip
    assert [p.seconds_left for p in seen] == [1, 0, pytest.approx(0.125), 0]
    assert [p.events_per_second for p in seen] == [50, 50, 40, pytest.approx(31.25)]


def test_an_estimate_counts_only_what_was_done_now() -> None:
    session = FakeRebuild(head=100, found=80)
    seen: list[Progress] = []
    a_second_each_step(session)
    rebuild(session, LOG, seen.append, step_events=10)
    assert [(p.done, p.events_per_second, p.seconds_left) for p in seen] == [
        (90, 10, 1), (100, 10, 0),
    ]  # fmt: skip


def test_events_that_do_not_fit_are_found_step_by_step() -> None:
    session = FakeRebuild(head=45, filled=45, unfit=True, poisonous=frozenset([31]))
    with pytest.raises(PoisonEvent, match="position 31"):
        rebuild(session, LOG, step_events=20)
    assert session.done == ["claim", "prepare", "fill", "start over", "release"]
    assert session.position == 30


class Shelf(TinyLog):
    """The log of the story."""

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> list[Recorded]:
        return STORY.history(thread_id)[after_seq:upto_seq]


def test_tables_that_do_not_agree_with_the_fold_are_dropped() -> None:
    history = STORY.history("thr_1")
    rows = replay(history)
    session = FakeRebuild(head=5, rows={"thr_1": (rows, len(history))})
    rebuild(session, Shelf(), sample_events=7, seed=3)
    assert "sample 7 3" in session.done
    assert session.done[-2:] == ["swap", "release"]
    item = replace(rows.items[0], summary="something else")
    wrong = replace(rows, items=(item, *rows.items[1:]))
    session = FakeRebuild(head=5, rows={"thr_1": (wrong, len(history))})
    what = f"thread thr_1, items, row {item.item_id}, column summary"
    with pytest.raises(RebuildMismatch, match=what) as dropped:
        rebuild(session, Shelf())
    assert "something else" not in dropped.value.message  # people are asked to report it
    assert session.done[-2:] == ["discard", "release"]
