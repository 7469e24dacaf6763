"""An explorer that finds nothing proves nothing: it finds each mistake, by the shortest way."""

import pytest

from tests.model.bugs import BUGS, TABLE, Bug
from tests.model.explorer import Report, explore
from tests.model.schedule import told
from tests.model.world import Scope


def explored(bug: Bug) -> tuple[Report, str]:
    """What the explorer sees of the domain with that mistake, and its story."""
    scope = Scope(bug.what, bug.budgets, table=bug.law == TABLE)
    with bug.made():
        report = explore(scope)
        assert report.breach is not None
        return report, told(scope, report.breach)


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_the_explorer_finds_the_mistake_at_its_smallest_depth(bug: Bug) -> None:
    report, story = explored(bug)
    assert report.breach is not None
    assert bug.law in {fault.law for fault in report.breach.faults}, story
    assert f"{bug.law} is broken" in story
    assert report.breach.depth == bug.depth, story


def test_every_law_is_among_them() -> None:
    assert {bug.law for bug in BUGS} == {TABLE, *(f"L{number}" for number in range(1, 19))}


def test_the_story_is_told_in_the_words_of_the_laws() -> None:
    (bug,) = [bug for bug in BUGS if bug.what == "a turn completes over a steer"]
    _, story = explored(bug)
    assert story.splitlines() == [
        "The shortest schedule that breaks a law (a turn completes over a steer):",
        "  1. client 1: submit(A)",
        "      prompt.admitted A queue",
        "      prompt.promoted A into A",
        "      turn.started A prompt",
        "      item.started A user_message A",
        "      item.completed A user_message 'A'",
        "  2. client 1: submit(B, steer)",
        "      prompt.admitted B steer for A",
        "  3. worker: takes turn A, and its lease",
        "  4. worker: finish(turn A, completed)",
        "      turn.completed A completed",
        "      prompt.promoted B into B",
        "      turn.started B prompt",
        "      item.started B user_message B",
        "      item.completed B user_message 'B'",
        "     slot: turn B; inbox: empty",
        "L6 is broken: turn A completes over B",
    ]
