"""What a user interface shows from the read models, and what its buttons then do."""

from __future__ import annotations

import pytest

from domain.options import QueuePolicy
from domain.service import ThreadService
from projections.rows import PromptRow, ThreadRows
from tests.field.test_interrupts import every_policy
from tests.projections.tables import Tables

THREAD = "thr_1"


class Screen:
    """A thread as it is shown once everything is applied, and a client that commands."""

    def __init__(self, tables: Tables, service: ThreadService) -> None:
        self._tables = tables
        self.service = service
        service.create(thread_id=THREAD)

    def send(self, name: str, delivery: str | None = None) -> str | None:
        """A prompt of that name; the turn that it started."""
        return self.service.submit(
            THREAD,
            name,
            delivery=delivery,  # type: ignore[arg-type]
            input_id=f"inp_{name}",
        ).started_turn_id

    def rows(self) -> ThreadRows:
        self._tables.follower.catch_up()
        return self._tables.rows(THREAD)

    def prompt(self, name: str) -> PromptRow:
        [row] = [row for row in self.rows().prompts if row.input_id == f"inp_{name}"]
        return row

    def interrupted(self, policy: QueuePolicy) -> str:
        """A was interrupted while B waited, and has stopped. Its turn."""
        turn_id = self.send("A")
        assert turn_id is not None
        self.send("B", "queue")
        self.service.interrupt(THREAD, turn_id, queued=policy)
        self.service.finish(THREAD, turn_id, "interrupted")
        return turn_id


@pytest.fixture
def screen(tables: Tables) -> Screen:
    return Screen(tables, tables.service())


@every_policy
def test_5_what_an_interrupt_stopped_does_not_look_as_if_it_would_run(
    screen: Screen, policy: QueuePolicy
) -> None:
    screen.interrupted(policy)
    shown = screen.prompt("B")
    assert (shown.state, shown.held_reason, shown.withdrawn_reason) == {
        "continue": ("promoted", None, None),
        "hold": ("held", "interrupt", None),
        "discard": ("withdrawn", None, "interrupt"),
    }[policy]


@every_policy
def test_10_what_is_shown_as_waiting_can_be_taken_back(screen: Screen, policy: QueuePolicy) -> None:
    screen.interrupted(policy)
    screen.send("C", "queue")
    screen.send("D", "queue")
    names = [row.input_id for row in screen.rows().inbox]
    assert (
        names
        == {
            "continue": ["inp_C", "inp_D"],
            "hold": ["inp_B", "inp_D"],
            "discard": ["inp_D"],
        }[policy]
    )
    for name in names:
        assert screen.service.withdraw(THREAD, name).withdrawn[0].input_id == name
    assert screen.rows().inbox == ()


def test_16_a_hold_is_shown_counted_and_ended(screen: Screen) -> None:
    screen.interrupted("hold")
    outcome = screen.service.submit(THREAD, "C")
    assert outcome.admission is not None
    assert outcome.admission.held == 1
    shown = screen.rows().thread
    assert shown is not None
    assert (shown.held_count, shown.pending_count) == (1, 0)
    screen.service.release(THREAD)
    released = screen.rows().thread
    assert released is not None
    assert (released.held_count, released.pending_count) == (0, 1)


@every_policy
def test_26_a_thread_whose_turn_has_ended_is_not_shown_as_running(
    screen: Screen, policy: QueuePolicy
) -> None:
    turn_id = screen.interrupted(policy)
    rows = screen.rows()
    assert rows.thread is not None
    assert rows.thread.active_turn_id != turn_id
    assert (rows.thread.active_turn_id is None) == (policy != "continue")
    assert (rows.turns[0].status, rows.turns[0].interrupt) == ("interrupted", policy)


def test_40_the_order_shown_is_the_order_of_turns(screen: Screen) -> None:
    turn_id: str | None = screen.send("A")
    for name in "BCD":
        screen.send(name, "queue")
    screen.send("S", "steer")
    places = [(row.place, row.input_id) for row in screen.rows().inbox]
    assert places == [(1, "inp_B"), (2, "inp_C"), (3, "inp_D"), (4, "inp_S")]
    while turn_id is not None:
        screen.service.take_steers(THREAD, turn_id)
        turn_id = screen.service.finish(THREAD, turn_id, "completed").started_turn_id
    openers = [turn.input_id for turn in screen.rows().turns]
    assert openers == ["inp_A", "inp_B", "inp_C", "inp_D"]


def test_68_79_a_steer_is_shown_once_and_not_as_waiting_once_consumed(screen: Screen) -> None:
    turn_id = screen.send("A")
    assert turn_id is not None
    screen.send("S", "steer")
    before = screen.prompt("S")
    assert (before.state, before.delivery, before.place) == ("pending", "steer", 1)
    screen.service.take_steers(THREAD, turn_id)
    screen.service.finish(THREAD, turn_id, "completed")
    rows = screen.rows()
    assert rows.inbox == ()
    after = screen.prompt("S")
    assert (after.state, after.place, after.turn_id) == ("promoted", None, turn_id)
    assert [item.text for item in rows.items if item.input_id == "inp_S"] == ["S"]
