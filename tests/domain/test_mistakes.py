"""Decisions with a mistake in them: the laws must find it in what they append."""

from __future__ import annotations

import pytest

from domain import inbox as inboxes
from domain.errors import Refused
from domain.events.base import Event
from domain.laws import violations
from domain.outcome import Outcome
from tests.domain.steps import (
    Step,
    ask,
    complete,
    edit_waiting,
    end_item,
    fail,
    interrupt,
    move,
    queue,
    redeliver,
    release,
    send_now,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
)
from tests.domain.world import THREAD, World


def last_first(inbox: inboxes.Inbox) -> inboxes.Prompt | None:
    return inboxes.pending(inbox)[-1] if inboxes.pending(inbox) else None


def no_drain(*_: object) -> tuple[Event, ...]:
    return ()


def hold_none(*_: object) -> tuple[Event, ...]:
    return ()


def fork_of_all(world: World) -> Outcome:
    return world.service.fork(THREAD, new_thread_id="thr_fork")


MISTAKES: dict[str, tuple[str, str, object, tuple[Step, ...]]] = {
    "the drain takes the last": (
        "L3",
        "domain.inbox.next_to_run",
        last_first,
        (submit("A"), queue("B"), queue("C"), complete("A")),
    ),
    "the end does not drain": (
        "L5",
        "domain.decide.finish.drain",
        no_drain,
        (submit("A"), queue("B"), complete("A")),
    ),
    "release does not drain": (
        "L5",
        "domain.decide.queue.drain",
        no_drain,
        (submit("A"), queue("B"), interrupt("A", "hold"), stop("A"), release()),
    ),
    "an interrupt claims nothing": (
        "L15",
        "domain.decide.interrupt._claims",
        hold_none,
        (submit("A"), queue("B"), interrupt("A", "hold")),
    ),
    "open items stay open": (
        "L9",
        "domain.decide.finish._close_items",
        hold_none,
        (submit("A"), start_item("A"), stop("A")),
    ),
    "failures are not counted": (
        "L16",
        "domain.decide.promote.FAILURES_BEFORE_HOLD",
        99,
        (submit("A"), queue("B"), queue("C"), queue("D"), fail("A"), fail("B"), fail("C")),
    ),
    "failures are counted too soon": (
        "L16",
        "domain.decide.promote.FAILURES_BEFORE_HOLD",
        1,
        (submit("A"), queue("B"), fail("A")),
    ),
    "steers are seen nowhere": (
        "L6",
        "domain.inbox.steers",
        lambda _inbox: (),
        (submit("A"), steer("S"), complete("A")),
    ),
    "steers are taken in the wrong order": (
        "L6",
        "domain.inbox.steers",
        lambda inbox: tuple(p for p in reversed(inbox) if p.delivery == "steer"),
        (submit("A"), steer("S"), steer("T"), take_steers("A")),
    ),
    "queued prompts are taken as steers": (
        "L3",
        "domain.inbox.steers",
        inboxes.pending,
        (submit("A"), queue("B"), take_steers("A")),
    ),
    "every interrupt counts as a stricter one": (
        "L15",
        "domain.decide.interrupt.ESCALATION",
        ("hold", "continue", "discard"),
        (submit("A"), interrupt("A", "hold"), interrupt("A", "continue")),
    ),
    "an edit is forgotten": (
        "L18",
        "domain.inbox.edit",
        lambda _event, inbox: inbox,
        (submit("A"), queue("B"), edit_waiting("B", "b"), complete("A")),
    ),
    "a redelivery is forgotten": (
        "L6",
        "domain.inbox.redeliver",
        lambda _event, inbox: inbox,
        (submit("A"), queue("B"), queue("C"), redeliver("C", "steer"), complete("A")),
    ),
    "a redelivered prompt steers a turn that is to stop": (
        "L8",
        "domain.decide.redeliver._aim",
        lambda thread: thread.turn.turn_id,
        (submit("A"), queue("B"), interrupt("A", "continue"), redeliver("B", "steer")),
    ),
    "a move is forgotten": (
        "L3",
        "domain.inbox.reorder",
        lambda _event, inbox: inbox,
        (submit("A"), queue("B"), queue("C"), move("C", "first"), complete("A")),
    ),
    "a move takes others along": (
        "L3",
        "domain.inbox.leave",
        lambda input_id, inbox: tuple(reversed([p for p in inbox if p.input_id != input_id])),
        (submit("A"), queue("B"), queue("C"), queue("D"), move("D", "first")),
    ),
    "an interrupt leaves approvals open": (
        "L9",
        "domain.decide.interrupt.cancel_approvals",
        hold_none,
        (submit("A"), ask("A"), interrupt("A", "hold")),
    ),
    "an end leaves approvals open": (
        "L9",
        "domain.decide.finish.cancel_approvals",
        hold_none,
        (submit("A"), ask("A"), complete("A")),
    ),
    "an item leaves its approvals open": (
        "L9",
        "domain.decide.items.cancel_approvals_of",
        hold_none,
        (submit("A"), start_item("A"), ask("A", kind="tool_call"), end_item("A")),
    ),
    "a fork takes the inbox along": (
        "L12",
        "domain.decide.fork._closing",
        no_drain,
        (submit("A"), queue("B"), fork_of_all),
    ),
    "held prompts are not counted": (
        "L17",
        "domain.inbox.held",
        lambda _inbox: (),
        (submit("A"), queue("B"), send_now("X", "hold")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_the_laws_see_a_mistake_in_a_decision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    law, where, mistake, steps = MISTAKES[name]
    world = World.with_thread()
    monkeypatch.setattr(where, mistake)
    for step in steps:
        try:
            step(world)
        except Refused as refusal:
            pytest.fail(f"the mistake is not even made: {refusal}")
    histories = [world.history(thread_id) for thread_id in (THREAD, "thr_fork")]
    found = {violation.law for history in histories for violation in violations(history)}
    assert law in found
