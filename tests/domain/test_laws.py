"""Each law on a schedule of its own.

L12's read models, L14's leases and L17's views have their tests beside what they are about.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from domain.errors import (
    CommandConflict,
    InterruptRequested,
    Refused,
    SteersPending,
    ThreadBusy,
    TurnNotActive,
)
from domain.events.base import TurnEvent
from domain.events.prompt import PromptAdmitted, PromptPromoted
from domain.events.turn import TurnInterruptRequested
from domain.laws import LAWS, violations
from domain.options import QueuePolicy, SettingsChange, ThreadSettings
from domain.thread import FAILURES_BEFORE_HOLD
from tests.domain.given import given, runs, steers
from tests.domain.steps import (
    Step,
    archive,
    compact,
    complete,
    edit,
    fail,
    interrupt,
    queue,
    recover,
    release,
    rollback,
    send_now,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
    withdraw,
)
from tests.domain.world import THREAD, World, running, waiting

ENDS = [complete, fail, stop, recover]


def test_l01_while_a_turn_is_active_nothing_starts_another() -> None:
    past = given(submit("A"), queue("B"))
    for step in [submit("C"), compact(), edit("C"), rollback()]:
        past.when(step).refused(ThreadBusy)
    for step in [queue("C"), steer("S"), send_now("X"), interrupt("A"), withdraw("B")]:
        world = past.world()
        step(world)
        assert running(world) == "A"


def test_l01_a_turn_has_one_end() -> None:
    for first in ENDS:
        for second in ENDS:
            past = given(submit("A"), first("A"))
            if first is not second or first is recover:
                past.when(second("A")).refused(TurnNotActive)


def test_l02_a_prompt_is_in_one_state_after_every_prefix() -> None:
    steps = [submit("A"), queue("B"), queue("C"), steer("S"), interrupt("A", "hold"), stop("A")]
    world = given(*steps, withdraw("C"), release(), complete("B"), complete("S")).world()
    for seq in world.ends():
        thread = world.state(upto_seq=seq)
        names = [prompt.input_id for prompt in thread.inbox]
        assert len(set(names)) == len(names)
        assert thread.turn is None or thread.turn.input_id not in names


def test_l02_promoted_and_withdrawn_are_final() -> None:
    past = given(submit("A"), queue("B"), withdraw("B"), steer("S"), take_steers("A"))
    for name in "ABS":
        for step in (withdraw(name), release(name)):
            world = past.world()
            before = world.history()
            with contextlib.suppress(Refused):
                step(world)
            assert world.history() == before


def test_l03_queued_prompts_run_in_admission_order() -> None:
    names = "BCDEF"
    world = given(submit("A"), *map(queue, names)).world()
    order = []
    while (name := running(world)) is not None:
        order.append(name)
        complete(name)(world)
    assert order == ["A", *names]


def test_l03_whatever_happens_between_does_not_change_the_order() -> None:
    world = given(
        submit("A"),
        queue("B"),
        steer("S"),
        queue("C"),
        take_steers("A"),
        interrupt("A", "hold"),
        queue("D"),
        release(),
        stop("A"),
        queue("E"),
        withdraw("C"),
        fail("B"),
    ).world()
    assert (running(world), waiting(world)) == ("D", ["E pending"])


def test_l04_a_held_prompt_does_not_run_by_any_way_but_release() -> None:
    held = (submit("A"), queue("B"), interrupt("A", "hold"), stop("A"))
    others: list[tuple[Step, ...]] = [
        (submit("C"), complete("C")),
        (submit("C"), queue("D"), complete("C"), complete("D")),
        (compact(), complete("compaction")),
        (submit("C"), interrupt("C", "continue"), stop("C")),
        (edit("C"), complete("C"), rollback()),
        (submit("C"), send_now("X", "continue"), stop("C"), complete("X")),
        (submit("C"), take_steers("C"), recover("C")),
    ]
    for steps in others:
        world = given(*held, *steps).world()
        world.crash()
        assert (running(world), waiting(world)) == (None, ["B held"])
        release()(world)
        assert running(world) == "B"


def test_l04_a_prompt_admitted_after_the_interrupt_is_not_claimed() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"), queue("C"), steer("S"))
    assert waiting(past.world()) == ["B held", "C pending", "S pending"]
    past.when(stop("A")).then("turn.completed A interrupted", *runs("S"))


def test_l04_an_add_in_flight_is_on_one_side_of_the_boundary() -> None:
    """Field case 76: whichever append comes first decides."""
    world = given(submit("A")).world()
    world.log.before_append = lambda: interrupt("A", "hold")(world)
    queue("B")(world)
    assert waiting(world) == ["B pending"]
    other = given(submit("A")).world()
    other.log.before_append = lambda: queue("B")(other)
    interrupt("A", "hold")(other)
    assert waiting(other) == ["B held"]


@pytest.mark.parametrize("end", ENDS)
def test_l05_a_free_slot_has_no_pending_prompt(end: Callable[[str], Step]) -> None:
    steps = [submit("A"), queue("B"), steer("S"), interrupt("A", "continue"), queue("C")]
    world = given(*steps).world()
    order = []
    while (name := running(world)) is not None:
        order.append(name)
        try:
            end(name)(world)
        except SteersPending:
            stop(name)(world)
        world.crash()  # promotion is a function of folded state and needs no memory
    # The third failure in a row holds the last one (L16); any other end runs them all.
    assert (order, waiting(world)) == (
        (["A", "S", "B"], ["C held"]) if end is fail else (["A", "S", "B", "C"], [])
    )


def test_l06_a_steer_goes_into_the_turn_it_was_meant_for_and_that_cannot_complete_over_it() -> None:
    past = given(submit("A"), queue("B"), steer("S"))
    past.when(complete("A")).refused(SteersPending)
    past.when(take_steers("A")).then(*steers("S", "A"))


def test_l06_steers_that_missed_their_turn_are_the_next_one_s_input_ahead_of_the_queue() -> None:
    past = given(submit("A"), queue("B"), steer("S"), steer("T"))
    past.when(fail("A")).then("turn.completed A failed 'boom'", *runs("S"))
    after = given(*past.steps, fail("A"))
    after.when(take_steers("S")).then(*steers("T", "S"))
    after.when(complete("S")).refused(SteersPending)


def test_l06_unless_the_interrupt_claimed_them() -> None:
    past = given(submit("A"), queue("B"), steer("S"), interrupt("A", "hold"), release())
    past.when(stop("A")).then("turn.completed A interrupted", *runs("B"))


@pytest.mark.parametrize(
    "refused",
    [
        submit("C"),
        steer("S", "turn_9"),
        interrupt("turn_9"),
        complete("A"),
        release(),
        withdraw("A"),
        compact(),
        edit("C"),
        rollback(),
        archive(),
        submit("C", "queue", text=" "),
        submit("A", text="another"),
    ],
)
def test_l07_a_rejected_command_leaves_no_trace(refused: Step) -> None:
    world = given(submit("A"), queue("B"), steer("T")).world()
    before, state = world.log.entries[:], world.state()
    for _ in range(2):
        with pytest.raises(Refused):
            refused(world)
        world.crash()
    assert world.log.entries == before
    take_steers("A")(world)
    complete("A")(world)
    assert running(world) == "B"
    assert state.inbox  # the thread went on as if nothing had been asked


@pytest.mark.parametrize("policy", ["hold", "continue", "discard"])
def test_l08_after_an_interrupt_no_steer_is_promoted_into_that_turn(policy: QueuePolicy) -> None:
    past = given(submit("A"), steer("S"), interrupt("A", policy), steer("T"))
    past.when(take_steers("A")).refused(InterruptRequested)


def test_l08_a_boundary_and_an_interrupt_that_race_go_one_way_or_the_other() -> None:
    world = given(submit("A"), steer("S")).world()
    world.log.before_append = lambda: interrupt("A", "continue")(world)
    with pytest.raises(InterruptRequested):
        take_steers("A")(world)
    assert waiting(world) == ["S pending"]


def test_l08_an_interrupt_of_one_turn_never_touches_another() -> None:
    """Field cases 28 and 85: the abort of A arrives when B runs."""
    world = given(submit("A"), queue("B")).world()
    late = world.turn("A")
    complete("A")(world)
    with pytest.raises(TurnNotActive):
        world.service.interrupt(THREAD, late, queued="discard")
    turn = world.state().turn
    assert turn is not None
    assert turn.interrupt is None


def test_l09_a_finished_turn_gets_no_further_event() -> None:
    for end in ENDS:
        past = given(submit("A"), start_item("A"), end("A"))
        ended = past.world().turn("A")
        late: list[Step] = [
            take_steers("A"),
            interrupt("A"),
            start_item("A"),
            lambda world: world.service.end_item(THREAD, world.turn("A"), "item_1"),
            lambda world: world.service.record_item(THREAD, world.turn("A"), "status", "s"),
        ]
        for step in late:
            past.when(step).refused(TurnNotActive)
        last = [
            entry.event.name
            for entry in past.world().history()
            if isinstance(entry.event, TurnEvent) and entry.event.turn_id == ended
        ][-1]
        assert last == "turn.completed"


def test_l10_a_retry_is_answered_after_a_crash_a_withdrawal_and_a_rollback() -> None:
    world = given(submit("A"), queue("B")).world()
    first_b = queue("B")(world)
    withdraw("B")(world)
    first_a = submit("A")(world)
    complete("A")(world)
    rollback()(world)
    before = world.log.entries[:]
    for _ in range(2):
        assert (submit("A")(world), queue("B")(world)) == (first_a, first_b)
        world.crash()
    with pytest.raises(CommandConflict):
        submit("A", text="other")(world)
    assert world.log.entries == before


def test_l11_a_new_prompt_to_an_idle_thread_runs_at_once_and_hears_how_many_are_held() -> None:
    past = given(submit("A"), queue("B"), queue("C"), interrupt("A", "hold"), stop("A"))
    outcome = past.when(submit("D")).then("prompt.admitted D queue held=2", *runs("D"))
    assert outcome.admission is not None
    assert outcome.admission.held == 2


def test_l13_admitted_and_promoted_seq_are_those_of_their_events() -> None:
    world = given(submit("A"), queue("B")).world()
    admission = queue("B")(world).admission
    assert admission is not None
    by_seq = {entry.seq: entry.event for entry in world.history()}
    assert isinstance(by_seq[admission.admitted_seq], PromptAdmitted)
    complete("A")(world)
    direct = submit("C", "queue")(world).admission
    assert direct is not None
    (promoted,) = [
        entry.seq
        for entry in world.history()
        if isinstance(entry.event, PromptPromoted) and entry.event.input_id == "inp_B"
    ]
    assert admission.admitted_seq < promoted < direct.admitted_seq


def test_l13_a_thread_numbers_its_own_events_and_its_turns_together() -> None:
    world = given(submit("A"), queue("B"), complete("A"), complete("B")).world()
    assert [entry.seq for entry in world.history()] == list(range(1, len(world.history()) + 1))
    versions: dict[str, list[int]] = {}
    for entry in world.history():
        versions.setdefault(entry.event.stream_id, []).append(entry.version)
    assert len(versions) == 3
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())


@pytest.mark.parametrize("policy", ["hold", "continue", "discard"])
def test_l15_what_an_interrupt_does_to_the_queue_is_in_its_event(policy: QueuePolicy) -> None:
    settings = ThreadSettings(queue_on_interrupt=policy)
    for past in (
        given(submit("A"), interrupt("A", policy)),
        given(submit("A"), interrupt("A"), settings=settings),
    ):
        (event,) = [
            e.event for e in past.world().history() if isinstance(e.event, TurnInterruptRequested)
        ]
        assert event.queued == policy


def test_l15_hold_is_the_default() -> None:
    given(submit("A"), queue("B")).when(interrupt("A")).then(
        "turn.interrupt_requested A hold", "queue.held B interrupt of A"
    )


def test_l15_a_setting_of_today_does_not_change_an_interrupt_of_yesterday() -> None:
    world = given(submit("A"), queue("B"), interrupt("A"), stop("A")).world()
    world.service.update(THREAD, settings=SettingsChange(queue_on_interrupt="continue"))
    assert waiting(world) == ["B held"]


def test_l16_a_failing_engine_does_not_eat_the_queue() -> None:
    """Field case 47: an outage drained 35 turns in 83 seconds."""
    names = "BCDEFGHIJ"
    world = given(submit("A"), *map(queue, names)).world()
    failed = 0
    while (name := running(world)) is not None:
        fail(name)(world)
        failed += 1
    assert failed == FAILURES_BEFORE_HOLD
    assert waiting(world) == [f"{name} held" for name in names[FAILURES_BEFORE_HOLD - 1 :]]
    release()(world)
    assert running(world) == "D"


def test_l17_a_hold_has_ways_out() -> None:
    held = (submit("A"), queue("B"), queue("C"), interrupt("A", "hold"), stop("A"))
    ways: dict[str, tuple[Step, ...]] = {
        "release": (release(), complete("B"), complete("C")),
        "release one by one": (release("C"), complete("C"), release("B"), complete("B")),
        "withdraw": (withdraw("B"), withdraw("C")),
        "discard": (submit("D"), interrupt("D", "discard"), stop("D")),
    }
    for steps in ways.values():
        world = given(*held, *steps).world()
        assert (running(world), waiting(world)) == (None, [])


def test_l18_a_prompt_is_promoted_before_its_text_is_anywhere_in_a_turn() -> None:
    world = given(submit("A", text="a-text"), steer("S", text="s-text"), take_steers("A")).world()
    for name in "AS":
        texts = [
            entry.seq
            for entry in world.history()
            if isinstance(entry.event, TurnEvent) and f"{name.lower()}-text" in str(entry.event)
        ]
        (promoted,) = [
            entry.seq
            for entry in world.history()
            if isinstance(entry.event, PromptPromoted) and entry.event.input_id == f"inp_{name}"
        ]
        assert promoted < min(texts)


def test_each_law_that_one_history_can_show_has_a_predicate() -> None:
    stated = {name.split()[0] for name in LAWS}
    elsewhere = {"L7", "L14", "L17"}  # L17's number of held prompts is seen to by L11's
    assert stated | elsewhere == {f"L{number}" for number in range(1, 19)}


def test_an_empty_history_breaks_no_law() -> None:
    assert violations([]) == []
    assert violations(World().history()) == []
