"""request_approval and resolve_approval, and what cancels them."""

from __future__ import annotations

import pytest

from domain.errors import (
    ApprovalClosed,
    CommandConflict,
    InterruptRequested,
    ItemNotOpen,
    ThreadNotFound,
    TurnNotActive,
)
from domain.events.approval import ApprovalRequested, ApprovalResolved
from domain.options import QueuePolicy
from tests.domain.given import Row, given, runs
from tests.domain.steps import (
    answer,
    ask,
    compact,
    complete,
    end_item,
    fail,
    finish,
    interrupt,
    queue,
    recover,
    send_now,
    start_failed,
    start_item,
    stop,
    submit,
)
from tests.domain.world import THREAD, World, running

RUNS = given(submit("A"))
CALLS = given(submit("A"), start_item("A"))
ASKED = given(*RUNS.steps, ask("A"))
ASKED_FOR_CALL = given(*CALLS.steps, ask("A", kind="tool_call"))

REQUEST = [
    Row("for the turn", RUNS, ask("A"), ("approval.requested A ok",)),
    Row(
        "for an open item",
        CALLS,
        ask("A", kind="tool_call"),
        ("approval.requested A ok for tool_call",),
    ),
    Row("a second one meanwhile", ASKED, ask("A", "second"), ("approval.requested A second",)),
    Row(
        "in a compaction",
        given(compact()),
        ask("compaction"),
        ("approval.requested compaction ok",),
    ),
    Row("in no turn", given(), ask("A"), TurnNotActive),
    Row("in an ended turn", given(submit("A"), complete("A")), ask("A"), TurnNotActive),
    Row(
        "in a turn that is to stop",
        given(submit("A"), interrupt("A", "continue")),
        ask("A"),
        InterruptRequested,
    ),
    Row(
        "for an item that is over",
        given(*CALLS.steps, end_item("A")),
        ask("A", kind="tool_call"),
        ItemNotOpen,
    ),
]


@pytest.mark.parametrize("row", REQUEST, ids=str)
def test_request(row: Row) -> None:
    row.check()


RESOLVE = [
    Row("yes", ASKED, answer(), ("approval.resolved A ok approved",)),
    Row("no", ASKED, answer("ok", "denied"), ("approval.resolved A ok denied",)),
    Row(
        "no, and why",
        ASKED,
        answer("ok", "denied", "not on a Friday"),
        ("approval.resolved A ok denied 'not on a Friday'",),
    ),
    Row(
        "one of two",
        given(*ASKED.steps, ask("A", "second")),
        answer("second"),
        ("approval.resolved A second approved",),
    ),
    Row(
        "answered already",
        given(*ASKED.steps, answer()),
        answer("ok", "denied", command_id="cmd_2"),
        ApprovalClosed,
    ),
    Row("never asked for", RUNS, answer(), ApprovalClosed),
    Row("in an idle thread", given(), answer(), ApprovalClosed),
    Row("after an interrupt", given(*ASKED.steps, interrupt("A")), answer(), ApprovalClosed),
    Row("after its turn", given(*ASKED.steps, complete("A")), answer(), ApprovalClosed),
    Row(
        "after its turn, while the next runs",
        given(*ASKED.steps, queue("B"), complete("A")),
        answer(),
        ApprovalClosed,
    ),
    Row("after its item", given(*ASKED_FOR_CALL.steps, end_item("A")), answer(), ApprovalClosed),
]


@pytest.mark.parametrize("row", RESOLVE, ids=str)
def test_resolve(row: Row) -> None:
    row.check()


CANCELLED = [
    Row(
        "by an interrupt",
        given(*ASKED.steps, ask("A", "second")),
        interrupt("A"),
        (
            "turn.interrupt_requested A hold",
            "approval.cancelled A ok interrupt",
            "approval.cancelled A second interrupt",
        ),
    ),
    Row(
        "by an interrupt, after what it claims",
        given(*ASKED.steps, queue("B")),
        send_now("X", "discard"),
        (
            "turn.interrupt_requested A discard",
            "prompt.withdrawn B interrupt",
            "approval.cancelled A ok interrupt",
            "prompt.admitted X interrupt",
        ),
    ),
    Row(
        "once: a stricter interrupt finds none",
        given(*ASKED.steps, interrupt("A", "continue")),
        interrupt("A", "hold"),
        ("turn.interrupt_requested A hold",),
    ),
    Row(
        "by the end of its item",
        given(*ASKED_FOR_CALL.steps, ask("A", "second")),
        end_item("A"),
        ("approval.cancelled A ok item", "item.completed A tool_call"),
    ),
    Row(
        "by the end of its turn, before its item is closed",
        given(*ASKED_FOR_CALL.steps, queue("B")),
        stop("A"),
        (
            "approval.cancelled A ok end",
            "item.interrupted A tool_call 'the turn was interrupted'",
            "turn.completed A interrupted",
            *runs("B"),
        ),
    ),
    *(
        Row(what, ASKED, end, ("approval.cancelled A ok end", said))
        for what, end, said in [
            ("by completion", complete("A"), "turn.completed A completed"),
            ("by a failure", fail("A"), "turn.completed A failed 'boom'"),
            ("by a failed start", start_failed("A"), "turn.completed A failed 'no engine'"),
            (
                "by a recovery",
                recover("A"),
                "turn.completed A interrupted 'worker lost'",
            ),
        ]
    ),
    Row(
        "not if it was answered",
        given(*ASKED.steps, answer()),
        finish("A", "interrupted"),
        ("turn.completed A interrupted",),
    ),
]


@pytest.mark.parametrize("row", CANCELLED, ids=str)
def test_cancelled(row: Row) -> None:
    row.check()


def test_outcomes_name_what_is_asked_answered_and_cancelled() -> None:
    world = RUNS.world()
    assert ask("A")(world).approval_id == "appr_ok"
    assert answer()(world).approval_id == "appr_ok"
    ask("A", "second")(world)
    assert interrupt("A")(world).cancelled_approvals == ("appr_second",)


def test_an_approval_without_an_id_gets_one() -> None:
    world = RUNS.world()
    first = world.service.request_approval(THREAD, world.turn("A"), "may I?")
    second = world.service.request_approval(THREAD, world.turn("A"), "may I?")
    assert first.approval_id is not None
    assert second.approval_id not in (None, first.approval_id)
    world.service.resolve_approval(THREAD, first.approval_id, "approved")


def test_what_is_asked_and_who_answered_is_in_the_log() -> None:
    world = CALLS.world()
    turn = world.turn("A")
    world.service.request_approval(
        THREAD, turn, "rm\n-r  x" + "y" * 300, detail={"command": "rm\0"}, approval_id="appr_1"
    )
    world.service.resolve_approval(THREAD, "appr_1", "denied", note="no\0", actor="eve")
    events = [entry.event for entry in world.history()]
    (asked,) = [event for event in events if isinstance(event, ApprovalRequested)]
    (said,) = [event for event in events if isinstance(event, ApprovalResolved)]
    assert asked.summary.startswith("rm -r xyyy")
    assert len(asked.summary) == 280
    assert asked.detail == {"command": "rm\ufffd"}
    assert (said.actor, said.note) == ("eve", "no\ufffd")


@pytest.mark.parametrize("policy", ["hold", "continue", "discard"])
def test_an_interrupt_and_an_answer_that_race_go_one_way_or_the_other(policy: QueuePolicy) -> None:
    world = ASKED.world()
    world.log.before_append = lambda: interrupt("A", policy)(world)
    with pytest.raises(ApprovalClosed):
        answer()(world)
    other = ASKED.world()
    other.log.before_append = lambda: answer()(other)
    assert interrupt("A", policy)(other).cancelled_approvals == ()


def test_two_answers_that_race_are_one_answer() -> None:
    world = ASKED.world()
    world.log.before_append = lambda: answer("ok", "denied", command_id="cmd_other")(world)
    with pytest.raises(ApprovalClosed):
        answer()(world)


def test_an_id_that_was_asked_for_before_is_a_retry_or_a_conflict() -> None:
    world = given(*ASKED.steps, answer()).world()
    again = ask("A")(world)
    assert again.repeated
    complete("A")(world)
    assert ask("A")(world) == again
    with pytest.raises(CommandConflict):
        world.service.request_approval(THREAD, world.turn("A"), "other", approval_id="appr_ok")
    submit("B")(world)
    with pytest.raises(CommandConflict):
        ask("B")(world)


def test_a_turn_may_complete_over_an_approval_and_the_next_one_runs() -> None:
    past = given(*ASKED.steps, queue("B"), complete("A"))
    assert running(past.world()) == "B"


def test_an_unknown_thread_has_nothing_to_answer() -> None:
    with pytest.raises(ThreadNotFound):
        answer()(World())
