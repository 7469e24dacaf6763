"""compact, edit_last_turn and rollback."""

from __future__ import annotations

import pytest

from domain.errors import (
    InvalidArgument,
    NothingToEdit,
    PromptRequired,
    RollbackTooDeep,
    ThreadBusy,
)
from domain.events.turn import TurnStarted
from domain.options import ThreadSettings, TurnOptions
from tests.domain.given import Row, given, runs
from tests.domain.steps import (
    compact,
    complete,
    edit,
    fail,
    interrupt,
    queue,
    rollback,
    stop,
    submit,
)

ONE = (submit("A"), complete("A"))
TWO = (*ONE, submit("B"), complete("B"))
COMPACTED = (*TWO, compact(), complete("compaction"))

COMPACT = [
    Row("idle", given(), compact(), ("turn.started compaction compaction unsteerable",)),
    Row(
        "after a turn", given(*ONE), compact(), ("turn.started compaction compaction unsteerable",)
    ),
    Row("while a turn runs", given(submit("A")), compact(), ThreadBusy),
    Row("while it compacts", given(compact()), compact(command_id="cmd_2"), ThreadBusy),
    Row(
        "while prompts are held",
        given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A")),
        compact(),
        ("turn.started compaction compaction unsteerable",),
    ),
]

EDIT = [
    Row(
        "the last prompt",
        given(*TWO),
        edit("C"),
        ("thread.rolled_back B edit", "prompt.admitted C queue", *runs("C")),
    ),
    Row(
        "a failed one",
        given(submit("A"), fail("A")),
        edit("B"),
        ("thread.rolled_back A edit", "prompt.admitted B queue", *runs("B")),
    ),
    Row(
        "the compaction after it leaves with it",
        given(*COMPACTED),
        edit("C"),
        ("thread.rolled_back B compaction edit", "prompt.admitted C queue", *runs("C")),
    ),
    Row(
        "an edited one again",
        given(*TWO, edit("C"), stop("C")),
        edit("D"),
        ("thread.rolled_back C edit", "prompt.admitted D queue", *runs("D")),
    ),
    Row(
        "while others are held",
        given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A")),
        edit("C"),
        ("thread.rolled_back A edit", "prompt.admitted C queue held=1", *runs("C")),
    ),
    Row("while a turn runs", given(submit("A")), edit("B"), ThreadBusy),
    Row("while it compacts", given(*ONE, compact()), edit("B"), ThreadBusy),
    Row("nothing was said yet", given(), edit("B"), NothingToEdit),
    Row(
        "nothing but a compaction",
        given(compact(), complete("compaction")),
        edit("B"),
        NothingToEdit,
    ),
    Row("all of it was rolled back", given(*ONE, rollback()), edit("B"), NothingToEdit),
    Row("into nothing: the last prompt stays", given(*ONE), edit("B", " "), PromptRequired),
]

ROLLBACK = [
    Row("one turn", given(*TWO), rollback(), ("thread.rolled_back B rollback",)),
    Row("two turns", given(*TWO), rollback(2), ("thread.rolled_back A B rollback",)),
    Row(
        "the next one",
        given(*TWO, rollback()),
        rollback(1, "cmd_2"),
        ("thread.rolled_back A rollback",),
    ),
    Row(
        "with the compaction after it",
        given(*COMPACTED),
        rollback(),
        ("thread.rolled_back B compaction rollback",),
    ),
    Row(
        "past a compaction",
        given(*ONE, compact(), complete("compaction"), submit("B"), complete("B")),
        rollback(2),
        ("thread.rolled_back A compaction B rollback",),
    ),
    Row("more than there are", given(*TWO), rollback(3), RollbackTooDeep),
    Row("more than are left", given(*TWO, rollback()), rollback(2, "cmd_2"), RollbackTooDeep),
    Row("nothing is left", given(*ONE, rollback()), rollback(1, "cmd_2"), NothingToEdit),
    Row("an empty thread", given(), rollback(), NothingToEdit),
    Row("while a turn runs", given(*ONE, submit("B")), rollback(), ThreadBusy),
    Row("no turns", given(*ONE), rollback(0), InvalidArgument),
    Row("less than none", given(*ONE), rollback(-1), InvalidArgument),
]


@pytest.mark.parametrize("row", COMPACT, ids=str)
def test_compact(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", EDIT, ids=str)
def test_edit_the_last_turn(row: Row) -> None:
    row.check()


@pytest.mark.parametrize("row", ROLLBACK, ids=str)
def test_roll_back(row: Row) -> None:
    row.check()


@pytest.mark.parametrize(
    ("reason", "summary"), [(None, "Context compaction"), (" a\nb ", "a b"), ("a\0b", "a\ufffdb")]
)
def test_a_compaction_says_why(reason: str | None, summary: str) -> None:
    settings = ThreadSettings(options=TurnOptions(model="m"))
    world = given(settings=settings).world()
    compact(reason)(world)
    started = world.history()[-1].event
    assert isinstance(started, TurnStarted)
    assert started.summary == summary
    assert started.options == settings.options
    assert started.input_id is None


def test_rolled_back_turns_stay_in_the_log() -> None:
    world = given(*TWO).world()
    before = world.history()
    rollback()(world)
    assert world.history()[:-1] == before
    assert [turn.turn_id for turn in world.state().context] == [world.turn("A")]
