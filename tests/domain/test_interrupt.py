"""interrupt(turn_id, queued = hold, continue or discard)."""

from __future__ import annotations

import pytest

from domain.errors import TurnNotActive
from domain.options import QueuePolicy, ThreadSettings
from tests.domain.given import Given, Row, given
from tests.domain.steps import (
    compact,
    complete,
    interrupt,
    queue,
    release,
    send_now,
    steer,
    stop,
    submit,
)

BUSY = given(submit("A"), queue("B"), steer("S"), queue("C"))
# D and E are held from an earlier interrupt, A runs, F waits.
HELD = given(
    submit("Z"),
    queue("D"),
    queue("E"),
    interrupt("Z", "hold"),
    stop("Z"),
    submit("A"),
    queue("F"),
)

POLICIES = [
    Row(
        "hold, nothing waits",
        given(submit("A")),
        interrupt("A", "hold"),
        ("turn.interrupt_requested A hold",),
    ),
    Row(
        "hold claims the pending ones, steers too",
        BUSY,
        interrupt("A", "hold"),
        ("turn.interrupt_requested A hold", "queue.held B S C interrupt of A"),
    ),
    Row(
        "hold leaves alone what is held already",
        HELD,
        interrupt("A", "hold"),
        ("turn.interrupt_requested A hold", "queue.held F interrupt of A"),
    ),
    Row(
        "continue claims nothing",
        BUSY,
        interrupt("A", "continue"),
        ("turn.interrupt_requested A continue",),
    ),
    Row(
        "discard withdraws what is pending",
        BUSY,
        interrupt("A", "discard"),
        (
            "turn.interrupt_requested A discard",
            "prompt.withdrawn B interrupt",
            "prompt.withdrawn S interrupt",
            "prompt.withdrawn C interrupt",
        ),
    ),
    Row(
        "discard withdraws what is held, too",
        HELD,
        interrupt("A", "discard"),
        (
            "turn.interrupt_requested A discard",
            "prompt.withdrawn D interrupt",
            "prompt.withdrawn E interrupt",
            "prompt.withdrawn F interrupt",
        ),
    ),
    Row(
        "a compaction",
        given(compact()),
        interrupt("compaction"),
        ("turn.interrupt_requested compaction hold",),
    ),
]

NOT_ACTIVE = [
    Row("an empty thread (25)", given(), interrupt("A"), TurnNotActive),
    Row("an ended turn (28)", given(submit("A"), complete("A")), interrupt("A"), TurnNotActive),
    Row(
        "an ended turn while the next runs",
        given(submit("A"), queue("B"), complete("A")),
        interrupt("A"),
        TurnNotActive,
    ),
    Row("a turn of nowhere, with a queue behind (D4)", BUSY, interrupt("turn_9"), TurnNotActive),
]


@pytest.mark.parametrize("row", POLICIES, ids=str)
def test_what_an_interrupt_claims(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", NOT_ACTIVE, ids=str)
def test_an_interrupt_that_names_no_active_turn(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("policy", ["hold", "continue", "discard"])
def test_the_thread_decides_when_the_command_does_not(policy: QueuePolicy) -> None:
    past = given(submit("A"), settings=ThreadSettings(queue_on_interrupt=policy))
    past.when(interrupt("A")).then(f"turn.interrupt_requested A {policy}")


ORDER: tuple[QueuePolicy, ...] = ("continue", "hold", "discard")
CLAIMS = {
    "continue": (),
    "hold": ("queue.held B interrupt of A",),
    "discard": ("prompt.withdrawn B interrupt",),
}


@pytest.mark.parametrize("first", ORDER)
@pytest.mark.parametrize("second", ORDER)
def test_a_second_interrupt_is_answered_and_may_only_escalate(
    first: QueuePolicy, second: QueuePolicy
) -> None:
    when = given(submit("A"), queue("B"), interrupt("A", first)).when(
        interrupt("A", second, "cmd_second")
    )
    if ORDER.index(second) <= ORDER.index(first):
        when.answers()
    else:
        when.then(f"turn.interrupt_requested A {second}", *CLAIMS[second])


def test_a_third_interrupt_never_goes_back() -> None:
    past = given(submit("A"), interrupt("A", "continue"), interrupt("A", "discard"))
    past.when(interrupt("A", "hold", "cmd_3")).answers()


@pytest.mark.parametrize("first", ORDER)
def test_pressing_stop_again_without_a_word_changes_nothing(first: QueuePolicy) -> None:
    past = given(
        submit("A"),
        interrupt("A", first),
        queue("B"),
        settings=ThreadSettings(queue_on_interrupt="discard"),
    )
    past.when(interrupt("A", None, "cmd_again")).answers()
    past.when(send_now("X")).then("prompt.admitted X interrupt")


def test_escalation_claims_what_was_admitted_since() -> None:
    past = given(submit("A"), interrupt("A", "continue"), queue("B"), send_now("X", "continue"))
    past.when(interrupt("A", "hold")).then(
        "turn.interrupt_requested A hold", "queue.held X B interrupt of A"
    )


def test_a_repeated_hold_does_not_claim_what_came_after_the_first() -> None:
    past = given(submit("A"), interrupt("A", "hold"), queue("B"))
    past.when(interrupt("A", "hold", "cmd_again")).answers()


@pytest.mark.parametrize("past", [BUSY, HELD], ids=["pending", "held"])
def test_discard_returns_the_texts_for_an_editor(past: Given) -> None:
    world = past.world()
    waiting = [(prompt.input_id, prompt.text) for prompt in world.state().inbox]
    outcome = interrupt("A", "discard")(world)
    assert [(gone.input_id, gone.text) for gone in outcome.withdrawn] == waiting
    assert world.state().inbox == ()


def test_hold_says_in_its_outcome_what_it_holds() -> None:
    outcome = interrupt("A", "hold")(BUSY.world())
    assert outcome.held == ("inp_B", "inp_S", "inp_C")


def test_a_claimed_steer_becomes_a_queued_prompt_in_its_place() -> None:
    world = given(submit("A"), queue("B"), steer("S"), queue("C"), interrupt("A", "hold")).world()
    assert [(p.input_id, p.state, p.delivery) for p in world.state().inbox] == [
        ("inp_B", "held", "queue"),
        ("inp_S", "held", "queue"),
        ("inp_C", "held", "queue"),
    ]
    stop("A")(world)
    release()(world)
    turn = world.state().turn
    assert turn is not None
    assert turn.turn_id == world.turn("B")
    assert [p.input_id for p in world.state().inbox] == ["inp_S", "inp_C"]
