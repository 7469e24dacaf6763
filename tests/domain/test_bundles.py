"""Events that are lawful one by one, but not in one command, not yet, or not without another.

No decision makes them. A law has to see them all the same: it takes no decision at its word.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from domain import predicates
from domain.command import Header
from domain.events.prompt import PromptWithdrawn, QueueHeld
from domain.laws import violations
from tests.domain.given import given
from tests.domain.steps import (
    Step,
    compact,
    complete,
    interrupt,
    move,
    queue,
    release,
    send_now,
    start_item,
    stop,
    submit,
    withdraw,
)
from tests.laws_breakers import (
    Breaker,
    History,
    find,
    lost,
    repaired,
    says,
    swapped,
    turn_of,
)


def of_the_command_before(history: History, index: int) -> History:
    """That event was decided with the one before it."""
    before, entry = history[index - 1 : index + 1]
    event = entry.event.model_copy(update={"command_id": before.event.command_id})
    return repaired([*history[:index], entry._replace(event=event), *history[index + 1 :]])


def header_of_x(history: History) -> Header:
    """Of the command that sent X now."""
    event = history[find(history, "prompt.admitted", input_id="inp_X")].event
    return Header(
        thread_id=event.thread_id, actor=event.actor, command_id=event.command_id, at=event.at
    )


def holds_its_own(history: History) -> History:
    """The command that sent X now goes on and holds it."""
    header = header_of_x(history)
    held = QueueHeld(
        **header,
        input_ids=("inp_X",),
        reason="interrupt",
        turn_id=turn_of(history, "A"),
    )
    return repaired([*history, history[-1]._replace(event=held)])


def discards_its_own(history: History) -> History:
    """The command that sent X now goes on and withdraws it."""
    header = header_of_x(history)
    withdrawn = PromptWithdrawn(
        **header,
        input_id="inp_X",
        text="X",
        reason="interrupt",
    )
    return repaired([*history, history[-1]._replace(event=withdrawn)])


def releases_by_the_way(history: History) -> History:
    return of_the_command_before(history, find(history, "queue.released"))


def drops_the_next(history: History) -> History:
    """The end of the turn withdraws what should run next, and says that the user did it."""
    there = find(history, "prompt.withdrawn")
    return of_the_command_before(swapped(history, there), there + 1)


def moves_by_the_way(history: History) -> History:
    """The end of the turn puts the last prompt first, and starts it."""
    there = find(history, "prompt.moved")
    return of_the_command_before(swapped(history, there), there + 1)


def before_its_turn(history: History) -> History:
    return swapped(history, find(history, "turn.started", kind="compaction"))


BUNDLES: Final[dict[str, tuple[str, tuple[Step, ...], Breaker]]] = {
    "an interrupt holds the prompt it brings": (
        "L4",
        (submit("A"), send_now("X", "hold")),
        holds_its_own,
    ),
    "an interrupt discards the prompt it brings": (
        "L15",
        (submit("A"), send_now("X", "discard")),
        discards_its_own,
    ),
    "a prompt interrupts, and no turn is to stop": (
        "L15",
        (submit("A"), queue("B"), send_now("X", "continue")),
        lost("turn.interrupt_requested"),
    ),
    "a submit releases what is held": (
        "L4",
        (submit("A"), queue("B"), interrupt("A", "hold"), queue("C"), release(), stop("A")),
        releases_by_the_way,
    ),
    "an end drops the prompt that is next": (
        "L2",
        (submit("A"), queue("B"), withdraw("B"), complete("A")),
        drops_the_next,
    ),
    "an end starts another prompt than the next": (
        "L3",
        (submit("A"), queue("B"), queue("C"), move("C", "first"), complete("A")),
        moves_by_the_way,
    ),
    "an item shows a prompt to the model once more": (
        "L2",
        (submit("A"), start_item("A")),
        says("item.started", {"input_id": "inp_A"}, kind="tool_call"),
    ),
    "an item begins in a turn that has not begun": (
        "L9",
        (compact(), start_item("compaction"), complete("compaction")),
        before_its_turn,
    ),
    "an item begins in a turn that never does": (
        "L9",
        (compact(), start_item("compaction")),
        lost("turn.started"),
    ),
}


@pytest.mark.parametrize("what", BUNDLES)
def test_the_law_sees_that(what: str) -> None:
    law, steps, spoiled = BUNDLES[what]
    history = given(*steps).world().history()
    assert violations(history) == []
    found = violations(spoiled(history))
    assert law in {violation.law for violation in found}, found


def test_the_laws_take_no_word_from_the_decisions() -> None:
    """Not a number either: three failures are three, whatever the drain counts to."""
    names = {
        str(node.module)
        for path in Path(str(predicates.__file__)).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("domain")
    }
    mine = ("domain.events.", "domain.predicates.", "domain.ports")
    assert {name for name in names if not name.startswith(mine)} == set()
