"""Each law finds what breaks it. A predicate that cannot fail proves nothing."""

from __future__ import annotations

from functools import cache

import pytest

from domain.laws import LAWS, violations
from domain.options import TurnOptions
from domain.ports import Recorded
from tests.domain.test_forks_can_fail import BROKEN_FORKS
from tests.laws_breakers import (
    Breaker,
    History,
    changed,
    early,
    find,
    forked,
    lost,
    receipt,
    repaired,
    says,
    story,
    turn_id,
    turn_of,
    twice,
)


def numbers(**change: int) -> Breaker:
    """The tenth entry has another number."""

    def breaker(history: History) -> History:
        spoiled = list(history)
        tenth = spoiled[9]
        moved = {key: getattr(tenth, key) + by for key, by in change.items()}
        spoiled[9] = tenth._replace(**moved)
        return spoiled

    return breaker


def redelivered_idle(history: History) -> History:
    """While nothing runs, a prompt becomes a steer."""
    first = history[find(history, "prompt.redelivered", input_id="inp_O")]
    event = first.event.model_copy(update={"target_turn_id": None})
    return repaired([*history, first._replace(event=event)])


def cancelled_later(history: History) -> History:
    """What the interrupt cancels is cancelled in the middle of the command after it."""
    at = find(history, "approval.cancelled", reason="interrupt")
    cancelled, following = history[at : at + 2]
    event = cancelled.event.model_copy(update={"command_id": following.event.command_id})
    moved = [following, cancelled._replace(event=event)]
    return repaired([*history[:at], *moved, *history[at + 2 :]])


def interrupted_at_the_end(history: History) -> History:
    """The turn that ran last is to stop, after its end."""
    request = history[find(history, "turn.interrupt_requested", queued="continue")]
    event = request.event.model_copy(update={"turn_id": turn_of(history, "Z")})
    return repaired([*history, request._replace(event=event)])


BROKEN: dict[str, tuple[str, Breaker]] = {
    "L1 a second turn starts": ("L1", lost("turn.completed", status="failed")),
    "L1 a turn ends twice": ("L1", twice("turn.completed")),
    "L1 another turn ends": ("L1", turn_id("B", "turn.completed")),
    "L1 a turn starts twice": ("L1", twice("turn.started")),
    "L2 a prompt is promoted twice": ("L2", twice("prompt.promoted")),
    "L2 a prompt is admitted twice": ("L2", twice("prompt.admitted", input_id="inp_B")),
    "L2 an unknown prompt is promoted": ("L2", lost("prompt.admitted", input_id="inp_B")),
    "L2 a held prompt is promoted": ("L2", lost("queue.released", input_ids=("inp_K",))),
    "L2 a withdrawn prompt is withdrawn again": ("L2", twice("prompt.withdrawn")),
    "L2 a turn starts with nobody's prompt": ("L2", lost("prompt.promoted", input_id="inp_T")),
    "L2 a turn starts with another prompt": (
        "L2",
        says("turn.started", {"input_id": "inp_B"}, input_id="inp_T"),
    ),
    "L2 a compaction takes in a prompt": (
        "L2",
        says("turn.started", {"input_id": "inp_B"}, kind="compaction"),
    ),
    "L2 a prompt comes back with another text": ("L2", says("prompt.withdrawn", {"text": "?"})),
    "L2 a prompt comes back as it was before its edit": (
        "L2",
        says("prompt.edited", {"text": "?"}, input_id="inp_P"),
    ),
    "L2 an edit of a prompt that runs": (
        "L2",
        says("prompt.edited", {"input_id": "inp_L"}, input_id="inp_M"),
    ),
    "L2 an edit of a prompt that was withdrawn": (
        "L2",
        says("prompt.edited", {"input_id": "inp_C"}, input_id="inp_M"),
    ),
    "L2 a redelivery of a prompt that never was": (
        "L2",
        says("prompt.redelivered", {"input_id": "inp_9"}, delivery="queue"),
    ),
    "L2 a move of a prompt that ran": ("L2", says("prompt.moved", {"input_id": "inp_L"})),
    "L3 a move was forgotten": ("L3", lost("prompt.moved", input_id="inp_N")),
    "L3 a move of others too": (
        "L3",
        says("prompt.moved", {"input_ids": ("inp_M", "inp_N", "inp_9")}, input_id="inp_N"),
    ),
    "L3 a move into nowhere": (
        "L3",
        says("prompt.moved", {"input_ids": ("inp_M",)}, input_id="inp_N"),
    ),
    "L3 a move of a steer": ("L3", lost("prompt.redelivered", input_id="inp_P")),
    "L3 the queue is overtaken": (
        "L3",
        lambda history: moved(history, "inp_J", before="inp_I"),
    ),
    "L4 the hold claims too little": ("L4", says("queue.held", {"input_ids": ("inp_C",)})),
    "L4 the hold claims too much": (
        "L4",
        says("queue.held", {"input_ids": ("inp_C", "inp_D", "inp_E")}),
    ),
    "L4 a hold without an interrupt": (
        "L4",
        lost("turn.interrupt_requested", queued="hold"),
    ),
    "L4 the hold of another turn": ("L4", turn_id("A", "queue.held")),
    "L5 a drain was forgotten": ("L5", lambda history: without_command_tail(history, "T")),
    "L6 a turn completes over a steer": (
        "L6",
        says("turn.completed", {"status": "completed"}, status="failed"),
    ),
    "L6 the queue overtakes a steer": (
        "L6",
        says("prompt.admitted", {"delivery": "queue"}, input_id="inp_S"),
    ),
    "L6 a steer without an aim": (
        "L6",
        says("prompt.admitted", {"target_turn_id": None}, input_id="inp_S"),
    ),
    "L6 a steer with a wrong aim": (
        "L6",
        says("prompt.admitted", {"target_turn_id": "turn_9"}, input_id="inp_S"),
    ),
    "L6 a steer into a turn that takes none": (
        "L6",
        says("turn.started", {"steerable": False}, input_id="inp_A"),
    ),
    "L6 a redelivered steer without an aim": (
        "L6",
        says("prompt.redelivered", {"target_turn_id": None}, input_id="inp_O"),
    ),
    "L6 a queued prompt with an aim": (
        "L6",
        says("prompt.redelivered", {"target_turn_id": "turn_9"}, delivery="queue"),
    ),
    "L6 a redelivered steer into a turn that takes none": (
        "L6",
        says("turn.started", {"steerable": False}, input_id="inp_L"),
    ),
    "L6 a redelivered steer into nothing": ("L6", redelivered_idle),
    "L8 a redelivered steer after the interrupt": (
        "L8",
        lambda history: interrupted_before(history, "prompt.redelivered", "L"),
    ),
    "L8 a steer after the interrupt": (
        "L8",
        lambda history: interrupted_before(history, "turn.steered", "A"),
    ),
    "L8 an interrupt of an ended turn": ("L8", turn_id("A", "turn.interrupt_requested")),
    "L8 an interrupt when all has ended": ("L8", interrupted_at_the_end),
    "L8 a steer into an ended turn": ("L8", turn_id("A", "turn.steered", input_id="inp_U")),
    "L9 an item of an ended turn": (
        "L9",
        turn_id("A", "item.started", input_id="inp_U"),
    ),
    "L9 an open item in an ended turn": ("L9", lost("item.failed")),
    "L9 an item begins twice": ("L9", twice("item.started", kind="tool_call")),
    "L9 an item ends that never began": ("L9", lost("item.started", kind="tool_call")),
    "L9 an approval of an ended turn": (
        "L9",
        turn_id("A", "approval.requested", approval_id="appr_1"),
    ),
    "L9 an approval is answered twice": ("L9", twice("approval.resolved")),
    "L9 an approval is asked for twice": ("L9", twice("approval.requested")),
    "L9 an answer to nothing": ("L9", lost("approval.requested", approval_id="appr_1")),
    "L9 an approval for an item that is over": (
        "L9",
        says("approval.requested", {"item_id": "item_9"}, approval_id="appr_2"),
    ),
    "L9 an approval after the interrupt": (
        "L9",
        lambda history: interrupted_before(history, "approval.requested", "V"),
    ),
    "L9 an approval outlives its item": ("L9", lost("approval.cancelled", reason="item")),
    "L9 an approval outlives the interrupt": ("L9", lost("approval.cancelled", reason="interrupt")),
    "L9 an approval outlives its turn": ("L9", lost("approval.cancelled", reason="end")),
    "L9 an approval is cancelled by no interrupt": (
        "L9",
        says("approval.cancelled", {"reason": "interrupt"}, reason="end"),
    ),
    "L9 an approval is cancelled after its interrupt": ("L9", cancelled_later),
    "L9 an approval is cancelled by no end": (
        "L9",
        says("approval.cancelled", {"reason": "end"}, reason="interrupt"),
    ),
    "L9 an approval is cancelled by another item's end": (
        "L9",
        says("approval.requested", {"item_id": None}, approval_id="appr_2"),
    ),
    "L10 a receipt is missing": ("L10", receipt(1, None)),
    "L10 a receipt too many": ("L10", receipt(2, "r")),
    "L10 a command comes back": (
        "L10",
        says("prompt.admitted", {"command_id": "inp_A"}, input_id="inp_C"),
    ),
    "L11 an idle thread does not run it": (
        "L11",
        lambda history: without_promotion(history, "F"),
    ),
    "L17 the number of held ones is wrong": (
        "L17",
        says("prompt.admitted", {"held": 0}, input_id="inp_F"),
    ),
    "L12 no beginning": ("L12", lost("thread.created")),
    "L12 a second beginning": ("L12", twice("thread.created")),
    "L12 another thread's event": ("L12", says("thread.archived", {"thread_id": "thr_2"})),
    "L12 another thread's beginning": ("L12", says("thread.created", {"thread_id": "thr_2"})),
    "L12 a rollback of nothing": ("L12", says("thread.rolled_back", {"turn_ids": ()})),
    "L12 a rollback of an unknown turn": (
        "L12",
        says("thread.rolled_back", {"turn_ids": ("turn_9",)}),
    ),
    "L12 a rollback twice": ("L12", twice("thread.rolled_back")),
    "L12 a rollback while a turn runs": ("L12", early("thread.rolled_back")),
    "L13 a gap in seq": ("L13", numbers(seq=1)),
    "L13 a seq again": ("L13", numbers(seq=-1)),
    "L13 a gap in a version": ("L13", numbers(version=1)),
    "L13 a position again": ("L13", numbers(position=-1)),
    "L15 a milder interrupt": (
        "L15",
        says("turn.interrupt_requested", {"queued": "discard"}, queued="continue"),
    ),
    "L15 the same interrupt again": ("L15", twice("turn.interrupt_requested")),
    "L15 a hold that holds nothing": ("L15", lost("queue.held")),
    "L15 a discard that spares one": ("L15", lost("prompt.withdrawn")),
    "L15 a withdrawal nobody asked for": (
        "L15",
        lost("turn.interrupt_requested", queued="discard"),
    ),
    "L16 the queue goes on after three failures": (
        "L16",
        lambda history: ended(history, "G", "failed"),
    ),
    "L16 a hold without failures": (
        "L16",
        lambda history: ended(history, "I", "interrupted"),
    ),
    "L16 a hold after one that completed": (
        "L16",
        lambda history: ended(history, "I", "completed"),
    ),
    "L16 the hold before the failure": ("L16", early("queue.held", reason="failures")),
    "L18 no user message": ("L18", lost("item.started", input_id="inp_A")),
    "L18 another text": ("L18", says("item.completed", {"text": "?"})),
    "L18 another item": ("L18", says("turn.steered", {"item_id": "item_9"})),
    "L18 not a user message": (
        "L18",
        says("item.started", {"kind": "status"}, input_id="inp_A"),
    ),
    "L18 after its turn began": ("L18", early("turn.started", input_id="inp_T")),
}


def moved(history: History, input_id: str, *, before: str) -> History:
    """A prompt's admission earlier than it was, so that others overtook it."""
    entry = history[find(history, "prompt.admitted", input_id=input_id)]
    rest = [other for other in history if other is not entry]
    place = find(rest, "prompt.admitted", input_id=before)
    return repaired([*rest[:place], entry, *rest[place:]])


def ended(history: History, name: str, status: str) -> History:
    """That prompt's turn ended otherwise."""
    end = find(history, "turn.completed", turn_id=turn_of(history, name))
    return changed(history, end, status=status)


def without_command_tail(history: History, name: str) -> History:
    """The end of that prompt's turn without the drain, and nothing after."""
    end = find(history, "turn.completed", turn_id=turn_of(history, name))
    return repaired(history[: end + 1])


def without_promotion(history: History, name: str) -> History:
    """A prompt was only admitted, and nothing came after."""
    return repaired(history[: find(history, "prompt.admitted", input_id=f"inp_{name}") + 1])


def interrupted_before(history: History, name: str, turn: str) -> History:
    """An interrupt of that turn, with nothing to claim, right before the command of that event."""
    at = find(history, name)
    while history[at - 1].event.command_id == history[at].event.command_id:
        at -= 1
    request = history[find(history, "turn.interrupt_requested", queued="continue")]
    event = request.event.model_copy(update={"turn_id": turn_of(history, turn)})
    return repaired([*history[:at], request._replace(event=event), *history[at:]])


@cache
def legal() -> tuple[Recorded, ...]:
    """The story, told once."""
    return tuple(story())


def test_the_story_itself_breaks_no_law() -> None:
    assert violations(legal()) == []
    assert violations(repaired(legal())) == []


@pytest.mark.parametrize("name", BROKEN)
def test_the_law_finds_what_breaks_it(name: str) -> None:
    law, breaker = BROKEN[name]
    found = violations(breaker(list(legal())))
    assert law in {violation.law for violation in found}, found


def test_every_predicate_can_fail() -> None:
    spoiled = [
        *(breaker(list(legal())) for _, breaker in BROKEN.values()),
        *(breaker(forked()) for _, breaker in BROKEN_FORKS.values()),
    ]
    for name, law in LAWS.items():
        assert any(True for history in spoiled for _ in law(history)), name


def test_a_violation_says_where_and_what() -> None:
    _, breaker = BROKEN["L6 a turn completes over a steer"]
    history = breaker(list(legal()))
    found = [violation for violation in violations(history) if violation.law == "L6"]
    (end,) = [e.seq for e in history if e.event.name == "turn.completed"][:1]
    assert found[0].seq == end
    assert "inp_T" in found[0].what


def test_options_are_none_of_the_laws_business() -> None:
    """A change the laws must let through: what a prompt runs with is the user's affair."""
    history = list(legal())
    index = find(history, "prompt.admitted", input_id="inp_B")
    assert violations(changed(history, index, options=TurnOptions(model="m"))) == []
