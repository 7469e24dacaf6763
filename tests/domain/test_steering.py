"""steer(turn_id) and take_steers(turn_id)."""

from __future__ import annotations

import pytest

from domain.errors import InterruptRequested, PromptRequired, TurnNotActive, TurnNotSteerable
from domain.options import SettingsChange, ThreadSettings
from tests.domain.given import Row, given, runs, steers
from tests.domain.steps import (
    compact,
    complete,
    fail,
    interrupt,
    queue,
    send_now,
    steer,
    stop,
    submit,
    take_steers,
    update,
    withdraw,
)

DEAF = ThreadSettings(steerable=False)
DEAFEN = SettingsChange(steerable=False)

STEER = [
    Row("the turn runs", given(submit("A")), steer("S", "A"), ("prompt.admitted S steer for A",)),
    Row("no turn runs", given(), steer("S", "A"), TurnNotActive),
    Row("the turn is over", given(submit("A"), complete("A")), steer("S", "A"), TurnNotActive),
    Row(
        "another turn runs (63: no new turn instead)",
        given(submit("A"), queue("B"), complete("A")),
        steer("S", "A"),
        TurnNotActive,
    ),
    Row("a compaction", given(compact()), steer("S", "compaction"), TurnNotSteerable),
    Row(
        "an engine that cannot",
        given(submit("A"), settings=DEAF),
        steer("S", "A"),
        TurnNotSteerable,
    ),
    Row(
        "the turn is being interrupted, so it could not get there (L8)",
        given(submit("A"), interrupt("A")),
        steer("S", "A"),
        TurnNotSteerable,
    ),
    Row(
        "a turn started before its thread became deaf",
        given(submit("A"), update(settings=DEAFEN)),
        steer("S", "A"),
        ("prompt.admitted S steer for A",),
    ),
    Row("an empty one", given(submit("A")), steer("S", "A", text=" "), PromptRequired),
]

TAKE = [
    Row("nothing to take", given(submit("A")), take_steers("A"), ()),
    Row("queued prompts stay where they are", given(submit("A"), queue("B")), take_steers("A"), ()),
    Row("one", given(submit("A"), steer("S")), take_steers("A"), steers("S", "A")),
    Row(
        "several, in admission order, past a queued one",
        given(submit("A"), steer("S"), queue("B"), steer("T", "A"), steer("U")),
        take_steers("A"),
        (*steers("S", "A"), *steers("T", "A"), *steers("U", "A")),
    ),
    Row(
        "each once",
        given(submit("A"), steer("S"), take_steers("A"), steer("T")),
        take_steers("A"),
        steers("T", "A"),
    ),
    Row(
        "not those withdrawn meanwhile",
        given(submit("A"), steer("S"), steer("T"), withdraw("S")),
        take_steers("A"),
        steers("T", "A"),
    ),
    Row(
        "after an interrupt (L8)",
        given(submit("A"), steer("S"), interrupt("A", "continue")),
        take_steers("A"),
        InterruptRequested,
    ),
    Row(
        "after an interrupt, even if nothing waits",
        given(submit("A"), interrupt("A", "continue")),
        take_steers("A"),
        InterruptRequested,
    ),
    Row("no turn runs", given(), take_steers("A"), TurnNotActive),
    Row("the turn is over", given(submit("A"), complete("A")), take_steers("A"), TurnNotActive),
    Row(
        "another turn runs",
        given(submit("A"), queue("B"), complete("A"), steer("S")),
        take_steers("A"),
        TurnNotActive,
    ),
    Row(
        "those that fell back steer the turn that the first of them opened (L6)",
        given(submit("A"), queue("B"), steer("S"), steer("T"), fail("A")),
        take_steers("S"),
        steers("T", "S"),
    ),
    Row(
        "those that fell back steer the turn of the prompt that interrupted",
        given(submit("A"), steer("S"), send_now("X", "continue"), stop("A")),
        take_steers("X"),
        steers("S", "X"),
    ),
    Row(
        "those that fell back to a deaf turn wait for the ones after it",
        given(submit("A"), steer("S"), steer("T"), update(settings=DEAFEN), fail("A")),
        take_steers("S"),
        (),
    ),
]


@pytest.mark.parametrize("row", STEER, ids=str)
def test_steer_into_one_turn(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", TAKE, ids=str)
def test_take_steers_at_a_step_boundary(row: Row) -> None:
    row.check()


def test_the_outcome_carries_the_text_for_the_engine() -> None:
    past = given(submit("A"), steer("S", text="ess"), steer("T", text="tee"))
    world = past.world()
    outcome = take_steers("A")(world)
    assert [(steer.input_id, steer.text) for steer in outcome.delivered] == [
        ("inp_S", "ess"),
        ("inp_T", "tee"),
    ]


def test_deaf_turns_complete_and_run_fallen_steers_one_by_one() -> None:
    past = given(
        submit("A"), steer("S"), steer("T"), queue("B"), update(settings=DEAFEN), fail("A")
    )
    past.when(complete("S")).then("turn.completed S completed", *runs("T", steerable=False))


def test_a_refused_steer_says_why() -> None:
    refusals = {
        "compacts": given(compact()).when(steer("S")),
        "cannot be steered": given(submit("A"), settings=DEAF).when(steer("S")),
        "interrupted": given(submit("A"), interrupt("A")).when(steer("S", "A")),
    }
    for why, when in refusals.items():
        assert why in when.refused(TurnNotSteerable).message


def test_a_refused_steer_says_which_turn_runs() -> None:
    error = (
        given(submit("A"), queue("B"), complete("A")).when(steer("S", "A")).refused(TurnNotActive)
    )
    assert error.code == "turn_not_active"
    assert str(error.details["active_turn_id"]).startswith("turn_")
    nobody = given().when(steer("S", "A")).refused(TurnNotActive)
    assert nobody.details["active_turn_id"] is None
    assert "no turn is" in nobody.message
