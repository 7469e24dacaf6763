"""Who may write into a turn, command by command, on both stores (L14)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import InvalidArgument, LeaseLost, TurnNotActive
from domain.outcome import Outcome
from domain.ports import Lease
from domain.service import ThreadService
from tests.adapters.runner.stage import PACE, THREAD, Stage

Command = Callable[..., Outcome]
MANUAL = Path(__file__).parents[3] / "docs" / "ordering.md"


def worker_commands(stage: Stage, turn_id: str) -> dict[str, Command]:
    """Each as the worker on that turn would send it; it takes a `lease`."""
    service = stage.service
    item_id = next(iter(opened(stage, turn_id)), "item_1")

    def bound(command: Command, *args: object) -> Command:
        return lambda **how: command(THREAD, turn_id, *args, **how)

    return {
        "start_item": bound(service.start_item, "tool_call", "search"),
        "end_item": bound(service.end_item, item_id),
        "record_item": bound(service.record_item, "agent_message", "hello"),
        "request_approval": bound(service.request_approval, "may I?"),
        "take_steers": bound(service.take_steers),
        "finish": bound(service.finish, "failed"),
        "start_failed": bound(service.start_failed, "no engine"),
        "recover": bound(service.recover),
    }


NAMES = [
    "start_item",
    "end_item",
    "record_item",
    "request_approval",
    "take_steers",
    "finish",
    "start_failed",
    "recover",
]


def opened(stage: Stage, turn_id: str) -> list[str]:
    turn = stage.state().turn
    return [item.item_id for item in turn.open_items] if turn else []


def begun(stage: Stage) -> tuple[str, Lease]:
    """A turn with an open item and a steer that waits, and its worker's lease."""
    turn_id = stage.thread("A", "B")
    lease = stage.leases.acquire(turn_id, THREAD, "worker 1", PACE.lease_seconds)
    assert lease is not None
    stage.service.start_item(THREAD, turn_id, "tool_call", "deploy", lease=lease)
    stage.submit("S", delivery="steer")
    return turn_id, lease


def passed_on(stage: Stage, turn_id: str) -> Lease:
    stage.pass_lease_time(PACE.lease_seconds + 1)
    lease = stage.leases.acquire(turn_id, THREAD, "worker 2", PACE.lease_seconds)
    assert lease is not None
    return lease


def test_these_are_the_fenced_commands_and_the_manual_lists_them() -> None:
    taking = [
        name
        for name, method in inspect.getmembers(ThreadService, inspect.isfunction)
        if "lease" in inspect.signature(method).parameters and not name.startswith("_")
    ]
    assert taking == sorted(NAMES)
    [table] = re.findall(r"## Who may write into a turn\n(.*?)\n## ", MANUAL.read_text(), re.DOTALL)
    [row] = [line for line in table.splitlines() if line.startswith("| the worker")]
    assert sorted(re.findall(r"`(\w+)`", row.split("|")[2])) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_holder_of_the_lease_is_let_through(stage: Stage, name: str) -> None:
    turn_id, lease = begun(stage)
    before = len(stage.history())
    assert worker_commands(stage, turn_id)[name](lease=lease).seq is not None
    assert len(stage.history()) > before


@pytest.mark.parametrize("name", NAMES)
def test_who_lost_the_lease_is_refused_and_leaves_nothing(stage: Stage, name: str) -> None:
    turn_id, old = begun(stage)
    command, before = worker_commands(stage, turn_id)[name], stage.history()
    stage.pass_lease_time(PACE.lease_seconds + 1)
    with pytest.raises(LeaseLost, match="its lease has run out"):
        command(lease=old)
    passed_on(stage, turn_id)
    with pytest.raises(LeaseLost, match=f"Turn {turn_id} .* its lease has passed on"):
        command(lease=old)
    assert stage.history() == before


@pytest.mark.parametrize("name", NAMES)
def test_who_names_no_lease_is_refused_while_a_worker_has_it(stage: Stage, name: str) -> None:
    turn_id, _ = begun(stage)
    command, before = worker_commands(stage, turn_id)[name], stage.history()
    with pytest.raises(LeaseLost, match="another worker has its lease"):
        command()
    assert stage.history() == before
    stage.pass_lease_time(PACE.lease_seconds + 1)
    assert command().seq is not None


def test_users_need_no_lease_whoever_works(stage: Stage) -> None:
    turn_id, _ = begun(stage)
    service = stage.service
    service.submit(THREAD, "C", delivery="queue", input_id="inp_C")
    service.steer(THREAD, turn_id, "T", input_id="inp_T")
    service.edit(THREAD, "inp_C", "D")
    service.move(THREAD, "inp_C", "first")
    service.redeliver(THREAD, "inp_C", "steer")
    service.withdraw(THREAD, "inp_C")
    service.update(THREAD, title="Another")
    service.interrupt(THREAD, turn_id, queued="hold")
    assert service.release(THREAD).released != ()


def test_an_answer_to_an_approval_needs_no_lease(stage: Stage) -> None:
    turn_id, lease = begun(stage)
    asked = stage.service.request_approval(THREAD, turn_id, "may I?", lease=lease)
    approval_id: Any = asked.approval_id
    assert stage.service.resolve_approval(THREAD, approval_id, "approved").seq is not None


def test_a_lease_of_another_turn_is_refused_before_anything_is_asked(stage: Stage) -> None:
    turn_id, _ = begun(stage)
    other = stage.leases.acquire("turn_other", THREAD, "worker 1", PACE.lease_seconds)
    with pytest.raises(InvalidArgument, match="turn_other"):
        stage.service.finish(THREAD, turn_id, "failed", lease=other)


def test_a_retry_is_answered_although_the_lease_has_passed_on(stage: Stage) -> None:
    """L10 before L14: also while the thread is as the command left it."""
    turn_id, lease = begun(stage)
    asked = stage.service.request_approval(
        THREAD, turn_id, "may I?", approval_id="appr_1", lease=lease
    )
    passed_on(stage, turn_id)
    for process in (stage.service, stage.another_process()):
        again = process.request_approval(
            THREAD, turn_id, "may I?", approval_id="appr_1", lease=lease
        )
        assert (again, again.repeated) == (asked, True)


def test_a_retry_of_the_end_is_answered_although_the_lease_has_passed_on(stage: Stage) -> None:
    turn_id, lease = begun(stage)
    end = {"error": "boom", "command_id": "cmd_end"}
    first = stage.service.finish(THREAD, turn_id, "failed", lease=lease, **end)  # type: ignore[arg-type]
    stage.pass_lease_time(PACE.lease_seconds + 1)
    for process in (stage.service, stage.another_process()):
        again = process.finish(THREAD, turn_id, "failed", lease=lease, **end)  # type: ignore[arg-type]
        assert (again, again.repeated) == (first, True)


def test_a_retry_may_come_with_another_lease(stage: Stage) -> None:
    """Which lease it was sent under is no part of what a command says."""
    turn_id, lease = begun(stage)
    ask = stage.service.request_approval
    asked = ask(THREAD, turn_id, "may I?", approval_id="appr_1", lease=lease)
    new = passed_on(stage, turn_id)
    assert ask(THREAD, turn_id, "may I?", approval_id="appr_1", lease=new) == asked


def test_who_comes_after_the_turns_end_hears_of_that_and_not_of_its_lease(stage: Stage) -> None:
    turn_id, old = begun(stage)
    late = stage.another_process()
    assert late.thread(THREAD).turn is not None  # as it remembers the thread
    stage.end_elsewhere(turn_id)
    for lease in (old, None):
        with pytest.raises(TurnNotActive):
            late.record_item(THREAD, turn_id, "agent_message", "late", lease=lease)
