"""The inbox and its order, apart from the decisions that use it."""

from __future__ import annotations

import pytest

from domain import inbox as inboxes
from domain.inbox import Inbox, Prompt
from domain.options import Delivery, TurnOptions


def prompt(name: str, delivery: Delivery = "queue") -> Prompt:
    return Prompt(f"inp_{name}", name, name, delivery, TurnOptions())


def inbox(*prompts: Prompt) -> Inbox:
    """They enter one after the other."""
    entered: Inbox = ()
    for one in prompts:
        entered = inboxes.enter(one, entered)
    return entered


def seen(prompts: Inbox) -> list[str]:
    return [f"{one.text} {one.delivery} {one.state}" for one in prompts]


def test_prompts_stand_in_admission_order_but_for_those_that_interrupt() -> None:
    entered = inbox(prompt("A"), prompt("S", "steer"), prompt("X", "interrupt"), prompt("B"))
    assert seen(entered) == [
        "X interrupt pending",
        "A queue pending",
        "S steer pending",
        "B queue pending",
    ]


def test_only_those_named_are_held_and_they_stay_where_they_are() -> None:
    entered = inbox(prompt("A"), prompt("S", "steer"), prompt("T", "steer"))
    held = inboxes.hold(["inp_S"], entered)
    assert seen(held) == ["A queue pending", "S queue held", "T steer pending"]
    assert seen(inboxes.held(held)) == ["S queue held"]
    assert seen(inboxes.pending(held)) == ["A queue pending", "T steer pending"]


def test_only_those_named_are_released() -> None:
    held = inboxes.hold(["inp_A", "inp_B"], inbox(prompt("A"), prompt("B")))
    released = inboxes.release(["inp_B"], held)
    assert seen(released) == ["A queue held", "B queue pending"]


def test_only_the_one_named_leaves() -> None:
    assert seen(inboxes.leave("inp_A", inbox(prompt("A"), prompt("B")))) == ["B queue pending"]
    assert inboxes.leave("inp_Q", inbox(prompt("A"))) == inbox(prompt("A"))


def test_a_waiting_prompt_is_found_by_its_id() -> None:
    entered = inbox(prompt("A"), prompt("B"))
    assert inboxes.find("inp_B", entered) == entered[1]
    assert inboxes.find("inp_Q", entered) is None


def test_steers_are_the_pending_ones_in_admission_order() -> None:
    entered = inbox(prompt("S", "steer"), prompt("A"), prompt("T", "steer"), prompt("U", "steer"))
    assert [one.text for one in inboxes.steers(inboxes.hold(["inp_T"], entered))] == ["S", "U"]


@pytest.mark.parametrize(
    ("prompts", "held", "first"),
    [
        ([], [], None),
        ([prompt("A"), prompt("B")], [], "A"),
        ([prompt("A"), prompt("S", "steer")], [], "S"),
        ([prompt("S", "steer"), prompt("X", "interrupt")], [], "X"),
        ([prompt("X", "interrupt"), prompt("Y", "interrupt")], [], "Y"),
        ([prompt("A"), prompt("S", "steer")], ["inp_S"], "A"),
        ([prompt("A"), prompt("B")], ["inp_A"], "B"),
        ([prompt("A")], ["inp_A"], None),
    ],
)
def test_what_runs_next(prompts: list[Prompt], held: list[str], first: str | None) -> None:
    found = inboxes.next_to_run(inboxes.hold(held, inbox(*prompts)))
    assert (found.text if found else None) == first
