"""The receipt of a command is in the log for ever: a retry after an upgrade must have the same one.

So a command's name, the names of its arguments, and how they are written down never change. Here is
the beginning of each command's receipt for the same arguments. A new argument must leave the
receipt of a command without it as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from domain.command import body_hash
from domain.execution import Intent
from domain.options import Overrides, SettingsChange, ThreadSettings, TurnOptions
from domain.outcome import Outcome
from domain.service import ThreadService
from tests.domain.given import given
from tests.domain.steps import queue, submit
from tests.domain.world import THREAD

TURN: Final = "turn_1"
OVERRIDES: Final = Overrides(options=TurnOptions(model="m"), route_intent="r", input_summary="s")
SETTINGS: Final = ThreadSettings(steerable=False)
CHANGE: Final = SettingsChange(options=OVERRIDES.options, cleared=("mode",), steerable=False)
Call = Callable[[ThreadService], object]

CALLS: Final[dict[str, tuple[Call, str]]] = {
    "create": (
        lambda s: s.create(thread_id="thr_2", title="T", settings=SETTINGS, command_id="cmd_c"),
        "00b2e5106093",
    ),
    "start": (lambda s: s.start("A", overrides=OVERRIDES, input_id="inp_A"), "3d1cb4f96962"),
    "fork": (
        lambda s: s.fork(THREAD, at_seq=3, new_thread_id="thr_3", title="T", command_id="cmd_c"),
        "60c03c93df70",
    ),
    "update": (
        lambda s: s.update(THREAD, title="T", settings=CHANGE, command_id="cmd_c"),
        "2bb23c42b87b",
    ),
    "update of the title alone": (
        lambda s: s.update(THREAD, title="T", command_id="cmd_c"),
        "cec3b4d35f22",
    ),
    "archive": (lambda s: s.archive(THREAD, command_id="cmd_c"), "13b936767533"),
    "unarchive": (lambda s: s.unarchive(THREAD, command_id="cmd_c"), "f2b78ecd14c3"),
    "compact": (lambda s: s.compact(THREAD, "r", command_id="cmd_c"), "4aba62b1b304"),
    "rollback": (lambda s: s.rollback(THREAD, 2, command_id="cmd_c"), "6daea6a0262c"),
    "submit": (
        lambda s: s.submit(
            THREAD,
            "A",
            delivery="interrupt",
            queued="discard",
            overrides=OVERRIDES,
            input_id="inp_A",
            origin="shell",
        ),
        "21bcb476df1a",
    ),
    "submit, nothing given": (lambda s: s.submit(THREAD, "A", input_id="inp_A"), "5ae9e7a1f149"),
    "steer": (lambda s: s.steer(THREAD, TURN, "A", input_id="inp_A"), "f07fa7aabe7d"),
    "edit the last turn": (
        lambda s: s.edit_last_turn(THREAD, "A", input_id="inp_A"),
        "b09cab32d3ab",
    ),
    "take steers": (lambda s: s.take_steers(THREAD, TURN, command_id="cmd_c"), "5e5fd1e7599a"),
    "interrupt": (
        lambda s: s.interrupt(THREAD, TURN, queued="hold", command_id="cmd_c"),
        "1997a85f4da1",
    ),
    "finish": (
        lambda s: s.finish(THREAD, TURN, "failed", error="e", command_id="cmd_c"),
        "8c16b06125ce",
    ),
    "start failed": (
        lambda s: s.start_failed(THREAD, TURN, "e", command_id="cmd_c"),
        "8d3890e59585",
    ),
    "recover": (lambda s: s.recover(THREAD, TURN), "2dd3371b3da5"),
    "release": (lambda s: s.release(THREAD, ["inp_B"], command_id="cmd_c"), "aa067db13426"),
    "withdraw": (lambda s: s.withdraw(THREAD, "inp_B", command_id="cmd_c"), "5af700af5c01"),
    "edit": (
        lambda s: s.edit(THREAD, "inp_B", "b", overrides=OVERRIDES, command_id="cmd_c"),
        "81299784fd0b",
    ),
    "redeliver": (
        lambda s: s.redeliver(THREAD, "inp_B", "steer", command_id="cmd_c"),
        "9750ec44123e",
    ),
    "move": (
        lambda s: s.move(THREAD, "inp_B", "before", "inp_C", command_id="cmd_c"),
        "0afa008b6813",
    ),
    "start an item": (lambda s: s.start_item(THREAD, TURN, "status", "s"), "5ba767b0045f"),
    "start an item, by a key": (
        lambda s: s.start_item(THREAD, TURN, "status", "s", detail={"n": 1}, command_id="cmd_c"),
        "ab5ae6fe6e2e",
    ),
    "end an item": (lambda s: s.end_item(THREAD, TURN, "item_1", "failed"), "9907e7c98c1a"),
    "end an item, by a key": (
        lambda s: s.end_item(
            THREAD,
            TURN,
            "item_1",
            "failed",
            text="t",
            result={"n": 1},
            reason="r",
            command_id="cmd_c",
        ),
        "6d6448fc117d",
    ),
    "record an item": (
        lambda s: s.record_item(THREAD, TURN, "status", "s", text="t"),
        "c829a943d326",
    ),
    "record an item, by a key": (
        lambda s: s.record_item(
            THREAD, TURN, "status", "s", text="t", detail={"n": 1}, command_id="cmd_c"
        ),
        "19e320c6e9e1",
    ),
    "request an approval": (
        lambda s: s.request_approval(
            THREAD, TURN, "s", item_id="item_1", detail={"n": 1}, approval_id="appr_1"
        ),
        "43a53cb09d74",
    ),
    "resolve an approval": (
        lambda s: s.resolve_approval(THREAD, "appr_1", "denied", note="n", command_id="cmd_c"),
        "50ef3589f2f1",
    ),
}


def receipt(call: Call) -> str:
    """What would be stored for it."""
    world = given(submit("A"), queue("B")).world()
    asked: list[Intent] = []

    def note(intent: Intent) -> Outcome:
        asked.append(intent)
        return Outcome(intent.thread_id, intent.key)

    world.service._execution.run = note  # type: ignore[method-assign]
    call(world.service)
    (intent,) = asked
    return body_hash(intent.name, intent.body)


@pytest.mark.parametrize("what", CALLS)
def test_a_command_has_the_receipt_it_had(what: str) -> None:
    call, expected = CALLS[what]
    assert receipt(call)[:12] == expected


def test_a_retry_by_somebody_else_is_answered_and_the_log_says_who_was_first() -> None:
    """Another process, another worker: who sends it is not part of what is sent."""
    world = given(submit("A")).world()
    turn_id = world.turn("A")
    first = world.service.finish(THREAD, turn_id, "completed", actor="one", command_id="cmd_f")
    again = world.service.finish(THREAD, turn_id, "completed", actor="two", command_id="cmd_f")
    assert (again, again.repeated) == (first, True)
    assert {e.event.actor for e in world.log.read_command("cmd_f")} == {"one"}
