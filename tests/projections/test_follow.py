"""What a follower does about ranges, poison, lost connections and others at the same work."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.errors import TurnlogError
from projections.errors import (
    PoisonEvent,
    ReadModelsMissing,
    ReadModelsNewer,
    ReadModelsOutdated,
    ReadTimedOut,
)
from projections.follow import HANDOVER_SECONDS, LONGEST_READ_PAUSE_SECONDS, Follower
from projections.ports import ReadModelStatus
from projections.registry import definition
from tests.projections.fakes import Away, FakeSession


def times(number: int) -> Callable[[], bool]:
    """Not true that many times, then true."""
    left = iter(range(number))
    return lambda: next(left, None) is None


def test_it_applies_everything_in_ranges_of_its_size() -> None:
    session = FakeSession(head=25)
    assert Follower(session, step_events=10).catch_up() == 25
    assert session.steps == [10, 10, 10]


def test_catching_up_ends_although_the_log_grows() -> None:
    session = FakeSession(head=10)

    def grow() -> None:
        session.head += 10

    session.before_step = grow
    assert Follower(session, step_events=10).catch_up() == 20


@pytest.mark.parametrize("position", [1, 2, 7, 99, 100])
def test_a_poisonous_event_is_found_and_nothing_after_it_is_applied(position: int) -> None:
    session = FakeSession(head=100, poisonous=frozenset([position]))
    with pytest.raises(
        PoisonEvent, match=rf"position {position}.* because it tastes odd"
    ) as caught:
        Follower(session, step_events=64).catch_up()
    assert session.position == position - 1
    assert session.failures == [(position, caught.value.message)]


@pytest.mark.parametrize(
    ("type_", "version"), [("thread.painted", "1"), ("thread.updated", "2"), ("x", None)]
)
def test_an_event_of_a_newer_turnlog_says_to_upgrade(type_: str, version: str | None) -> None:
    session = FakeSession(
        head=3, poisonous=frozenset([2]), poison_type=type_, poison_version=version
    )
    with pytest.raises(PoisonEvent, match="a newer turnlog wrote it: upgrade this one"):
        Follower(session).catch_up()


@pytest.mark.parametrize("version", ["1", "0", "-7", "one", None])
def test_a_damaged_event_is_not_taken_for_a_newer_one(version: str | None) -> None:
    session = FakeSession(head=3, poisonous=frozenset([2]), poison_version=version)
    with pytest.raises(PoisonEvent, match="because it tastes odd"):
        Follower(session).catch_up()


def test_of_two_poisonous_events_the_first_is_found() -> None:
    session = FakeSession(head=100, poisonous=frozenset([40, 41, 90]))
    with pytest.raises(PoisonEvent, match="position 40"):
        Follower(session).catch_up()
    assert session.position == 39


def test_it_follows_until_it_is_told_to_stop() -> None:
    session = FakeSession(head=3)
    Follower(session).follow(stop=times(5))
    assert session.position == 3


def test_who_does_not_lead_applies_nothing() -> None:
    session = FakeSession(head=3, leads=False)
    Follower(session).follow(stop=times(5))
    assert session.position == 0


def test_a_stop_is_heard_between_two_ranges() -> None:
    session = FakeSession(head=1_000)
    Follower(session, step_events=10).follow(stop=times(4))
    assert 0 < session.position < 100


def test_a_store_that_is_away_is_tried_again_less_and_less_often() -> None:
    session = FakeSession(head=3)
    told: list[TurnlogError] = []
    tries = times(8)

    def away() -> None:
        if not tries():
            raise Away

    session.before_step = away
    over: list[TurnlogError] = []
    Follower(session, poll_seconds=2.0).follow(times(30), told.append, over.append)
    assert session.pauses[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
    assert [str(trouble) for trouble in told] == ["The store is away."]
    assert [str(trouble) for trouble in over] == ["The store is away."]
    assert session.position == 3


def test_what_time_does_not_heal_ends_it() -> None:
    session = FakeSession(head=3)

    def missing() -> None:
        raise ReadModelsMissing(schema="turnlog", why="their state is gone")

    session.before_step = missing
    with pytest.raises(ReadModelsMissing):
        Follower(session).follow(times(30))


@pytest.mark.parametrize("error", [ReadModelsNewer, ReadModelsOutdated])
def test_tables_of_another_turnlog_are_left_to_it_until_they_are_ours(
    error: type[TurnlogError],
) -> None:
    session = FakeSession(head=3, made_by="another")
    told: list[TurnlogError] = []
    over: list[TurnlogError] = []

    def not_ours() -> None:
        if session.now < 10:
            raise error(schema="turnlog")

    def stop() -> bool:
        session.made_by = "another" if session.now < 10 else definition()
        return session.now > 12

    session.before_step = not_ours
    Follower(session, poll_seconds=1.0).follow(stop, told.append, over.append)
    assert [type(trouble) for trouble in told] == [error]
    assert [type(trouble) for trouble in over] == [error]
    assert session.stood_aside == 1
    assert session.position == 3


def test_tables_that_cannot_even_be_looked_at_are_left_alone_as_patiently() -> None:
    class Unknown(FakeSession):
        def status(self) -> ReadModelStatus:
            raise ReadModelsNewer(schema="turnlog")

    session = Unknown(head=3, made_by="another")
    told: list[TurnlogError] = []

    def not_ours() -> None:
        raise ReadModelsNewer(schema="turnlog")

    session.before_step = not_ours
    Follower(session, poll_seconds=1.0).follow(lambda: session.now > 5, told.append)
    assert len(told) == 1
    assert set(session.pauses) == {1.0}


def test_tables_of_another_turnlog_are_told_again_after_minutes() -> None:
    session = FakeSession(head=3, made_by="another")
    told: list[float] = []

    def not_ours() -> None:
        raise ReadModelsOutdated(schema="turnlog")

    session.before_step = not_ours
    Follower(session).follow(lambda: session.now > 700, lambda _: told.append(session.now))
    assert told == [0, 300, 600]


def test_who_stands_by_is_over_its_lost_connection_although_it_applies_nothing() -> None:
    session = FakeSession(head=3, leads=False)
    told: list[TurnlogError] = []
    over: list[TurnlogError] = []
    tries = times(3)

    def lead() -> bool:
        if not tries():
            raise Away
        return False

    session.lead = lead  # type: ignore[method-assign]
    Follower(session).follow(times(30), told.append, over.append)
    assert [type(trouble) for trouble in told] == [type(trouble) for trouble in over] == [Away]


@pytest.mark.parametrize("error", [ReadModelsNewer, ReadModelsOutdated])
def test_waiting_for_a_position_leaves_tables_of_another_turnlog_to_it(
    error: type[TurnlogError],
) -> None:
    session = FakeSession(head=50)

    def somebody_else() -> None:
        session.position += 10
        raise error(schema="turnlog")

    session.before_step = somebody_else
    Follower(session).wait_for(25, timeout_seconds=1)
    assert (session.steps, session.position) == ([], 30)


def outdated() -> None:
    raise ReadModelsOutdated(schema="turnlog")


def test_waiting_says_that_nobody_moves_the_tables_of_another_turnlog_on() -> None:
    session = FakeSession(head=50, before_step=outdated)
    with pytest.raises(ReadModelsOutdated):
        Follower(session).wait_for(25, timeout_seconds=60)
    assert session.now == pytest.approx(HANDOVER_SECONDS, abs=LONGEST_READ_PAUSE_SECONDS)


def test_waiting_goes_on_while_somebody_leads_however_long_it_takes() -> None:
    session = FakeSession(head=50, before_step=outdated, is_led_until=30)
    with pytest.raises(ReadModelsOutdated):
        Follower(session).wait_for(25, timeout_seconds=60)
    assert session.now == pytest.approx(30 + HANDOVER_SECONDS, abs=0.6)


def test_waiting_says_at_its_end_why_the_tables_are_not_ours_to_move() -> None:
    session = FakeSession(head=50, before_step=outdated, is_led_until=100)
    with pytest.raises(ReadModelsOutdated):
        Follower(session).wait_for(25, timeout_seconds=60)
    assert session.now == pytest.approx(60, abs=LONGEST_READ_PAUSE_SECONDS)


def test_waiting_for_a_position_applies_what_is_missing() -> None:
    session = FakeSession(head=50)
    Follower(session, step_events=10).wait_for(25, timeout_seconds=1)
    assert session.position == 30
    assert session.pauses == []


def test_waiting_for_a_position_leaves_it_to_who_is_at_it() -> None:
    session = FakeSession(head=50, busy=True)

    def somebody_else() -> None:
        session.position += 10

    session.before_step = somebody_else
    Follower(session).wait_for(25, timeout_seconds=1)
    assert session.steps == []


def test_waiting_for_a_position_ends_in_time() -> None:
    session = FakeSession(head=50, busy=True)
    with pytest.raises(ReadTimedOut, match="After 1 s the read models are at position 0, not yet"):
        Follower(session).wait_for(25, timeout_seconds=1)
    assert session.now == pytest.approx(1, abs=LONGEST_READ_PAUSE_SECONDS)


def test_waiting_for_what_is_shown_already_does_nothing() -> None:
    session = FakeSession(head=50, position=30)
    Follower(session).wait_for(30, timeout_seconds=0)
    assert session.steps == []
