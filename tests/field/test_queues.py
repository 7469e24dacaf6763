"""Prompts that wait: who runs next, and what ends, failures and compactions do to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.errors import SteersPending, ThreadBusy, TurnNotActive, TurnNotSteerable
from domain.events.item import ItemStarted
from tests.domain.given import given, runs
from tests.domain.steps import (
    Step,
    compact,
    complete,
    fail,
    interrupt,
    queue,
    recover,
    release,
    start_failed,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
)
from tests.domain.world import World, running, waiting

every_end = pytest.mark.parametrize("end", [complete, fail, stop, recover, start_failed])


def order_of_turns(world: World) -> list[str]:
    """The prompts that get a turn from here on, if every turn completes."""
    order = []
    while (name := running(world)) is not None:
        order.append(name)
        complete(name)(world)
    return order


@every_end
def test_32_34_what_waits_runs_when_the_turn_ends_in_the_same_append(
    end: Callable[[str], Step],
) -> None:
    world = given(submit("A"), queue("B")).world()
    appends = world.log.appends
    end("A")(world)
    assert (running(world), world.log.appends) == ("B", appends + 1)


def test_35_what_is_queued_does_not_enter_the_running_turn() -> None:
    given(submit("A"), queue("B")).when(take_steers("A")).answers()


def test_37_what_steers_does() -> None:
    world = given(submit("A"), steer("B")).world()
    outcome = take_steers("A")(world)
    assert [steered.text for steered in outcome.delivered] == ["B"]


def test_38_40_41_each_in_a_turn_of_its_own_first_in_first_out() -> None:
    world = given(submit("A"), queue("B"), queue("C"), complete("A"), queue("D")).world()
    assert order_of_turns(world) == ["B", "C", "D"]
    openers = [e.event.input_id for e in world.history() if isinstance(e.event, ItemStarted)]
    assert openers == ["inp_A", "inp_B", "inp_C", "inp_D"]


def test_41_no_later_message_gets_between_the_end_of_a_turn_and_what_waits() -> None:
    world = given(submit("A"), queue("B")).world()
    world.log.before_append = lambda: complete("A")(world)
    queue("C")(world)  # decided while A ran, written after its end
    assert order_of_turns(world) == ["B", "C"]
    given(submit("A"), queue("B"), complete("A")).when(submit("C")).refused(ThreadBusy)


@every_end
def test_44_no_end_leaves_a_prompt_waiting_beside_a_free_slot(end: Callable[[str], Step]) -> None:
    world = given(submit("A"), *map(queue, "BCDE")).world()
    for name in "ABC":
        world.crash()
        end(name)(world)
        assert running(world) is not None or not any("pending" in line for line in waiting(world))


def test_46_49_a_limit_costs_at_most_three_turns_and_holds_the_rest_in_order() -> None:
    """Wanted there: it holds after the first. Here two prompts behind A fail as A did."""
    past = given(submit("A"), *map(queue, "BCDE"), fail("A"), fail("B"))
    past.when(fail("C")).then("turn.completed C failed 'boom'", "queue.held D E failures of C")
    held = given(*past.steps, fail("C"))
    assert order_of_turns(held.world()) == []
    held.when(release()).then("queue.released D E", *runs("D"))
    assert order_of_turns(given(*held.steps, release()).world()) == ["D", "E"]


def test_47_a_recovered_turn_proves_nothing_and_a_completed_one_does() -> None:
    past = given(submit("A"), *map(queue, "BCDEF"), fail("A"), fail("B"))
    recovered = given(*past.steps, recover("C"))
    recovered.when(fail("D")).then("turn.completed D failed 'boom'", "queue.held E F failures of D")
    completed = given(*past.steps, complete("C"))
    completed.when(fail("D")).then("turn.completed D failed 'boom'", *runs("E"))


def test_47_an_outage_that_lasts_fails_three_turns_and_no_more() -> None:
    names = [f"{number:02}" for number in range(35)]
    world = given(submit(names[0]), *map(queue, names[1:])).world()
    failed = 0
    while (name := running(world)) is not None:
        fail(name)(world)
        failed += 1
    assert (failed, len(waiting(world))) == (3, 32)


def test_50_after_failures_a_new_prompt_is_not_forced_behind_what_is_held() -> None:
    past = given(submit("A"), *map(queue, "BCD"), fail("A"), fail("B"), fail("C"))
    past.when(submit("E")).then("prompt.admitted E queue held=1", *runs("E"))
    past.when(queue("E")).then("prompt.admitted E queue held=1", *runs("E"))
    world = given(*past.steps, submit("E"), release(), complete("E")).world()
    assert order_of_turns(world) == ["D"]


def test_56_a_retry_is_bound_to_its_own_prompt() -> None:
    world = given(submit("A"), queue("B"), complete("A"), fail("B")).world()
    assert submit("A")(world).repeated
    assert queue("B")(world).repeated
    assert running(world) is None
    begun = [e.event.input_id for e in world.history() if isinstance(e.event, ItemStarted)]
    assert begun == ["inp_A", "inp_B"]


def test_70_a_prompt_and_an_interrupt_at_once_leave_no_prompt_without_a_turn() -> None:
    world = given(submit("A")).world()
    world.log.before_append = lambda: interrupt("A", "continue")(world)
    queue("B")(world)
    stop("A")(world)
    assert running(world) == "B"
    other = given(submit("A")).world()
    other.log.before_append = lambda: queue("B")(other)
    interrupt("A", "continue")(other)
    stop("A")(other)
    assert running(other) == "B"


def test_76_an_interrupt_and_a_prompt_in_flight_have_one_order() -> None:
    world = given(submit("A")).world()
    world.log.before_append = lambda: interrupt("A", "hold")(world)
    queue("B")(world)
    assert waiting(world) == ["B pending"]
    other = given(submit("A")).world()
    other.log.before_append = lambda: queue("B")(other)
    interrupt("A", "hold")(other)
    assert waiting(other) == ["B held"]


def test_83_the_end_of_a_turn_has_one_owner() -> None:
    past = given(submit("A"), queue("B"), complete("A"))
    for again in (recover, fail, stop):
        past.when(again("A")).refused(TurnNotActive)
    race = given(submit("A"), queue("B"), queue("C")).world()
    race.log.before_append = lambda: complete("A")(race)
    with pytest.raises(TurnNotActive):
        recover("A")(race)
    assert (running(race), waiting(race)) == ("B", ["C pending"])


def test_85_an_answer_to_an_older_turn_does_not_end_a_newer_one() -> None:
    past = given(submit("A"), stop("A"), submit("B"))
    for late in (complete, fail, recover, start_failed):
        past.when(late("A")).refused(TurnNotActive)


def test_94_a_turn_that_has_ended_writes_no_more() -> None:
    past = given(submit("A"), interrupt("A"), stop("A"), submit("B"))
    past.when(start_item("A")).refused(TurnNotActive)
    past.when(complete("A")).refused(TurnNotActive)


@every_end
def test_103_what_comes_during_a_compaction_runs_after_it(end: Callable[[str], Step]) -> None:
    world = given(compact(), queue("B"), queue("C")).world()
    end("compaction")(world)
    assert order_of_turns(world) == ["B", "C"]


def test_104_a_steer_for_a_compaction_is_refused_and_not_taken_and_lost() -> None:
    past = given(compact(), queue("B"))
    error = past.when(steer("S")).refused(TurnNotSteerable)
    assert error.code == "turn_not_steerable"
    # Its sender can queue it, with the same id.
    world = given(compact(), queue("B"), queue("S")).world()
    complete("compaction")(world)
    assert order_of_turns(world) == ["B", "S"]


def test_e41_e42_input_recorded_first_keeps_the_turn_from_completing() -> None:
    world = given(submit("A")).world()
    for name in "STU":
        steer(name)(world)
        with pytest.raises(SteersPending):
            complete("A")(world)
        assert len(take_steers("A")(world).delivered) == 1
    complete("A")(world)
    assert running(world) is None
