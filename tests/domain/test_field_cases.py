"""Schedules from other runtimes' trackers, by their number in the collection.

Where users disagree about what should happen to the queue, each of their wishes is a policy, and
the schedule runs under all three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from domain.errors import (
    CommandConflict,
    InvalidArgument,
    NothingHeld,
    SteersPending,
    ThreadBusy,
    TurnNotActive,
)
from domain.events.item import ItemStarted
from domain.options import QueuePolicy
from tests.domain.given import given, runs, steers
from tests.domain.steps import (
    Step,
    compact,
    complete,
    fail,
    interrupt,
    queue,
    recover,
    release,
    send_now,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
)
from tests.domain.world import THREAD, running, waiting


@dataclass(frozen=True)
class After:
    """What runs and what waits once the interrupted turn has stopped."""

    runs: str | None
    waits: tuple[str, ...] = ()


QUEUE_AFTER_INTERRUPT: dict[str, tuple[tuple[Step, ...], dict[QueuePolicy, After]]] = {
    # Users: it starts by itself (1, 7, 10, 13, 14, 20), it waits (8, 11, 16, 17), it is gone (7).
    "1 7 8 10 11 13 14 16 17 20: one queued": (
        (submit("A"), queue("B")),
        {
            "continue": After("B"),
            "hold": After(None, ("B held",)),
            "discard": After(None),
        },
    ),
    # Both are processed (2, 22), both wait for an explicit send (4, 5).
    "2 4 5 22: two queued": (
        (submit("A"), queue("B"), queue("C")),
        {
            "continue": After("B", ("C pending",)),
            "hold": After(None, ("B held", "C held")),
            "discard": After(None),
        },
    ),
    "19: three queued, each in a turn of its own": (
        (submit("A"), queue("B"), queue("C"), queue("D")),
        {
            "continue": After("B", ("C pending", "D pending")),
            "hold": After(None, ("B held", "C held", "D held")),
            "discard": After(None),
        },
    ),
    "53: a steer saved before the stop is bound to it": (
        (submit("A"), queue("B"), steer("S")),
        {
            "continue": After("S", ("B pending",)),
            "hold": After(None, ("B held", "S held")),
            "discard": After(None),
        },
    ),
}


@pytest.mark.parametrize("policy", ["continue", "hold", "discard"])
@pytest.mark.parametrize("case", QUEUE_AFTER_INTERRUPT)
def test_the_queue_after_an_interrupt(case: str, policy: QueuePolicy) -> None:
    steps, expected = QUEUE_AFTER_INTERRUPT[case]
    world = given(*steps, interrupt("A", policy)).world()
    before = waiting(world)
    stop("A")(world)
    assert (running(world), tuple(waiting(world))) == (
        expected[policy].runs,
        expected[policy].waits,
    )
    assert "B pending" not in before or policy == "continue"


@pytest.mark.parametrize("policy", ["continue", "hold", "discard"])
def test_23_a_message_sent_while_stopping_is_dispatched_once_settled(policy: QueuePolicy) -> None:
    past = given(submit("A"), interrupt("A", policy), queue("B"))
    past.when(stop("A")).then("turn.completed A interrupted", *runs("B"))


@pytest.mark.parametrize("policy", ["continue", "hold", "discard"])
def test_11_send_now_interrupts_and_runs_next_under_every_policy(policy: QueuePolicy) -> None:
    past = given(submit("A"), queue("B"), send_now("X", policy))
    past.when(stop("A")).then("turn.completed A interrupted", *runs("X"))


@pytest.mark.parametrize("policy", ["continue", "hold", "discard"])
def test_118_the_prompt_that_interrupts_does_not_wait_for_more_of_the_old_turn(
    policy: QueuePolicy,
) -> None:
    past = given(submit("A"), send_now("B", policy), stop("A"))
    assert running(past.world()) == "B"
    past.when(start_item("A")).refused(TurnNotActive)


def test_4_each_interrupt_with_hold_stops_one_turn_and_starts_none() -> None:
    world = given(submit("A"), queue("B"), queue("C"), interrupt("A", "hold"), stop("A")).world()
    with pytest.raises(TurnNotActive):
        interrupt("B", "hold")(world)
    assert waiting(world) == ["B held", "C held"]


def test_25_an_interrupt_of_an_idle_session_does_not_poison_the_next_prompt() -> None:
    past = given()
    past.when(interrupt("A")).refused(TurnNotActive)
    world = past.world()
    submit("A")(world)
    turn = world.state().turn
    assert turn is not None
    assert turn.interrupt is None


def test_26_an_ended_turn_is_not_interrupted_again_and_again() -> None:
    past = given(submit("A"), interrupt("A"), stop("A"))
    for number in range(3):
        past.when(interrupt("A", "discard", f"cmd_{number}")).refused(TurnNotActive)


def test_28_a_late_abort_does_not_cancel_a_later_turn() -> None:
    past = given(submit("A"), interrupt("A"), stop("A"), submit("B"))
    past.when(interrupt("A", "discard", "cmd_late")).refused(TurnNotActive)


def test_29_a_second_interrupt_is_answered() -> None:
    given(submit("A"), interrupt("A")).when(interrupt("A", None, "cmd_2")).answers()


def test_31_an_interrupt_does_not_wait_behind_the_running_turn() -> None:
    past = given(submit("A"), queue("B"), start_item("A"))
    past.when(interrupt("A", "continue")).then("turn.interrupt_requested A continue")


@pytest.mark.parametrize("end", [complete, fail, stop, recover])
def test_32_34_an_admitted_prompt_is_promoted_at_the_end_of_the_turn(
    end: Callable[[str], Step],
) -> None:
    assert running(given(submit("A"), queue("B"), end("A")).world()) == "B"


def test_35_a_queued_prompt_does_not_enter_the_running_turn() -> None:
    given(submit("A"), queue("B")).when(take_steers("A")).answers()


def test_37_a_steer_does() -> None:
    given(submit("A"), steer("B")).when(take_steers("A")).then(*steers("B", "A"))


def test_38_40_41_one_turn_a_message_first_in_first_out() -> None:
    world = given(submit("A"), queue("B"), queue("C"), complete("A"), queue("D")).world()
    order = []
    while (name := running(world)) is not None:
        order.append(name)
        complete(name)(world)
    assert order == ["B", "C", "D"]


def test_43_82_98_a_turn_that_lost_its_process_is_closed_and_the_next_prompt_runs() -> None:
    past = given(submit("A"), queue("B"))
    past.when(recover("A")).then("turn.completed A interrupted 'worker lost'", *runs("B"))
    given(submit("A"), recover("A")).when(submit("B")).then("prompt.admitted B queue", *runs("B"))


def test_44_after_a_restart_nothing_waits_beside_a_free_slot() -> None:
    world = given(submit("A"), queue("B")).world()
    world.crash()
    complete("A")(world)
    world.crash()
    assert running(world) == "B"


def test_46_47_49_50_failures_hold_the_queue_and_a_release_gets_out() -> None:
    past = given(submit("A"), queue("B"), queue("C"), queue("D"), queue("E"), fail("A"), fail("B"))
    held = given(*past.steps, fail("C"))
    assert waiting(held.world()) == ["D held", "E held"]
    held.when(release()).then("queue.released D E", *runs("D"))
    held.when(submit("F")).then("prompt.admitted F queue held=2", *runs("F"))
    assert waiting(given(*held.steps, release(), complete("D"), complete("E")).world()) == []


def test_47_a_recovered_turn_proves_nothing() -> None:
    past = given(submit("A"), *map(queue, "BCDE"), fail("A"), fail("B"), recover("C"))
    past.when(fail("D")).then("turn.completed D failed 'boom'", "queue.held E failures of D")


def test_52_a_steer_is_not_overtaken_by_a_later_message() -> None:
    past = given(submit("A"), steer("S"), queue("C"))
    past.when(fail("A")).then("turn.completed A failed 'boom'", *runs("S"))
    past.when(complete("A")).refused(SteersPending)


def test_55_the_order_after_a_restart_is_the_one_before() -> None:
    world = given(submit("A"), queue("B"), steer("S"), fail("A")).world()
    live = world.state()
    world.crash()
    assert world.service.thread(THREAD) == live
    assert running(world) == "S"


def test_58_59_61_a_steer_during_the_last_drain_is_consumed_or_refused() -> None:
    past = given(submit("A"), take_steers("A"), steer("S"))
    past.when(complete("A")).refused(SteersPending)
    past.when(take_steers("A")).then(*steers("S", "A"))


def test_62_a_stale_client_hears_in_a_code_that_no_turn_is_active() -> None:
    error = given(submit("A"), complete("A")).when(steer("S", "A")).refused(TurnNotActive)
    assert error.code == "turn_not_active"
    assert error.details["active_turn_id"] is None
    # Or it lets the server decide.
    given(submit("A"), complete("A")).when(steer("S")).then("prompt.admitted S steer", *runs("S"))


def test_64_a_steer_that_waited_is_not_delivered_to_another_turn() -> None:
    world = given(submit("A"), queue("B")).world()
    world.log.before_append = lambda: complete("A")(world)
    with pytest.raises(TurnNotActive):
        steer("S", "A")(world)
    assert running(world) == "B"


def test_65_a_pending_interrupt_counts_as_busy() -> None:
    past = given(submit("A"), send_now("S"))
    past.when(submit("B")).refused(ThreadBusy)


def test_67_a_steer_stays_a_steer() -> None:
    given(submit("A"), queue("B"), start_item("A")).when(steer("S")).then(
        "prompt.admitted S steer for A"
    )


def test_68_79_a_steer_is_shown_once_and_gone_once_consumed() -> None:
    past = given(submit("A"), steer("S"), take_steers("A"))
    assert waiting(past.world()) == []
    past.when(take_steers("A")).answers()


def test_70_a_queued_message_and_an_interrupt_leave_no_prompt_without_a_turn() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "continue"))
    past.when(stop("A")).then("turn.completed A interrupted", *runs("B"))


def test_71_a_restored_queue_runs_at_once_or_is_held_and_never_smuggled() -> None:
    past = given(submit("A"), queue("B"), recover("A"))
    past.when(submit("C")).refused(ThreadBusy)
    assert running(past.world()) == "B"
    past.when(take_steers("B")).answers()


def test_73_74_a_claim_and_its_start_are_one() -> None:
    """No crash can fall between taking a prompt out of the queue and starting its turn."""
    world = given(submit("A"), queue("B"), complete("A")).world()
    promoted = [e for e in world.history() if e.event.name == "prompt.promoted"][-1]
    started = world.history()[promoted.seq]
    assert started.event.name == "turn.started"
    assert started.event.command_id == promoted.event.command_id


def test_77_97_an_interrupted_turn_is_recorded_with_what_it_had_begun() -> None:
    given(submit("A"), start_item("A"), interrupt("A")).when(stop("A")).then(
        "item.interrupted A tool_call 'the turn was interrupted'", "turn.completed A interrupted"
    )


def test_80_a_restart_does_not_resurrect_a_cancelled_turn() -> None:
    world = given(submit("A"), interrupt("A"), stop("A")).world()
    world.crash()
    assert running(world) is None


def test_83_a_turn_s_end_has_one_owner() -> None:
    past = given(submit("A"), queue("B"), complete("A"))
    past.when(recover("A")).refused(TurnNotActive)


def test_86_95_two_starts_at_once_make_one_turn() -> None:
    world = given().world()
    world.log.before_append = lambda: submit("B")(world)
    with pytest.raises(ThreadBusy):
        submit("A")(world)
    assert len([e for e in world.history() if e.event.name == "turn.started"]) == 1


def test_88_a_lost_answer_can_be_asked_for_again() -> None:
    given(submit("A")).when(submit("A")).answers()


def test_89_the_same_key_with_another_body_is_a_conflict() -> None:
    given(submit("A")).when(submit("A", text="other")).refused(CommandConflict)


def test_91_a_receipt_of_another_thread_is_no_success() -> None:
    world = given(submit("A")).world()
    world.service.create(thread_id="thr_2")
    with pytest.raises(CommandConflict):
        submit("A", thread_id="thr_2")(world)


def test_92_ids_of_prompts_and_of_commands_are_kept_apart() -> None:
    world = given(submit("A")).world()
    with pytest.raises(InvalidArgument):
        world.service.interrupt(THREAD, world.turn("A"), command_id="inp_A")
    with pytest.raises(InvalidArgument):
        world.service.submit(THREAD, "B", input_id="cmd_1")


def test_94_an_ended_turn_writes_no_more() -> None:
    past = given(submit("A"), interrupt("A"), stop("A"), submit("B"))
    past.when(start_item("A")).refused(TurnNotActive)


def test_103_104_what_is_queued_during_a_compaction_runs_after_it() -> None:
    past = given(compact(), queue("B"), queue("C"))
    past.when(complete("compaction")).then("turn.completed compaction completed", *runs("B"))


def test_14_16_a_hold_is_no_trap() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"))
    past.when(release()).then("queue.released B", *runs("B"))
    past.when(submit("C")).then("prompt.admitted C queue held=1", *runs("C"))
    given(submit("A"), queue("B")).when(release()).refused(NothingHeld)


def test_56_a_retry_is_bound_to_its_own_prompt() -> None:
    world = given(submit("A"), queue("B"), complete("A"), fail("B")).world()
    assert submit("A")(world).repeated
    assert queue("B")(world).repeated
    assert running(world) is None
    begun = [e.event.input_id for e in world.history() if isinstance(e.event, ItemStarted)]
    assert begun == ["inp_A", "inp_B"]


def test_85_an_answer_to_an_older_turn_does_not_end_a_newer_one() -> None:
    past = given(submit("A"), stop("A"), submit("B"))
    for late in (complete, fail, recover):
        past.when(late("A")).refused(TurnNotActive)
