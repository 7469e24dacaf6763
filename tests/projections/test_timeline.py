"""Histories as readable lines."""

from __future__ import annotations

from domain.events.registry import ALL
from domain.options import Overrides, TurnOptions
from projections.timeline import timeline
from tests.domain import steps
from tests.domain.world import World

STORY = (
    steps.create("Fix the tests"),
    steps.submit("A", overrides=Overrides(options=TurnOptions(model="m1"))),
    steps.steer("B"),
    steps.take_steers("A"),
    steps.queue("C"),
    steps.queue("D"),
    steps.start_item("A"),
    steps.interrupt("A", "hold"),
    steps.finish("A", "interrupted", "stopped by the user"),
    steps.withdraw("D"),
    steps.release(),
    steps.start_item("C"),
    steps.fail("C"),
    steps.rollback(2),
    steps.update("Another title"),
    steps.archive(),
    steps.unarchive(),
    steps.submit("E"),
    steps.queue("F"),
    steps.queue("G"),
    steps.edit_waiting("F", "f"),
    steps.move("G", "first"),
    steps.redeliver("F", "steer"),
    steps.redeliver("F", "queue"),
    steps.ask("E", "1"),
    steps.answer("1", "denied", "not now"),
    steps.ask("E", "2"),
    steps.interrupt("E", "continue"),
)


def told() -> list[str]:
    world = World()
    for step in STORY:
        step(world)
    names = {world.turn(name): f"turn {name}" for name in "ACE"}
    lines = []
    for entry in timeline(world.history()):
        what = entry.what
        for turn_id, name in names.items():
            what = what.replace(f"turn {turn_id}", name)
        lines.append(f"{entry.seq} {entry.actor}: {what}")
    return lines


def test_a_story_reads_as_it_happened() -> None:
    assert told() == [
        "1 user: thread created: Fix the tests",
        "2 user: prompt admitted (queue): A",
        "3 user: prompt inp_A promoted into turn A",
        "4 user: prompt turn started with m1: A",
        "5 user: user_message started: A",
        "6 user: user_message completed: A",
        "7 user: prompt admitted (steer): B",
        "8 runner: prompt inp_B promoted into turn A",
        "9 runner: turn steered by prompt inp_B",
        "10 runner: user_message started: B",
        "11 runner: user_message completed: B",
        "12 user: prompt admitted (queue): C",
        "13 user: prompt admitted (queue): D",
        "14 engine: tool_call started: ls",
        "15 user: interrupt requested: waiting prompts are held",
        "16 user: 2 prompts held after an interrupt: inp_C, inp_D",
        "17 runner: tool_call interrupted: stopped by the user",
        "18 runner: turn interrupted: stopped by the user",
        "19 user: prompt inp_D taken back: D",
        "20 user: 1 prompt released: inp_C",
        "21 user: prompt inp_C promoted into turn C",
        "22 user: prompt turn started: C",
        "23 user: user_message started: C",
        "24 user: user_message completed: C",
        "25 engine: tool_call started: ls",
        "26 runner: tool_call failed: boom",
        "27 runner: turn failed: boom",
        "28 user: 2 turns left the context (rollback)",
        "29 user: thread updated: Another title",
        "30 user: thread archived",
        "31 user: thread unarchived",
        "32 user: prompt admitted (queue): E",
        "33 user: prompt inp_E promoted into turn E",
        "34 user: prompt turn started: E",
        "35 user: user_message started: E",
        "36 user: user_message completed: E",
        "37 user: prompt admitted (queue): F",
        "38 user: prompt admitted (queue): G",
        "39 user: prompt inp_F edited: f",
        "40 user: prompt inp_G moved to place 1 of 2",
        "41 user: prompt inp_F is to steer turn E",
        "42 user: prompt inp_F is queued again",
        "43 engine: approval appr_1 asked for: may I?",
        "44 user: approval appr_1 denied: not now",
        "45 engine: approval appr_2 asked for: may I?",
        "46 user: interrupt requested: the queue goes on",
        "47 user: approval appr_2 cancelled by an interrupt",
    ]


def test_the_story_has_every_type_of_event() -> None:
    world = World()
    for step in STORY:
        step(world)
    assert {entry.event.name for entry in world.history()} == {event.name for event in ALL}


def test_a_move_that_breaks_the_laws_can_be_told_too() -> None:
    story = World()
    for step in STORY:
        step(story)
    moved = next(entry for entry in story.history() if entry.event.name == "prompt.moved")
    damaged = moved._replace(event=moved.event.model_copy(update={"input_ids": ("inp_F",)}))
    assert [line.what for line in timeline([damaged])] == ["prompt inp_G moved to no place"]
