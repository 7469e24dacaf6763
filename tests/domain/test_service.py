"""Load, decide, append: what the service does when the world moves under it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import given as for_all

from domain.errors import InvalidArgument, ThreadContended, TurnNotActive
from domain.execution import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MAX_ATTEMPTS
from domain.outcome import outcome_of
from domain.ports import Fence, Lease, Recorded, Uncommitted
from domain.service import ThreadService
from domain.thread import Thread
from tests.domain.given import check, given, runs
from tests.domain.steps import (
    archive,
    complete,
    interrupt,
    queue,
    release,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
    unarchive,
    update,
)
from tests.domain.world import THREAD, TinyThreads, World, running, waiting
from tests.strategies import Move, play_all, scripts

# ── Others write meanwhile ───────────────────────────────────────────────────────────────────────


def test_a_decision_on_old_memory_is_made_again_on_what_is_there() -> None:
    world = given(submit("A")).world()
    world.remember_at(1)  # an idle thread, as this process thinks
    outcome = queue("B")(world)
    assert outcome.admission is not None
    assert outcome.admission.state == "pending"
    check(world)


def test_a_refusal_on_old_memory_is_not_final() -> None:
    world = given(submit("A"), complete("A")).world()
    world.remember_at(world.ends()[1])  # A still runs, as this process thinks
    assert submit("B")(world).started_turn_id == world.turn("B")


def test_nothing_to_do_on_old_memory_is_not_final_either() -> None:
    world = given(archive(), unarchive()).world()
    world.remember_at(2)  # archived, as this process thinks
    archive("cmd_2")(world)
    assert world.state().archived


def test_a_lost_attempt_leaves_no_other_ids_behind() -> None:
    """What is decided again has the ids it had before: nobody has to care which attempt won."""
    calm, contended = given().world(), given().world()
    contended.log.before_append = lambda: update("T")(contended)
    first, second = submit("A")(calm), submit("A")(contended)
    assert second.seq == (first.seq or 0) + 1
    assert second.command_id == first.command_id
    check(contended)


def test_a_thread_that_never_stands_still_is_given_up_and_nothing_is_written() -> None:
    world = given().world()
    meddled: list[int] = []

    def meddle() -> None:
        world.log.before_append = None
        number = len(meddled)
        meddled.append(number)
        update(f"T{number}", command_id=f"cmd_{number}")(world)
        world.log.before_append = meddle

    world.log.before_append = meddle
    with pytest.raises(ThreadContended) as caught:
        submit("A")(world)
    world.log.before_append = None
    assert len(meddled) == MAX_ATTEMPTS
    assert caught.value.details == {"thread_id": THREAD, "attempts": MAX_ATTEMPTS}
    assert (running(world), waiting(world)) == (None, [])
    assert submit("A")(world).started_turn_id == world.turn("A")


def test_those_who_meet_again_and_again_wait_a_little_longer_each_time_but_never_long() -> None:
    world = given().world()
    pauses: list[float] = []
    world.service._execution._pause = pauses.append
    numbers = count(1)

    def meddle() -> None:
        world.log.before_append = None
        update(f"T{next(numbers)}", command_id=f"cmd_{next(numbers)}")(world)
        world.log.before_append = meddle

    world.log.before_append = meddle
    with pytest.raises(ThreadContended):
        submit("A")(world)
    # The first conflict costs no time; later ones at most a bound that doubles up to a limit.
    assert len(pauses) == MAX_ATTEMPTS - 1
    bounds = [
        min(FIRST_PAUSE_SECONDS * 2**n, LONGEST_PAUSE_SECONDS) for n in range(1, MAX_ATTEMPTS)
    ]
    assert all(0 <= pause < bound for pause, bound in zip(pauses, bounds, strict=True))
    assert len(set(pauses)) > MAX_ATTEMPTS // 2  # at random: two who meet do not meet again


def test_a_conflict_that_does_not_come_again_costs_no_time() -> None:
    world = given().world()
    pauses: list[float] = []
    world.service._execution._pause = pauses.append
    world.log.before_append = lambda: update("T")(world)
    submit("A")(world)
    assert pauses == []


def _end_item(service: ThreadService, turn: str, lease: Lease | None) -> object:
    active = service.thread(THREAD).turn
    assert active is not None
    [item] = active.open_items
    return service.end_item(THREAD, turn, item.item_id, lease=lease)


WORKERS_WRITE: dict[str, Callable[[ThreadService, str, Lease | None], object]] = {
    "take steers": lambda s, turn, lease: s.take_steers(THREAD, turn, lease=lease),
    "begin an item": lambda s, turn, lease: s.start_item(THREAD, turn, "status", "s", lease=lease),
    "end an item": _end_item,
    "record an item": lambda s, turn, lease: s.record_item(
        THREAD, turn, "status", "s", text="t", lease=lease
    ),
    "ask": lambda s, turn, lease: s.request_approval(THREAD, turn, "may I?", lease=lease),
    "finish": lambda s, turn, lease: s.finish(THREAD, turn, "failed", lease=lease),
    "could not start": lambda s, turn, lease: s.start_failed(THREAD, turn, "e", lease=lease),
    "recover": lambda s, turn, lease: s.recover(THREAD, turn, lease=lease),
}


@pytest.mark.parametrize("what", WORKERS_WRITE)
def test_what_a_worker_writes_names_its_lease(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for token in (None, 7):
        world = given(submit("A"), steer("B"), start_item("A")).world()
        turn, fences = world.turn("A"), list[Fence | None]()
        append = world.log.append

        def spy(
            entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
        ) -> tuple[Recorded, ...]:
            fences.append(fence)  # noqa: B023, it is called at once
            return append(entries, expected_seq=expected_seq)  # noqa: B023

        monkeypatch.setattr(world.log, "append", spy)
        lease = Lease(turn, THREAD, "holder", token, 9.0) if token else None
        WORKERS_WRITE[what](world.service, turn, lease)
        assert fences == [Fence(turn, token)]
        submit("C", "queue")(world)
        assert fences[1:] == [None]


@pytest.mark.parametrize("what", WORKERS_WRITE)
def test_the_lease_of_another_turn_is_none(what: str) -> None:
    world = given(submit("A"), steer("B"), start_item("A")).world()
    lease = Lease("turn_9", THREAD, "holder", 7, 9.0)
    with pytest.raises(
        InvalidArgument, match=r"^The lease is not valid: it is that of turn turn_9"
    ):
        WORKERS_WRITE[what](world.service, world.turn("A"), lease)


class CountedThreads(TinyThreads):
    """Counts how often the log had to be asked."""

    reads = 0

    def current(self, thread_id: str) -> Thread:
        self.reads += 1
        return super().current(thread_id)


def test_what_was_appended_is_remembered_and_costs_no_read() -> None:
    world = World()
    threads = CountedThreads(world.log)
    world.service._execution._threads = threads
    world.service.create(thread_id=THREAD)
    threads.reads = 0
    submit("A")(world)
    queue("B")(world)
    complete("A")(world)
    assert threads.reads == 0
    take_steers("B")(world)  # nothing to do is worth a second look
    assert threads.reads == 1


def test_a_command_nobody_can_have_sent_before_is_not_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = given(submit("A")).world()
    monkeypatch.setattr(world.log, "read_command", pytest.fail)
    take_steers("A")(world)
    with pytest.raises(TurnNotActive):
        world.service.interrupt(THREAD, "turn_9")


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────


def test_an_outcome_names_the_last_event_to_wait_for() -> None:
    world = given(submit("A"), queue("B")).world()
    outcome = complete("A")(world)
    last = world.history()[-1]
    assert (outcome.seq, outcome.position) == (last.seq, last.position)


def test_a_command_that_did_nothing_has_no_place_in_the_log() -> None:
    outcome = given(submit("A")).when(take_steers("A")).answers()
    assert (outcome.seq, outcome.position, outcome.delivered) == (None, None, ())
    assert outcome.thread_id == THREAD
    assert outcome.command_id.startswith("cmd_")


def test_a_release_says_what_it_released_and_what_runs() -> None:
    past = given(submit("A"), queue("B"), queue("C"), interrupt("A"), stop("A"))
    outcome = past.when(release()).then("queue.released B C", *runs("B"))
    assert outcome.released == ("inp_B", "inp_C")
    assert outcome.started_turn_id is not None


def test_an_item_s_id_is_in_the_outcome() -> None:
    outcome = start_item("A")(given(submit("A")).world())
    assert len(outcome.item_ids) == 1


@for_all(scripts())
def test_every_command_can_be_answered_again_from_its_events(script: list[Move]) -> None:
    world = World()
    play_all(world.service, script)
    for entry in world.history():
        recorded = world.log.read_command(entry.event.command_id)
        outcome = outcome_of(recorded)
        assert (outcome.seq, outcome.thread_id) == (recorded[-1].seq, THREAD)
        assert outcome.command_id == entry.event.command_id
