"""Every row of the command table that begins with submit."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from domain.errors import (
    InboxFull,
    InvalidArgument,
    PromptRequired,
    ThreadBusy,
    TurnNotSteerable,
)
from domain.events.prompt import PromptAdmitted, PromptOrigin
from domain.options import ThreadSettings
from tests.domain.given import Given, Row, given, runs
from tests.domain.steps import (
    Step,
    compact,
    complete,
    fail,
    interrupt,
    queue,
    send_now,
    steer,
    stop,
    submit,
)
from tests.domain.world import THREAD

DEAF = ThreadSettings(steerable=False)
HELD = given(submit("A"), queue("B"), queue("C"), interrupt("A", "hold"), stop("A"))

SLOT_FREE = [
    Row("no delivery", given(), submit("A"), ("prompt.admitted A queue", *runs("A"))),
    Row("queue", given(), queue("A"), ("prompt.admitted A queue", *runs("A"))),
    Row("steer", given(), steer("A"), ("prompt.admitted A steer", *runs("A"))),
    Row("interrupt", given(), send_now("A"), ("prompt.admitted A interrupt", *runs("A"))),
    Row(
        "an engine that takes no steers",
        given(settings=DEAF),
        steer("A"),
        ("prompt.admitted A steer", *runs("A", steerable=False)),
    ),
    Row(
        "after an end",
        given(submit("A"), complete("A")),
        submit("B"),
        ("prompt.admitted B queue", *runs("B")),
    ),
    Row(
        "while older prompts are held (L11)",
        HELD,
        submit("D"),
        ("prompt.admitted D queue held=2", *runs("D")),
    ),
    Row(
        "at once after an interrupt of nothing that waits",
        given(submit("A"), interrupt("A"), stop("A")),
        submit("B"),
        ("prompt.admitted B queue", *runs("B")),
    ),
]

SLOT_TAKEN = [
    Row("no delivery", given(submit("A")), submit("B"), ThreadBusy),
    Row("no delivery, compaction", given(compact()), submit("B"), ThreadBusy),
    Row("queue", given(submit("A")), queue("B"), ("prompt.admitted B queue",)),
    Row("queue behind a compaction", given(compact()), queue("B"), ("prompt.admitted B queue",)),
    Row("steer", given(submit("A")), steer("S"), ("prompt.admitted S steer for A",)),
    Row("steer into a compaction", given(compact()), steer("S"), TurnNotSteerable),
    Row(
        "steer an engine that takes none",
        given(submit("A"), settings=DEAF),
        steer("S"),
        TurnNotSteerable,
    ),
    Row(
        "queue after the interrupt is not claimed by it (L4)",
        given(submit("A"), queue("B"), interrupt("A", "hold")),
        queue("C"),
        ("prompt.admitted C queue held=1",),
    ),
    Row(
        "steer after the interrupt waits for the next turn (L6)",
        given(submit("A"), interrupt("A", "hold")),
        steer("S"),
        ("prompt.admitted S steer for A",),
    ),
]

SEND_NOW = [
    Row(
        "nothing waits",
        given(submit("A")),
        send_now("X"),
        ("turn.interrupt_requested A hold", "prompt.admitted X interrupt"),
    ),
    Row(
        "a compaction is stopped too",
        given(compact()),
        send_now("X"),
        ("turn.interrupt_requested compaction hold", "prompt.admitted X interrupt"),
    ),
    Row(
        "hold",
        given(submit("A"), queue("B"), steer("S")),
        send_now("X", "hold"),
        (
            "turn.interrupt_requested A hold",
            "queue.held B S interrupt of A",
            "prompt.admitted X interrupt held=2",
        ),
    ),
    Row(
        "continue",
        given(submit("A"), queue("B"), steer("S")),
        send_now("X", "continue"),
        ("turn.interrupt_requested A continue", "prompt.admitted X interrupt"),
    ),
    Row(
        "discard",
        given(submit("A"), queue("B"), steer("S")),
        send_now("X", "discard"),
        (
            "turn.interrupt_requested A discard",
            "prompt.withdrawn B interrupt",
            "prompt.withdrawn S interrupt",
            "prompt.admitted X interrupt",
        ),
    ),
    Row(
        "the thread's own policy",
        given(submit("A"), queue("B"), settings=ThreadSettings(queue_on_interrupt="discard")),
        send_now("X"),
        (
            "turn.interrupt_requested A discard",
            "prompt.withdrawn B interrupt",
            "prompt.admitted X interrupt",
        ),
    ),
    Row(
        "the turn is being interrupted already",
        given(submit("A"), queue("B"), interrupt("A", "hold")),
        send_now("X", "hold"),
        ("prompt.admitted X interrupt held=1",),
    ),
    Row(
        "a second one that is stricter claims the first",
        given(submit("A"), send_now("X", "continue")),
        send_now("Y", "hold"),
        (
            "turn.interrupt_requested A hold",
            "queue.held X interrupt of A",
            "prompt.admitted Y interrupt held=1",
        ),
    ),
]


@pytest.mark.parametrize("row", SLOT_FREE, ids=str)
def test_submit_to_a_free_slot_runs_at_once(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", SLOT_TAKEN, ids=str)
def test_submit_to_a_taken_slot(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", SEND_NOW, ids=str)
def test_submit_interrupt_to_a_taken_slot(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("text", ["", " ", "\n\t\r ", "\u2003\u3000"])
@pytest.mark.parametrize("past", [(), (submit("A"),)], ids=["free", "taken"])
def test_an_empty_prompt_is_refused(text: str, past: tuple[()]) -> None:
    given(*past).when(submit("B", "queue", text=text)).refused(PromptRequired)
    given(*past).when(submit("B", "steer", text=text)).refused(PromptRequired)
    given(*past).when(submit("B", "interrupt", text=text)).refused(PromptRequired)


@pytest.mark.parametrize(
    "input_id", ["A", "cmd_1", "inp_", "inp_a b", "inp_\n", "inp_" + "x" * 200]
)
def test_an_input_id_of_another_shape_is_refused(input_id: str) -> None:
    given().when(lambda world: world.service.submit("thr_1", "A", input_id=input_id)).refused(
        InvalidArgument
    )


@pytest.mark.parametrize("origin", get_args(PromptOrigin))
def test_a_prompt_keeps_who_wrote_it(origin: PromptOrigin) -> None:
    world = given().world()
    world.service.submit(THREAD, "A", input_id="inp_A", origin=origin)
    world.service.steer(THREAD, world.turn("A"), "B", input_id="inp_B", origin=origin)
    found = [e.event for e in world.history() if isinstance(e.event, PromptAdmitted)]
    assert [event.origin for event in found] == [origin, origin]


def test_the_outcome_of_a_prompt_that_runs_names_its_turn() -> None:
    past = given()
    admission = past.when(submit("A")).then("prompt.admitted A queue", *runs("A")).admission
    assert admission is not None
    assert (admission.state, admission.admitted_seq, admission.promoted_seq) == ("promoted", 2, 3)
    assert admission.turn_id is not None


def test_the_outcome_of_a_prompt_that_waits_says_so() -> None:
    outcome = given(submit("A")).when(queue("B")).then("prompt.admitted B queue")
    assert outcome.admission is not None
    assert outcome.admission.state == "pending"
    assert (outcome.admission.turn_id, outcome.admission.promoted_seq) == (None, None)
    assert outcome.started_turn_id is None


def test_the_outcome_of_send_now_returns_what_was_discarded() -> None:
    outcome = (
        given(submit("A"), submit("B", "queue", text="bee"))
        .when(send_now("X", "discard"))
        .then(
            "turn.interrupt_requested A discard",
            "prompt.withdrawn B interrupt",
            "prompt.admitted X interrupt",
        )
    )
    assert [(gone.input_id, gone.text) for gone in outcome.withdrawn] == [("inp_B", "bee")]


@pytest.mark.parametrize("end", [stop, complete, fail], ids=["stopped", "completed", "failed"])
def test_the_prompt_that_interrupts_is_next_whatever_the_end(end: Callable[[str], Step]) -> None:
    world = given(submit("A"), queue("B"), send_now("X", "continue"), end("A")).world()
    turn = world.state().turn
    assert turn is not None
    assert turn.turn_id == world.turn("X")


# ── A full inbox ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def room_for_two(monkeypatch: pytest.MonkeyPatch) -> Given:
    """A runs, B and C wait, and there is no more room."""
    monkeypatch.setattr("domain.decide.submit.MAX_WAITING", 2)
    return given(submit("A"), queue("B"), queue("C"))


@pytest.mark.parametrize(
    "step",
    [queue("D"), steer("D"), steer("D", "A"), send_now("D", "hold"), send_now("D", "continue")],
)
def test_a_full_inbox_takes_no_prompt_that_would_have_to_wait(
    room_for_two: Given, step: Step
) -> None:
    room_for_two.when(step).refused(InboxFull)


def test_a_full_inbox_that_an_interrupt_empties_takes_its_prompt(room_for_two: Given) -> None:
    room_for_two.when(send_now("D", "discard")).then(
        "turn.interrupt_requested A discard",
        "prompt.withdrawn B interrupt",
        "prompt.withdrawn C interrupt",
        "prompt.admitted D interrupt",
    )


def test_a_full_inbox_does_not_stop_a_prompt_that_runs_at_once(room_for_two: Given) -> None:
    held = given(*room_for_two.steps, interrupt("A", "hold"), stop("A"))
    held.when(submit("D")).then("prompt.admitted D queue held=2", *runs("D"))


def test_a_full_inbox_answers_a_retry(room_for_two: Given) -> None:
    room_for_two.when(queue("C")).answers()


def test_a_full_inbox_has_room_again(room_for_two: Given) -> None:
    given(*room_for_two.steps, complete("A")).when(queue("D")).then("prompt.admitted D queue")
