"""What a refusal says, where it says more than its name: whose it is, and why."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from domain.decide.move import Place
from domain.errors import Refused, ThreadNotFound
from domain.options import ThreadSettings
from tests.domain.given import Given, given
from tests.domain.steps import (
    Step,
    compact,
    complete,
    interrupt,
    move,
    queue,
    redeliver,
    release,
    rollback,
    steer,
    submit,
    withdraw,
)
from tests.domain.world import THREAD, World

BUSY = given(submit("A"), queue("B"))
HELD = given(submit("A"), queue("B"), queue("C"), interrupt("A", "hold"))
STOPPING = given(submit("A"), queue("B"), interrupt("A", "continue"))
DEAF = given(submit("A"), settings=ThreadSettings(steerable=False))


@dataclass(frozen=True)
class Said:
    """A command that is refused, and the words for it; {A} is the turn of that prompt."""

    given: Given
    when: Step
    message: str

    def __str__(self) -> str:
        return self.message


WHY = [
    Said(HELD, release("A"), "Prompt inp_A is not on hold."),
    Said(HELD, release("B", "Q"), "Prompt inp_Q is not on hold."),
    Said(BUSY, withdraw("A"), "Prompt inp_A is not waiting in this thread."),
    Said(
        STOPPING,
        redeliver("B", "steer"),
        "Turn {A} takes no steers: it is being interrupted. Queue the prompt instead.",
    ),
    Said(
        STOPPING,
        steer("C", into="A"),
        "Turn {A} takes no steers: it is being interrupted. Queue the prompt instead.",
    ),
    Said(
        DEAF,
        steer("C"),
        "Turn {A} takes no steers: its engine cannot be steered. Queue the prompt instead.",
    ),
    Said(
        given(submit("A"), complete("A"), compact()),
        steer("C"),
        "Turn {compaction} takes no steers: it compacts the context. Queue the prompt instead.",
    ),
    Said(BUSY, rollback(0), "The number of turns is not valid: it must be 1 or more."),
    Said(
        BUSY,
        move("B", "before", "B"),
        "The place in line is not valid: it is relative to the prompt itself.",
    ),
    Said(
        BUSY,
        move("B", "after"),
        "The place in line is not valid: before and after need another prompt, first and last"
        " take none.",
    ),
]


@pytest.mark.parametrize("said", WHY, ids=str)
def test_a_refusal_says_whose_it_is_and_why(said: Said) -> None:
    world = said.given.world()
    turns = {name: world.turn(name) for name in ("A", "compaction")}
    with pytest.raises(Refused) as caught:
        said.when(world)
    assert caught.value.message == said.message.format(**turns)


def test_a_place_in_line_that_there_is_not() -> None:
    place: Place = "under"  # type: ignore[assignment]
    with pytest.raises(Refused) as caught:
        move("B", place)(BUSY.world())
    assert caught.value.message == (
        "The place in line is not valid: it is first, last, before or after, not 'under'."
    )


@pytest.mark.parametrize("actor", ["", "x" * 201, "a\nb"])
def test_an_actor_that_cannot_be_written_down(actor: str) -> None:
    with pytest.raises(Refused) as caught:
        BUSY.world().service.archive(THREAD, actor=actor)
    assert caught.value.message == "The actor is not valid: give 1 to 200 printable characters."


def test_an_actor_of_200_characters_is_fine() -> None:
    HELD.world().service.release(THREAD, actor="x" * 200)


def test_a_history_that_there_is_not() -> None:
    with pytest.raises(ThreadNotFound, match="thr_9"):
        World().service.fork("thr_9")
