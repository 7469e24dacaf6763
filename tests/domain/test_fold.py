"""The fold refuses what cannot have happened, instead of guessing."""

from __future__ import annotations

import pytest

from domain.errors import ImpossibleEvent
from domain.events.base import Event
from domain.events.item import ItemStarted
from domain.events.prompt import PromptMoved
from domain.events.turn import TurnCompleted, TurnStarted
from domain.options import TurnOptions
from domain.thread import evolve
from tests.domain.given import Given, given
from tests.domain.steps import complete, queue, submit
from tests.fixtures.clock import START

HEADER = {"thread_id": "thr_1", "actor": "a", "command_id": "cmd_1", "at": START}
ANOTHER = {**HEADER, "turn_id": "turn_9"}
STARTED = {"kind": "prompt", "summary": "s", "options": TurnOptions(), "steerable": True}

IDLE = given(submit("A"), complete("A"))
BUSY = given(submit("A"))


def event(cls: type[Event], **fields: object) -> Event:
    """An event of a turn that is not there."""
    return cls.model_validate({**ANOTHER, **fields})


@pytest.mark.parametrize(
    ("past", "impossible"),
    [
        (BUSY, event(TurnStarted, **STARTED)),
        (BUSY, event(TurnCompleted, status="completed")),
        (IDLE, event(TurnCompleted, status="completed")),
        (IDLE, event(ItemStarted, item_id="item_9", kind="status", summary="s")),
    ],
    ids=["second start", "end of another", "end of nothing", "item of nothing"],
)
def test_an_impossible_event_is_an_error_with_its_place(past: Given, impossible: Event) -> None:
    thread = past.world().state()
    with pytest.raises(ImpossibleEvent) as caught:
        evolve(thread, impossible)
    assert caught.value.details["seq"] == thread.seq + 1
    message = caught.value.message
    assert "thr_1" in message
    assert impossible.name in message
    holder = thread.turn.turn_id if thread.turn else "no turn"
    assert f"while {holder} holds the slot" in message


def test_a_move_among_others_than_those_that_wait_is_an_error_with_its_place() -> None:
    thread = given(submit("A"), queue("B")).world().state()
    others = {"input_id": "inp_B", "input_ids": ("inp_B", "inp_9")}
    moved = PromptMoved.model_validate({**HEADER, **others})
    with pytest.raises(ImpossibleEvent, match="names other prompts than those") as caught:
        evolve(thread, moved)
    assert caught.value.details["seq"] == thread.seq + 1
    assert "thr_1" in caught.value.message
