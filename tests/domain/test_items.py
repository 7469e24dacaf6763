"""What the engine records in its turn: items that begin and end."""

from __future__ import annotations

import pytest

from domain.decide.items import ItemEnd
from domain.errors import ItemNotOpen, TurnNotActive
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.outcome import Outcome
from tests.domain.given import Given, Row, check, given
from tests.domain.steps import (
    complete,
    end_item,
    interrupt,
    queue,
    record_item,
    start_item,
    submit,
)
from tests.domain.world import THREAD, World

BUSY = given(submit("A"))

ROWS = [
    Row("begins", BUSY, start_item("A"), ("item.started A tool_call",)),
    Row(
        "ends",
        given(submit("A"), start_item("A")),
        end_item("A", text="x"),
        ("item.completed A tool_call 'x'",),
    ),
    Row(
        "both at once",
        BUSY,
        record_item("A"),
        ("item.started A agent_message", "item.completed A agent_message 'hello'"),
    ),
    Row(
        "winding down after an interrupt",
        given(submit("A"), start_item("A"), interrupt("A")),
        end_item("A"),
        ("item.completed A tool_call",),
    ),
    Row("no turn runs", given(), start_item("A"), TurnNotActive),
    Row(
        "the turn is over (D16, 94)",
        given(submit("A"), complete("A")),
        record_item("A"),
        TurnNotActive,
    ),
    Row(
        "another turn runs",
        given(submit("A"), queue("B"), complete("A")),
        start_item("A"),
        TurnNotActive,
    ),
    Row(
        "ended twice",
        given(submit("A"), start_item("A"), end_item("A")),
        end_item("A"),
        ItemNotOpen,
    ),
    Row("the user's message is over already", BUSY, end_item("A", "user_message"), ItemNotOpen),
    Row(
        "after its turn ended",
        given(submit("A"), start_item("A"), complete("A")),
        end_item("A"),
        TurnNotActive,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_items(row: Row) -> None:
    row.check()


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ("completed", "item.completed A tool_call 'out'"),
        ("failed", "item.failed A tool_call 'why'"),
        ("interrupted", "item.interrupted A tool_call 'why'"),
    ],
)
def test_an_item_ends_in_one_of_three_ways(end: ItemEnd, line: str) -> None:
    def step(world: World) -> Outcome:
        begun = [e.event.item_id for e in world.history() if isinstance(e.event, ItemStarted)][-1]
        return world.service.end_item(
            THREAD, world.turn("A"), begun, end, text="out", result={"n": 1}, reason="why"
        )

    past = given(submit("A"), start_item("A"))
    past.when(step).then(line)
    step(world := past.world())
    ended = world.history()[-1].event
    assert isinstance(ended, ItemCompleted | ItemFailed | ItemInterrupted)
    assert (ended.text, ended.result) == ("out", {"n": 1})


@pytest.mark.parametrize("past", [BUSY, given(submit("A"), start_item("A"))], ids=["none", "one"])
def test_an_unknown_item_does_not_end_whatever_else_is_open(past: Given) -> None:
    def step(world: World) -> Outcome:
        return world.service.end_item(THREAD, world.turn("A"), "item_9")

    assert "item_9" in past.when(step).refused(ItemNotOpen).message


def test_one_item_ends_and_the_others_stay_open() -> None:
    world = given(submit("A"), start_item("A"), start_item("A", "reasoning")).world()
    end_item("A", "reasoning")(world)
    turn = world.state().turn
    assert turn is not None
    assert [item.kind for item in turn.open_items] == ["tool_call"]


def test_items_of_one_turn_have_different_ids() -> None:
    world = given(submit("A"), start_item("A"), start_item("A"), record_item("A")).world()
    begun = [e.event.item_id for e in world.history() if isinstance(e.event, ItemStarted)]
    assert len(set(begun)) == len(begun) == 4


def test_what_an_engine_says_is_made_storable_at_every_depth() -> None:
    world = BUSY.world()
    turn_id = world.turn("A")
    outcome = world.service.start_item(
        THREAD,
        turn_id,
        "tool_call",
        "s\0",
        detail={"k\0": ["\ud800", {"d": "e\0"}, 1, 1.5, True, None]},
    )
    begun = world.history()[-1].event
    assert isinstance(begun, ItemStarted)
    assert begun.summary == "s\ufffd"
    assert begun.detail == {"k\ufffd": ["\ufffd", {"d": "e\ufffd"}, 1, 1.5, True, None]}
    (item_id,) = outcome.item_ids
    world.service.end_item(
        THREAD, turn_id, item_id, "failed", text="t\0", result={"r": "\udfff"}, reason="w\0"
    )
    failed = world.history()[-1].event
    assert isinstance(failed, ItemFailed)
    assert (failed.text, failed.result, failed.error) == ("t\ufffd", {"r": "\ufffd"}, "w\ufffd")
    check(world)


def test_an_item_recorded_at_once_keeps_its_whole_text() -> None:
    world = BUSY.world()
    world.service.record_item(
        THREAD, world.turn("A"), "agent_message", "x" * 300, text="y" * 300, detail={"a": 1}
    )
    started, completed = (entry.event for entry in world.history()[-2:])
    assert isinstance(started, ItemStarted)
    assert isinstance(completed, ItemCompleted)
    assert len(started.summary) == 280
    assert completed.text == "y" * 300
    assert started.detail == {"a": 1}
