"""start: a new thread and its first prompt."""

from __future__ import annotations

import pytest

from domain.decide.start import TITLE_LIMIT
from domain.errors import CommandConflict, PromptRequired
from domain.options import Overrides, ThreadSettings, TurnOptions
from domain.outcome import Outcome
from tests.domain.given import check, runs
from tests.domain.render import lines
from tests.domain.steps import submit
from tests.domain.world import World


def start(world: World, text: str = "A", title: str | None = None) -> Outcome:
    return world.service.start(text, title=title, input_id="inp_A")


def test_a_thread_begins_with_its_prompt_in_one_append() -> None:
    world = World()
    outcome = start(world)
    history = world.history(outcome.thread_id)
    assert lines(history) == ["thread.created 'A'", "prompt.admitted A queue", *runs("A")]
    assert world.log.appends == 1
    assert outcome.admission is not None
    assert outcome.started_turn_id is not None
    check(world, outcome.thread_id)


def test_a_refused_prompt_leaves_no_thread() -> None:
    world = World()
    for title in (None, "T"):
        with pytest.raises(PromptRequired):
            start(world, " ", title)
    assert world.log.entries == []


@pytest.mark.parametrize(
    ("text", "given_title", "title"),
    [
        ("Fix  the\ntests", None, "Fix the tests"),
        ("x" * 300, None, "x" * (TITLE_LIMIT - 1) + "…"),
        ("Fix the tests", "Tests", "Tests"),
        ("\0", None, "\ufffd"),
    ],
)
def test_it_is_named_after_its_prompt(text: str, given_title: str | None, title: str) -> None:
    world = World()
    outcome = world.service.start(text, title=given_title)
    assert world.state(outcome.thread_id).title == title


def test_settings_and_overrides_are_those_of_its_prompt() -> None:
    world = World()
    overrides = Overrides(options=TurnOptions(model="m"))
    outcome = world.service.start(
        "A", settings=ThreadSettings(steerable=False), overrides=overrides
    )
    turn = world.state(outcome.thread_id).turn
    assert turn is not None
    assert (turn.steerable, turn.options.model) == (False, "m")


def test_a_retry_finds_the_thread_it_made() -> None:
    world = World()
    first = start(world)
    world.crash()
    again = start(world)
    assert again == first
    assert again.repeated
    assert world.log.appends == 1


def test_the_same_input_id_with_another_body_is_a_conflict() -> None:
    world = World()
    outcome = start(world)
    with pytest.raises(CommandConflict):
        start(world, "B")
    with pytest.raises(CommandConflict):
        start(world, title="T")
    with pytest.raises(CommandConflict):
        submit("A", thread_id=outcome.thread_id)(world)
    assert world.log.appends == 1
