"""Something of everything that can happen to a row, in one thread."""

from __future__ import annotations

from domain.options import Overrides, SettingsChange, TurnOptions
from tests.domain import steps
from tests.domain.world import THREAD
from tests.projections.histories import log_of_steps

_ROUTED = Overrides(options=TurnOptions(model="m"), route_intent="deep")

_STEERS_AND_INTERRUPTS = (
    steps.create("A story"),
    steps.submit("A"), steps.steer("B"), steps.queue("C"), steps.steer("D"),
    steps.take_steers("A"), steps.steer("E"), steps.start_item("A"), steps.record_item("A"),
    steps.interrupt("A", "continue"), steps.interrupt("A", "hold"),
    # C and E are held. F and G wait behind them, F at the head; H falls back.
    steps.send_now("F"), steps.queue("G"), steps.stop("A"),
    steps.steer("H"), steps.release("E"), steps.interrupt("F", "hold", "cmd_again"),
    steps.withdraw("G"), steps.send_now("I"), steps.send_now("J"), steps.stop("F"),
)  # fmt: skip

_FAILURES = (
    steps.start_item("J"),
    lambda world: world.service.end_item(
        THREAD, world.turn("J"), steps.last_item(world, "tool_call"), result={"ok": True}
    ),
    steps.fail("J"), steps.fail("I"),
    # E is held; L is held for the failures, released, and held for an interrupt.
    steps.release("H", "C"), steps.start_item("C"), steps.fail("C"), steps.start_failed("H"),
    steps.submit("K"), steps.queue("L"), steps.fail("K"), steps.release(),
    steps.interrupt("E", "hold"), steps.stop("E"), steps.release("L"),
    steps.start_item("L"), steps.queue("N"), steps.interrupt("L", "discard"), steps.stop("L"),
)  # fmt: skip

_CONTEXT = (
    steps.compact(), steps.queue("O"), steps.complete("compaction"), steps.complete("O"),
    steps.rollback(2), steps.edit("P"), steps.complete("P"),
    steps.update("Another title"), steps.update("", command_id="cmd_no_title"),
    steps.update(None, SettingsChange(options=TurnOptions(model="other")), "cmd_settings"),
    steps.archive(), steps.unarchive(),
)  # fmt: skip

_CHANGES = (
    steps.submit("Q"), steps.queue("R"), steps.queue("S"),
    steps.submit("T", "steer", overrides=_ROUTED), steps.queue("U"),
    steps.edit_waiting("R", "r", overrides=_ROUTED), steps.move("U", "first"),
    steps.redeliver("S", "steer"), steps.redeliver("T", "queue"), steps.redeliver("S", "queue"),
    steps.edit_waiting("R", "Again", command_id="cmd_edit_again"),
    steps.send_now("V", "continue"), steps.move("T", "before", "R"), steps.queue("W"),
    steps.stop("Q"), steps.redeliver("R", "steer"), steps.move("W", "first"),
    # Held, U, T, W and R keep their places; R is a steer no more, and W becomes one.
    steps.interrupt("V", "hold"), steps.stop("V"), steps.submit("X"), steps.redeliver("W", "steer"),
    steps.edit_waiting("T", "t", overrides=Overrides()), steps.move("R", "before", "U"),
    steps.release(),
    steps.start_item("X"), steps.ask("X", "1"), steps.ask("X", "2", "tool_call"),
    steps.ask("X", "3"), steps.answer("1"), steps.end_item("X"),
    steps.ask("X", "4"), steps.answer("4", "denied", "not here"),
    lambda world: world.service.fork(THREAD, new_thread_id="thr_fork", command_id="cmd_fork"),
    steps.interrupt("X", "continue"), steps.stop("X"),
    steps.submit("Y", thread_id="thr_fork"),
)  # fmt: skip

STORY = log_of_steps(*_STEERS_AND_INTERRUPTS, *_FAILURES, *_CONTEXT, *_CHANGES)
