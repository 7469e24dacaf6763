"""move: where a queued prompt stands in line."""

from __future__ import annotations

import pytest

from domain.errors import (
    ImpossibleEvent,
    InvalidArgument,
    PromptNotQueued,
    PromptNotWaiting,
    ThreadIsArchived,
)
from domain.events.prompt import PromptMoved
from domain.thread import evolve
from tests.domain.given import Row, given
from tests.domain.steps import (
    archive,
    complete,
    interrupt,
    move,
    queue,
    redeliver,
    release,
    send_now,
    steer,
    stop,
    submit,
    withdraw,
)
from tests.domain.world import THREAD, running, waiting
from tests.fixtures.clock import START

BUSY = given(submit("A"), queue("B"), queue("C"), queue("D"))
HELD = given(*BUSY.steps, interrupt("A", "hold"), stop("A"))
GONE = [
    ("one that runs", "A"),
    ("one that ran", "R"),
    ("one that was taken back", "W"),
    ("an unknown one", "Q"),
]
PAST = (submit("R"), complete("R"), submit("A"), queue("W"), withdraw("W"), queue("B"))

STEERED = given(submit("A"), queue("B"), steer("S"), queue("C"))

MOVE = [
    Row("first", BUSY, move("D", "first"), ("prompt.moved D in D B C",)),
    Row("last", BUSY, move("B", "last"), ("prompt.moved B in C D B",)),
    Row("before another", BUSY, move("D", "before", "C"), ("prompt.moved D in B D C",)),
    Row("after another", BUSY, move("B", "after", "C"), ("prompt.moved B in C B D",)),
    Row("first already", BUSY, move("B", "first"), ()),
    Row("last already", BUSY, move("D", "last"), ()),
    Row("before that one already", BUSY, move("B", "before", "C"), ()),
    Row("after that one already", BUSY, move("C", "after", "B"), ()),
    Row("the only one", given(submit("A"), queue("B")), move("B", "first"), ()),
    Row("a held one", HELD, move("D", "first"), ("prompt.moved D in D B C",)),
    Row(
        "before a held one",
        given(*HELD.steps, submit("E"), queue("F")),
        move("F", "before", "C"),
        ("prompt.moved F in B F C D",),
    ),
    Row(
        "first means before the held ones, too",
        given(*HELD.steps, submit("E"), queue("F")),
        move("F", "first"),
        ("prompt.moved F in F B C D",),
    ),
    Row(
        "steers and what interrupts are not in line",
        given(submit("A"), steer("S"), queue("B"), queue("C"), send_now("X", "continue")),
        move("C", "first"),
        ("prompt.moved C in X S C B",),
    ),
    Row(
        "right after, also where a steer stands between",
        given(submit("A"), queue("B"), steer("S"), queue("C"), queue("D")),
        move("D", "after", "B"),
        ("prompt.moved D in B D S C",),
    ),
    Row("past a steer only", STEERED, move("C", "after", "B"), ()),
    Row("a steer", STEERED, move("S", "first"), PromptNotQueued),
    Row("relative to a steer", STEERED, move("C", "before", "S"), PromptNotQueued),
    Row(
        "one that interrupts",
        given(submit("A"), queue("B"), send_now("X", "continue")),
        move("X", "last"),
        PromptNotQueued,
    ),
    Row(
        "what interrupted and was queued",
        given(submit("A"), queue("B"), send_now("X", "continue"), redeliver("X", "queue")),
        move("X", "last"),
        ("prompt.moved X in B X",),
    ),
    Row("before itself", BUSY, move("B", "before", "B"), InvalidArgument),
    Row("before nothing", BUSY, move("B", "before"), InvalidArgument),
    Row("first of another", BUSY, move("B", "first", "C"), InvalidArgument),
    Row(
        "in an archived thread", given(*HELD.steps, archive()), move("B", "last"), ThreadIsArchived
    ),
    *(Row(what, given(*PAST), move(name, "first"), PromptNotWaiting) for what, name in GONE),
    *(
        Row(f"relative to {what}", given(*PAST), move("B", "after", name), PromptNotWaiting)
        for what, name in GONE
    ),
]


@pytest.mark.parametrize("row", MOVE, ids=str)
def test_move(row: Row) -> None:
    row.check()


def test_prompts_run_in_the_order_they_were_moved_to() -> None:
    world = given(*BUSY.steps, move("D", "first"), move("B", "last"), queue("E")).world()
    order = []
    while (name := running(world)) is not None:
        order.append(name)
        complete(name)(world)
    assert order == ["A", "D", "C", "B", "E"]


def test_what_is_held_and_released_keeps_the_place_it_was_moved_to() -> None:
    past = given(*BUSY.steps, move("D", "first"), interrupt("A", "hold"), move("C", "first"))
    past.when(release()).then("queue.released C D B")


def test_a_refusal_names_the_prompt_that_is_gone() -> None:
    error = given(*PAST).when(move("B", "after", "W")).refused(PromptNotWaiting)
    assert "inp_W" in error.message


def test_a_move_before_one_that_leaves_meanwhile_is_refused() -> None:
    world = BUSY.world()
    world.log.before_append = lambda: withdraw("C")(world)
    with pytest.raises(PromptNotWaiting):
        move("D", "before", "C")(world)


def test_a_move_that_is_overtaken_by_another_takes_its_place_in_what_is_there_then() -> None:
    world = BUSY.world()
    world.log.before_append = lambda: move("C", "first")(world)
    move("D", "before", "B")(world)
    assert waiting(world) == ["C pending", "D pending", "B pending"]


def test_a_move_that_names_others_than_wait_cannot_have_happened() -> None:
    thread = BUSY.world().state()
    header = {"thread_id": THREAD, "actor": "a", "command_id": "cmd_1", "at": START}
    event = PromptMoved.model_validate(
        {**header, "input_id": "inp_B", "input_ids": ("inp_B", "inp_C")}
    )
    with pytest.raises(ImpossibleEvent, match="names other prompts than those that wait"):
        evolve(thread, event)
