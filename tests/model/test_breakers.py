"""An explorer that finds nothing proves nothing: it finds each mistake, by the shortest way."""

import pytest

from tests.model.bugs import BUGS, Bug
from tests.model.explorer import explore
from tests.model.schedule import told
from tests.model.world import Scope


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.law} {bug.what}")
def test_the_mistake_is_found_at_its_smallest_depth(bug: Bug) -> None:
    scope = Scope(bug.what, bug.budgets, table=False)
    with bug.made():
        report = explore(scope)
        assert report.breach is not None
        story = told(scope, report.breach)
    assert bug.law in {fault.law for fault in report.breach.faults}, story
    assert f"{bug.law} is broken" in story
    assert report.breach.depth == bug.depth, story


def test_every_law_about_the_domain_is_among_them() -> None:
    assert {bug.law for bug in BUGS} == {f"L{number}" for number in range(1, 19)}


def test_the_story_is_told_in_the_words_of_the_laws() -> None:
    (bug,) = [bug for bug in BUGS if bug.law == "L6"]
    scope = Scope(bug.what, bug.budgets, table=False)
    with bug.made():
        breach = explore(scope).breach
        assert breach is not None
        story = told(scope, breach)
    assert story.splitlines() == [
        "  1. client 1: submit as it comes A",
        "      prompt.admitted A queue",
        "      prompt.promoted A into A",
        "      turn.started A prompt",
        "      item.started A user_message A",
        "      item.completed A user_message 'A'",
        "  2. client 1: submit steer B",
        "      prompt.admitted B steer for A",
        "  3. worker: starts A",
        "  4. worker: finish completed A",
        "      turn.completed A completed",
        "      prompt.promoted B into B",
        "      turn.started B prompt",
        "      item.started B user_message B",
        "      item.completed B user_message 'B'",
        "L6 is broken: turn A completes over B",
    ]
