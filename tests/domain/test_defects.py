"""The defects D1 to D20 of other runtimes, as far as decisions can bring them back.

Here: D1 to D14, D16, D18, D19, D20; of D9 the ids, of D16 the event that ends a lost turn.
Elsewhere, because they are about stores, processes and readers: D15 (numbers and cursors), D17
(rows that do not decode), and the other half of D6 (all or nothing in the database), D9 (no row
replaces another) and D16 (leases).
"""

from __future__ import annotations

import pytest

from domain.errors import Refused, ThreadBusy, TurnNotActive, TurnNotSteerable
from domain.events.item import ItemStarted
from domain.options import QueuePolicy, ThreadSettings
from tests.domain.given import check, given, runs, steers
from tests.domain.steps import (
    Step,
    archive,
    compact,
    complete,
    edit,
    fail,
    interrupt,
    queue,
    record_item,
    recover,
    release,
    rollback,
    send_now,
    start_failed,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
)
from tests.domain.world import running, waiting


def test_d01_a_prompt_that_was_refused_as_busy_does_not_run_later() -> None:
    past = given(submit("A"))
    past.when(submit("B")).refused(ThreadBusy)
    world = past.world()
    with pytest.raises(ThreadBusy):
        submit("B")(world)
    complete("A")(world)
    assert running(world) is None
    assert waiting(world) == []


def test_d02_a_refused_steer_does_not_stay_in_the_inbox() -> None:
    deaf = given(submit("A"), settings=ThreadSettings(steerable=False))
    for past, step, error in [
        (given(), steer("S", "A"), TurnNotActive),
        (given(submit("A"), complete("A")), steer("S", "A"), TurnNotActive),
        (given(compact()), steer("S", "compaction"), TurnNotSteerable),
        (given(compact()), steer("S"), TurnNotSteerable),
        (deaf, steer("S", "A"), TurnNotSteerable),
        (deaf, steer("S"), TurnNotSteerable),
    ]:
        past.when(step).refused(error)
        assert waiting(past.world()) == []


def test_d03_the_end_of_a_drain_does_not_forget_the_boundary() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"), queue("C"), stop("A"))
    world = past.world()
    assert (running(world), waiting(world)) == ("C", ["B held"])
    complete("C")(world)
    assert (running(world), waiting(world)) == (None, ["B held"])
    submit("D")(world)
    complete("D")(world)
    assert (running(world), waiting(world)) == (None, ["B held"])


def test_d04_an_interrupt_that_names_the_wrong_turn_or_none_leaves_the_queue_alone() -> None:
    past = given(submit("Z"), complete("Z"), submit("A"), queue("B"))
    policies: list[QueuePolicy] = ["hold", "continue", "discard"]
    for policy in policies:
        for wrong in ("Z", "turn_9"):
            past.when(interrupt(wrong, policy)).refused(TurnNotActive)
    world = past.world()
    with pytest.raises(TurnNotActive):
        interrupt("Z", "discard")(world)
    complete("A")(world)
    assert running(world) == "B"


def test_d05_after_an_interrupt_the_queue_runs_or_comes_back_and_is_not_one_behind() -> None:
    world = given(
        submit("A"), queue("B"), queue("C"), interrupt("A", "continue"), stop("A")
    ).world()
    assert (running(world), waiting(world)) == ("B", ["C pending"])
    queue("D")(world)
    complete("B")(world)
    assert (running(world), waiting(world)) == ("C", ["D pending"])
    complete("C")(world)
    complete("D")(world)
    assert (running(world), waiting(world)) == (None, [])

    held = given(submit("A"), queue("B"), queue("C"), interrupt("A", "hold"), stop("A")).world()
    outcome = submit("D")(held)
    assert outcome.admission is not None
    assert outcome.admission.held == 2  # a new prompt may overtake, but says whom
    complete("D")(held)
    release()(held)
    assert (running(held), waiting(held)) == ("B", ["C pending"])


def test_d06_promotion_records_and_events_are_one_append() -> None:
    for past, command in [
        (given(), submit("A")),
        (given(submit("A"), queue("B"), start_item("A")), fail("A")),
        (given(submit("A"), queue("B")), interrupt("A", "discard")),
        (given(submit("A"), steer("S"), steer("T")), take_steers("A")),
        (given(submit("A"), complete("A")), edit("B")),
        (given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A")), release()),
    ]:
        world = past.world()
        appends, events = world.log.appends, len(world.history())
        command(world)
        assert world.log.appends == appends + 1
        assert len(world.history()) > events + 1
        check(world)


def test_d06_a_store_that_fails_leaves_nothing_behind_and_the_command_can_come_again() -> None:
    world = given(submit("A"), queue("B")).world()
    before, state = world.history(), world.threads.remembered("thr_1")

    def power_cut() -> None:
        raise ConnectionError("power cut")

    world.log.before_append = power_cut
    with pytest.raises(ConnectionError):
        complete("A")(world)
    assert world.history() == before
    assert world.threads.remembered("thr_1") == state
    assert complete("A")(world).started_turn_id == world.turn("B")


def test_d07_a_turn_that_fails_to_start_does_not_drop_the_follow_up() -> None:
    given(submit("A"), queue("B")).when(start_failed("A")).then(
        "turn.completed A failed 'no engine'", *runs("B")
    )
    given(submit("A"), steer("S"), queue("B")).when(start_failed("A")).then(
        "turn.completed A failed 'no engine'", *runs("S")
    )


def test_d08_a_steer_accepted_while_the_turn_is_ending_is_answered() -> None:
    """The engine is done, a steer comes in, and only then the end is recorded."""
    world = given(submit("A")).world()
    world.log.before_append = lambda: steer("S", "A")(world)
    with pytest.raises(Refused):
        complete("A")(world)
    assert waiting(world) == ["S pending"]
    take_steers("A")(world)
    complete("A")(world)
    assert waiting(world) == []
    # And the other way round: the end came first, so the steer is refused or runs on its own.
    other = given(submit("A")).world()
    other.log.before_append = lambda: complete("A")(other)
    with pytest.raises(TurnNotActive):
        steer("S", "A")(other)
    free = given(submit("A")).world()
    free.log.before_append = lambda: complete("A")(free)
    steer("S")(free)
    assert running(free) == "S"


def test_d09_ids_carry_enough_chance_and_an_id_is_never_used_again() -> None:
    world = given(submit("A"), *[record_item("A")] * 50).world()
    begun = [e.event.item_id for e in world.history() if isinstance(e.event, ItemStarted)]
    assert len(set(begun)) == 51
    assert all(len(item_id.removeprefix("item_")) == 32 for item_id in begun)
    # A prompt's id is its command's: it cannot come in a second time, so it replaces nothing.
    given(submit("A"), queue("B")).when(queue("B")).answers()


def test_d10_editing_the_last_turn_is_in_the_log() -> None:
    world = given(submit("A"), complete("A"), edit("B"), complete("B"), rollback()).world()
    world.crash()
    assert [turn.turn_id for turn in world.service.thread("thr_1").context] == []
    assert [e.event.name for e in world.history()].count("thread.rolled_back") == 2


def test_d11_two_queued_prompts_both_run() -> None:
    world = given(submit("A"), queue("B"), queue("C")).world()
    for name, following in [("A", "B"), ("B", "C"), ("C", None)]:
        assert running(world) == name
        complete(name)(world)
        assert running(world) == following


def test_d12_two_submits_that_race_on_an_idle_thread_are_not_both_promoted() -> None:
    world = given().world()
    world.log.before_append = lambda: submit("B")(world)
    with pytest.raises(ThreadBusy):
        submit("A")(world)
    assert (running(world), waiting(world)) == ("B", [])

    queued = given().world()
    queued.log.before_append = lambda: queue("B")(queued)
    outcome = queue("A")(queued)
    assert outcome.admission is not None
    assert outcome.admission.state == "pending"
    assert (running(queued), waiting(queued)) == ("B", ["A pending"])
    check(queued)


def test_d13_who_hears_of_the_end_finds_the_slot_free() -> None:
    world = given(submit("A")).world()
    complete("A")(world)
    end = world.history()[-1]
    assert end.event.name == "turn.completed"
    assert world.state(upto_seq=end.seq).turn is None
    assert submit("B")(world).started_turn_id == world.turn("B")


def test_d14_a_compaction_drains_however_it_ends() -> None:
    ends: list[Step] = [
        complete("compaction"),
        fail("compaction"),
        stop("compaction"),
        start_failed("compaction"),
        recover("compaction"),
    ]
    for end in ends:
        world = given(compact(), queue("B"), end).world()
        assert running(world) == "B"


def test_d16_a_lost_turn_is_ended_by_an_event_and_a_live_one_is_not_ended_by_a_restart() -> None:
    given(submit("A"), queue("B")).when(recover("A")).then(
        "turn.completed A interrupted 'worker lost'", *runs("B")
    )
    world = given(submit("A")).world()
    before = world.history()
    world.crash()
    assert world.service.thread("thr_1").turn is not None
    assert world.history() == before


def test_d18_a_stop_does_not_outlive_its_turn() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "continue"), stop("A"))
    turn = past.world().state().turn
    assert turn is not None
    assert turn.interrupt is None
    given(*past.steps, steer("S")).when(take_steers("B")).then(*steers("S", "B"))
    # A retry of the stop, or a late one, names the old turn and does not touch the new one.
    given(*past.steps).when(interrupt("A", "continue")).answers()
    given(*past.steps).when(interrupt("A", "discard", "cmd_late")).refused(TurnNotActive)
    # The first interrupt of the new turn is a first one: it need not be stricter than the last.
    given(*past.steps).when(interrupt("B", "continue")).then("turn.interrupt_requested B continue")


def test_d19_a_restored_queue_does_not_run_inside_an_unrelated_turn() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"), submit("C"), release())
    past.when(take_steers("C")).answers()
    past.when(complete("C")).then("turn.completed C completed", *runs("B"))


def test_d20_a_call_that_was_cut_short_is_closed() -> None:
    ends: list[Step] = [stop("A"), fail("A"), complete("A"), recover("A"), start_failed("A")]
    for end in ends:
        world = given(
            submit("A"), start_item("A"), start_item("A", "command_execution"), end
        ).world()
        begun = [e.event.item_id for e in world.history() if isinstance(e.event, ItemStarted)]
        ended = [
            getattr(e.event, "item_id", "")
            for e in world.history()
            if e.event.name in {"item.completed", "item.failed", "item.interrupted"}
        ]
        assert sorted(begun) == sorted(ended)


def test_d05_a_held_queue_survives_the_archive() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"), archive())
    assert waiting(past.world()) == ["B held"]


def test_d04_send_now_stops_what_runs_and_nothing_else() -> None:
    world = given(submit("A"), queue("B"), send_now("X", "continue"), stop("A")).world()
    assert (running(world), waiting(world)) == ("X", ["B pending"])
    turn = world.state().turn
    assert turn is not None
    assert turn.interrupt is None
