"""What an interrupt does, and to whom.

Users do not agree on what should become of the queue; each of their wishes is a policy of L15, so
a schedule runs under all three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import pytest

from domain.errors import ThreadBusy, ThreadIsArchived, TurnNotActive
from domain.events.turn import TurnInterruptRequested
from domain.options import QueuePolicy
from domain.outcome import Withdrawn
from tests.domain.given import given, runs
from tests.domain.steps import (
    Step,
    archive,
    complete,
    fail,
    interrupt,
    queue,
    release,
    send_now,
    start_item,
    steer,
    stop,
    submit,
)
from tests.domain.world import running, waiting

every_policy = pytest.mark.parametrize("policy", get_args(QueuePolicy))


@dataclass(frozen=True)
class After:
    """What runs and what waits once the interrupted turn has stopped."""

    runs: str | None
    waits: tuple[str, ...] = ()


def after_interrupt(policy: QueuePolicy, *past: Step) -> After:
    """An interrupt of A with that past, and what it came to; asked for in its event."""
    world = given(*past, interrupt("A", policy)).world()
    [asked] = [e.event for e in world.history() if isinstance(e.event, TurnInterruptRequested)]
    assert asked.queued == policy
    stop("A")(world)
    return After(running(world), tuple(waiting(world)))


@every_policy
def test_1_7_8_10_11_13_14_16_17_20_what_waited_runs_or_stays_or_comes_back(
    policy: QueuePolicy,
) -> None:
    """Wanted: it runs (1, 7, 10, 13, 14, 20), it stays (8, 11, 16, 17), it comes back (7)."""
    expected = {"continue": After("B"), "hold": After(None, ("B held",)), "discard": After(None)}
    assert after_interrupt(policy, submit("A"), queue("B")) == expected[policy]


@every_policy
def test_2_4_5_22_all_of_what_waited_runs_or_stays_or_comes_back(policy: QueuePolicy) -> None:
    """Wanted: both run (2, 22); both wait until somebody says so (4, 5)."""
    expected = {
        "continue": After("B", ("C pending",)),
        "hold": After(None, ("B held", "C held")),
        "discard": After(None),
    }
    assert after_interrupt(policy, submit("A"), queue("B"), queue("C")) == expected[policy]


def test_7_10_what_is_discarded_comes_back_as_text_for_an_editor() -> None:
    outcome = (
        given(submit("A"), queue("B"), queue("C"))
        .when(interrupt("A", "discard"))
        .then(
            "turn.interrupt_requested A discard",
            "prompt.withdrawn B interrupt",
            "prompt.withdrawn C interrupt",
        )
    )
    assert outcome.withdrawn == (Withdrawn("inp_B", "B"), Withdrawn("inp_C", "C"))


def test_1_2_22_one_interrupt_that_continues_brings_all_of_them_to_run() -> None:
    world = given(
        submit("A"), queue("B"), queue("C"), interrupt("A", "continue"), stop("A")
    ).world()
    complete("B")(world)
    assert running(world) == "C"
    complete("C")(world)
    assert (running(world), waiting(world)) == (None, [])


def test_4_with_hold_an_interrupt_stops_one_turn_and_starts_none() -> None:
    world = given(submit("A"), queue("B"), queue("C"), interrupt("A", "hold"), stop("A")).world()
    with pytest.raises(TurnNotActive):
        interrupt("B", "hold")(world)
    assert waiting(world) == ["B held", "C held"]


@every_policy
def test_11_send_now_interrupts_and_runs_next_whatever_becomes_of_the_others(
    policy: QueuePolicy,
) -> None:
    past = given(submit("A"), queue("B"), send_now("X", policy))
    assert waiting(past.world())[0] == "X pending", "and is seen to be next"
    past.when(stop("A")).then("turn.completed A interrupted", *runs("X"))


def test_11_a_hold_does_not_outlive_what_it_held() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"), submit("C"))
    past.when(send_now("X", "continue")).then(
        "turn.interrupt_requested C continue", "prompt.admitted X interrupt held=1"
    )
    world = given(*past.steps, send_now("X", "continue"), stop("C")).world()
    queue("Y")(world)
    complete("X")(world)
    assert (running(world), waiting(world)) == ("Y", ["B held"])


def test_13_a_thread_that_is_put_away_runs_nothing() -> None:
    put_away = given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"), archive())
    assert waiting(put_away.world()) == ["B held"]
    put_away.when(release()).refused(ThreadIsArchived)
    given(submit("A"), queue("B")).when(archive()).refused(ThreadBusy)


def test_14_16_17_a_hold_has_a_way_out_and_stops_nothing_new() -> None:
    held = given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"))
    held.when(release()).then("queue.released B", *runs("B"))
    held.when(submit("C")).then("prompt.admitted C queue held=1", *runs("C"))


@every_policy
def test_19_one_interrupt_is_enough_and_each_prompt_gets_its_own_turn(policy: QueuePolicy) -> None:
    past = (submit("A"), queue("B"), queue("C"), queue("D"))
    expected = {
        "continue": After("B", ("C pending", "D pending")),
        "hold": After(None, ("B held", "C held", "D held")),
        "discard": After(None),
    }
    assert after_interrupt(policy, *past) == expected[policy]
    if policy == "continue":
        world = given(*past, interrupt("A", policy), stop("A")).world()
        order = []
        while (name := running(world)) is not None:
            order.append(name)
            complete(name)(world)
        assert order == ["B", "C", "D"]


@every_policy
def test_23_a_message_sent_while_it_stops_runs_once_it_has(policy: QueuePolicy) -> None:
    past = given(submit("A"), interrupt("A", policy), queue("B"))
    past.when(stop("A")).then("turn.completed A interrupted", *runs("B"))


@every_policy
def test_25_an_interrupt_of_nothing_leaves_nothing_behind(policy: QueuePolicy) -> None:
    past = given()
    past.when(interrupt("A", policy)).refused(TurnNotActive)
    world = past.world()
    submit("A")(world)
    turn = world.state().turn
    assert turn is not None
    assert turn.interrupt is None


def test_26_an_interrupt_without_effect_says_so_each_time() -> None:
    past = given(submit("A"), interrupt("A"), stop("A"))
    for number in range(3):
        past.when(interrupt("A", "discard", f"cmd_{number}")).refused(TurnNotActive)


@every_policy
def test_28_a_late_abort_leaves_the_next_turn_and_its_queue_alone(policy: QueuePolicy) -> None:
    past = given(submit("A"), interrupt("A"), stop("A"), submit("B"), queue("C"))
    past.when(interrupt("A", policy, "cmd_late")).refused(TurnNotActive)
    assert waiting(past.world()) == ["C pending"]


def test_29_a_second_interrupt_is_answered() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"))
    past.when(interrupt("A", None, "cmd_2")).answers()
    past.when(interrupt("A", "discard", "cmd_2")).then(
        "turn.interrupt_requested A discard", "prompt.withdrawn B interrupt"
    )


def test_31_an_interrupt_does_not_wait_behind_the_running_turn() -> None:
    past = given(submit("A"), queue("B"), start_item("A"))
    past.when(interrupt("A", "continue")).then("turn.interrupt_requested A continue")


@every_policy
def test_53_a_steer_sent_before_the_stop_goes_the_way_of_the_queue(policy: QueuePolicy) -> None:
    expected = {
        "continue": After("S", ("B pending",)),
        "hold": After(None, ("B held", "S held")),
        "discard": After(None),
    }
    assert after_interrupt(policy, submit("A"), queue("B"), steer("S")) == expected[policy]


def test_53_one_prompt_for_each_end_of_a_turn() -> None:
    past = given(submit("A"), queue("B"), queue("C"))
    past.when(complete("A")).then("turn.completed A completed", *runs("B"))
    # Wanted there: a failure pauses. Here one failure does not (see 46).
    past.when(fail("A")).then("turn.completed A failed 'boom'", *runs("B"))


@every_policy
def test_118_what_the_old_turn_still_says_is_refused_once_the_new_one_runs(
    policy: QueuePolicy,
) -> None:
    past = given(submit("A"), send_now("B", policy), stop("A"))
    assert running(past.world()) == "B"
    past.when(start_item("A")).refused(TurnNotActive)
