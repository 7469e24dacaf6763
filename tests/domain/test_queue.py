"""release(some or all) and withdraw."""

from __future__ import annotations

import pytest

from domain.errors import NothingHeld, PromptNotWaiting
from tests.domain.given import Row, given, runs, steers
from tests.domain.steps import (
    complete,
    fail,
    interrupt,
    queue,
    release,
    steer,
    stop,
    submit,
    take_steers,
    withdraw,
)

HELD = (submit("A"), queue("B"), queue("C"), queue("D"), interrupt("A", "hold"))
IDLE = given(*HELD, stop("A"))
BUSY = given(*HELD)
BUSY_AGAIN = given(*HELD, stop("A"), submit("E"), queue("F"))

RELEASE = [
    Row("all", IDLE, release(), ("queue.released B C D", *runs("B"))),
    Row("one", IDLE, release("B"), ("queue.released B", *runs("B"))),
    Row("one from the middle", IDLE, release("C"), ("queue.released C", *runs("C"))),
    Row("some run in inbox order", IDLE, release("D", "B"), ("queue.released B D", *runs("B"))),
    Row("while a turn runs they only wait again", BUSY, release(), ("queue.released B C D",)),
    Row("one while a turn runs", BUSY, release("C"), ("queue.released C",)),
    Row("the rest", given(*HELD, stop("A"), release("C")), release(), ("queue.released B D",)),
    Row("none is held", given(submit("A"), queue("B")), release(), NothingHeld),
    Row("nothing at all", given(), release(), NothingHeld),
    Row("none is held any more", given(*HELD, release()), release("B"), NothingHeld),
    Row("one that is not held", BUSY_AGAIN, release("F"), PromptNotWaiting),
    Row("one that runs", IDLE, release("A"), PromptNotWaiting),
    Row("an unknown one", IDLE, release("Q"), PromptNotWaiting),
    Row(
        "one of several is not held: none is released",
        BUSY_AGAIN,
        release("B", "F"),
        PromptNotWaiting,
    ),
]

WITHDRAW = [
    Row(
        "a pending one", given(submit("A"), queue("B")), withdraw("B"), ("prompt.withdrawn B user",)
    ),
    Row(
        "a pending steer",
        given(submit("A"), steer("S")),
        withdraw("S"),
        ("prompt.withdrawn S user",),
    ),
    Row("a held one", IDLE, withdraw("C"), ("prompt.withdrawn C user",)),
    Row("one that runs", given(submit("A")), withdraw("A"), PromptNotWaiting),
    Row("one that ran", given(submit("A"), complete("A")), withdraw("A"), PromptNotWaiting),
    Row(
        "a steer that was taken",
        given(submit("A"), steer("S"), take_steers("A")),
        withdraw("S"),
        PromptNotWaiting,
    ),
    Row(
        "one that an interrupt discarded",
        given(submit("A"), queue("B"), interrupt("A", "discard")),
        withdraw("B"),
        PromptNotWaiting,
    ),
    Row("an unknown one", given(), withdraw("Q"), PromptNotWaiting),
]


@pytest.mark.parametrize("row", RELEASE, ids=str)
def test_release(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", WITHDRAW, ids=str)
def test_withdraw(row: Row) -> None:
    row.check()


def test_released_prompts_keep_their_place_before_later_ones() -> None:
    past = given(*HELD, stop("A"), submit("E"), queue("F"), release("C"))
    past.when(complete("E")).then("turn.completed E completed", *runs("C"))


def test_a_released_steer_runs_as_a_queued_prompt() -> None:
    past = given(submit("A"), queue("B"), steer("S"), interrupt("A", "hold"), release())
    past.when(stop("A")).then("turn.completed A interrupted", *runs("B"))
    given(*past.steps, stop("A")).when(take_steers("B")).answers()


def test_a_withdrawn_prompt_comes_back_with_its_text() -> None:
    world = given(submit("A"), submit("B", "queue", text="bee")).world()
    outcome = withdraw("B")(world)
    assert [(gone.input_id, gone.text) for gone in outcome.withdrawn] == [("inp_B", "bee")]


def test_withdrawing_the_last_held_prompt_leaves_nothing_to_release() -> None:
    past = given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"), withdraw("B"))
    past.when(release()).refused(NothingHeld)


def test_an_empty_choice_releases_nothing() -> None:
    IDLE.when(lambda world: world.service.release("thr_1", [])).answers()


def test_what_failures_held_is_released_like_anything_else() -> None:
    failed = given(
        submit("A"), queue("B"), queue("C"), steer("S"), fail("A"), fail("S"), queue("D")
    )
    failed.when(fail("B")).then("turn.completed B failed 'boom'", "queue.held C D failures of B")
    past = given(*failed.steps, fail("B"))
    past.when(release("D")).then("queue.released D", *runs("D"))
    # A steer into the turn that release started goes there as any other does.
    given(*past.steps, release("D"), steer("T")).when(take_steers("D")).then(*steers("T", "D"))


def test_a_refused_release_names_the_thread() -> None:
    assert "thr_1" in given().when(release()).refused(NothingHeld).message


def test_a_refusal_names_the_prompt_and_what_it_is() -> None:
    error = given(submit("A"), queue("B")).when(withdraw("A")).refused(PromptNotWaiting)
    assert "inp_A" in error.message
