"""edit and redeliver: what may be done to a prompt that waits. See test_move.py, too."""

from __future__ import annotations

import pytest

from domain.errors import (
    InvalidArgument,
    NothingToSteer,
    PromptNotWaiting,
    PromptRequired,
    SteersPending,
    ThreadIsArchived,
    TurnNotSteerable,
)
from domain.events.item import ItemCompleted
from domain.events.prompt import PromptAdmitted, PromptEdited
from domain.events.turn import TurnStarted
from domain.options import Overrides, Routing, SettingsChange, ThreadSettings, TurnOptions
from tests.domain.given import Row, given, runs, steers
from tests.domain.steps import (
    archive,
    compact,
    complete,
    edit,
    edit_waiting,
    fail,
    interrupt,
    move,
    queue,
    redeliver,
    release,
    send_now,
    steer,
    stop,
    submit,
    take_steers,
    update,
    withdraw,
)
from tests.domain.world import THREAD, World, waiting

BUSY = given(submit("A"), queue("B"), queue("C"), queue("D"))
HELD = given(*BUSY.steps, interrupt("A", "hold"), stop("A"))
UNSTEERABLE = ThreadSettings(steerable=False)
ROUTES = Routing(rules={"deep": "big", "quick": "small"})
GONE = [
    ("one that runs", "A"),
    ("one that ran", "R"),
    ("one that was taken back", "W"),
    ("an unknown one", "Q"),
]
PAST = (submit("R"), complete("R"), submit("A"), queue("W"), withdraw("W"), queue("B"))

# ── edit ─────────────────────────────────────────────────────────────────────────────────────────

EDIT = [
    Row("a pending one", BUSY, edit_waiting("C", "c"), ("prompt.edited C 'c'",)),
    Row("a held one", HELD, edit_waiting("C", "c"), ("prompt.edited C 'c'",)),
    Row(
        "a steer",
        given(submit("A"), steer("S")),
        edit_waiting("S", "s"),
        ("prompt.edited S 's'",),
    ),
    Row(
        "one that interrupts",
        given(submit("A"), send_now("X")),
        edit_waiting("X", "x"),
        ("prompt.edited X 'x'",),
    ),
    Row("it is trimmed", BUSY, edit_waiting("B", " b\n"), ("prompt.edited B 'b'",)),
    Row(
        "what cannot be stored is replaced",
        BUSY,
        edit_waiting("B", "b\0"),
        ("prompt.edited B 'b\ufffd' replaced=1",),
    ),
    Row("nothing is left", BUSY, edit_waiting("B", " \t"), PromptRequired),
    Row("it says that already", BUSY, edit_waiting("B", " B "), ()),
    Row(
        "it was edited to that",
        given(*BUSY.steps, edit_waiting("B", "b")),
        edit_waiting("B", "b", command_id="cmd_2"),
        (),
    ),
    Row(
        "back to what it was",
        given(*BUSY.steps, edit_waiting("B", "b")),
        edit_waiting("B", "B", command_id="cmd_2"),
        ("prompt.edited B 'B'",),
    ),
    Row(
        "in an archived thread",
        given(*HELD.steps, archive()),
        edit_waiting("B", "b"),
        ThreadIsArchived,
    ),
    *(Row(what, given(*PAST), edit_waiting(name, "x"), PromptNotWaiting) for what, name in GONE),
]


@pytest.mark.parametrize("row", EDIT, ids=str)
def test_edit(row: Row) -> None:
    row.check()


def test_what_runs_is_what_it_was_edited_to() -> None:
    past = given(submit("A"), queue("B"), edit_waiting("B", "bee"), complete("A"))
    world = past.world()
    events = [entry.event for entry in world.history()]
    turns = [event for event in events if isinstance(event, TurnStarted)]
    messages = [event for event in events if isinstance(event, ItemCompleted)]
    assert [(turns[-1].summary, messages[-1].text)] == [("bee", "bee")]


def test_what_is_steered_is_what_it_was_edited_to() -> None:
    past = given(submit("A"), steer("S"), edit_waiting("S", "ess"))
    past.when(take_steers("A")).then(*steers("S", "A")[:3], "item.completed A user_message 'ess'")


def test_what_comes_back_is_what_it_was_edited_to() -> None:
    for taken_back in (withdraw("B"), interrupt("A", "discard")):
        outcome = taken_back(given(submit("A"), queue("B"), edit_waiting("B", "bee")).world())
        assert [gone.text for gone in outcome.withdrawn] == ["bee"]


def test_the_original_and_who_changed_it_stay_in_the_log() -> None:
    world = BUSY.world()
    world.service.edit(THREAD, "inp_B", "bee", actor="eve")
    said = [
        (entry.event.actor, entry.event.text)
        for entry in world.history()
        if isinstance(entry.event, PromptAdmitted | PromptEdited)
        and entry.event.input_id == "inp_B"
    ]
    assert said == [("user", "B"), ("eve", "bee")]


OPTIONED = given(
    submit("A"),
    submit(
        "B",
        "queue",
        overrides=Overrides(
            options=TurnOptions(mode="plan"), route_intent="deep", input_summary="sum"
        ),
    ),
    update(settings=SettingsChange(options=TurnOptions(model="m2"))),
    routing=ROUTES,
)


@pytest.mark.parametrize(
    ("overrides", "options", "route", "summary"),
    [
        (None, TurnOptions(model="big", mode="plan"), "deep", "bee"),
        (Overrides(), TurnOptions(model="m2"), None, "bee"),
        (Overrides(route_intent="QUICK"), TurnOptions(model="small"), "QUICK", "bee"),
        (Overrides(input_summary="s"), TurnOptions(model="m2"), None, "s"),
    ],
)
def test_options_stay_unless_they_are_given_anew(
    overrides: Overrides | None, options: TurnOptions, route: str | None, summary: str
) -> None:
    world = OPTIONED.world()
    edit_waiting("B", "bee", overrides=overrides)(world)
    (prompt,) = world.state().inbox
    assert (prompt.options, prompt.route_intent, prompt.summary) == (options, route, summary)


def test_options_alone_can_be_edited() -> None:
    changed = Overrides(options=TurnOptions(model="other"))
    BUSY.when(edit_waiting("B", "B", overrides=changed)).then("prompt.edited B 'B'")


def test_a_retry_of_the_original_prompt_is_still_answered() -> None:
    world = BUSY.world()
    first = queue("B")(world)
    edit_waiting("B", "bee")(world)
    for _ in range(2):
        assert queue("B")(world) == first
        world.crash()
    assert waiting(world) == ["B pending", "C pending", "D pending"]
    assert world.state().inbox[0].text == "bee"


def test_an_edit_that_comes_when_the_prompt_has_begun_to_run_is_refused() -> None:
    world = BUSY.world()
    world.log.before_append = lambda: complete("A")(world)
    with pytest.raises(PromptNotWaiting):
        edit_waiting("B", "bee")(world)


# ── redeliver ────────────────────────────────────────────────────────────────────────────────────

STEERED = given(submit("A"), queue("B"), steer("S"), queue("C"))

REDELIVER = [
    Row(
        "queue to steer",
        BUSY,
        redeliver("C", "steer"),
        ("prompt.redelivered C steer for A",),
    ),
    Row("steer to queue", STEERED, redeliver("S", "queue"), ("prompt.redelivered S queue",)),
    Row("it is queued already", BUSY, redeliver("B", "queue"), ()),
    Row("it is a steer already", STEERED, redeliver("S", "steer"), ()),
    Row(
        "a steer that fell back is one already",
        given(*STEERED.steps, steer("T"), fail("A")),
        redeliver("T", "steer"),
        (),
    ),
    Row(
        "into a turn that takes none",
        given(submit("A"), queue("B"), settings=UNSTEERABLE),
        redeliver("B", "steer"),
        TurnNotSteerable,
    ),
    Row(
        "into a compaction",
        given(compact(), queue("B")),
        redeliver("B", "steer"),
        TurnNotSteerable,
    ),
    Row(
        "into a turn that is to stop",
        given(submit("A"), interrupt("A", "continue"), queue("B")),
        redeliver("B", "steer"),
        TurnNotSteerable,
    ),
    Row(
        "out of a turn that is to stop",
        given(*STEERED.steps, interrupt("A", "continue")),
        redeliver("S", "queue"),
        ("prompt.redelivered S queue",),
    ),
    Row("a held one, and nothing runs", HELD, redeliver("B", "steer"), NothingToSteer),
    Row(
        "a held one stays held",
        given(*HELD.steps, submit("E")),
        redeliver("C", "steer"),
        ("prompt.redelivered C steer for E",),
    ),
    Row(
        "one that interrupts becomes a queued one",
        given(submit("A"), queue("B"), send_now("X", "continue")),
        redeliver("X", "queue"),
        ("prompt.redelivered X queue",),
    ),
    Row(
        "one that interrupts cannot steer the turn that it stops",
        given(submit("A"), send_now("X")),
        redeliver("X", "steer"),
        TurnNotSteerable,
    ),
    Row(
        "one that interrupted another turn can steer the next",
        given(submit("A"), send_now("X"), send_now("Y"), stop("A")),
        redeliver("X", "steer"),
        ("prompt.redelivered X steer for Y",),
    ),
    Row(
        "in an archived thread",
        given(*HELD.steps, archive()),
        redeliver("B", "steer"),
        ThreadIsArchived,
    ),
    *(Row(what, given(*PAST), redeliver(name, "steer"), PromptNotWaiting) for what, name in GONE),
]


@pytest.mark.parametrize("row", REDELIVER, ids=str)
def test_redeliver(row: Row) -> None:
    row.check()


def test_what_became_a_steer_is_taken_at_the_next_step_in_the_order_of_the_inbox() -> None:
    past = given(*STEERED.steps, redeliver("C", "steer"), redeliver("B", "steer"))
    past.when(take_steers("A")).then(*steers("B", "A"), *steers("S", "A"), *steers("C", "A"))


def test_a_turn_cannot_complete_over_what_became_a_steer() -> None:
    past = given(*BUSY.steps, redeliver("C", "steer"))
    past.when(complete("A")).refused(SteersPending)
    past.when(fail("A")).then("turn.completed A failed 'boom'", *runs("C"))


def test_what_became_a_queued_prompt_keeps_its_place_in_line() -> None:
    past = given(*STEERED.steps, redeliver("S", "queue"))
    past.when(complete("A")).then("turn.completed A completed", *runs("B"))
    after = given(*past.steps, complete("A"))
    after.when(complete("B")).then("turn.completed B completed", *runs("S"))


def test_there_and_back_changes_nothing() -> None:
    there = given(*BUSY.steps, redeliver("C", "steer"), redeliver("C", "queue"))
    assert there.world().state().inbox == BUSY.world().state().inbox


def test_what_interrupted_gives_up_being_next_but_not_the_head_of_the_line() -> None:
    past = given(
        submit("A"), steer("S"), queue("B"), send_now("X", "continue"), redeliver("X", "queue")
    )
    past.when(stop("A")).then("turn.completed A interrupted", *runs("S"))
    after = given(*past.steps, stop("A"))
    after.when(complete("S")).then("turn.completed S completed", *runs("X"))


def test_a_held_one_that_became_a_steer_steers_once_it_is_released() -> None:
    held = given(*HELD.steps, submit("E"), redeliver("C", "steer"))
    held.when(take_steers("E")).answers()
    assert waiting(held.world()) == ["B held", "C held", "D held"]
    released = given(*held.steps, release("C"))
    released.when(complete("E")).refused(SteersPending)
    released.when(take_steers("E")).then(*steers("C", "E"))
    # Or it falls back, as any steer whose turn is over.
    late = given(*held.steps, complete("E"))
    late.when(release()).then("queue.released B C D", *runs("C"))


def test_an_interrupt_claims_what_became_a_steer_as_any_other() -> None:
    past = given(*BUSY.steps, redeliver("C", "steer"), interrupt("A", "hold"), release())
    past.when(stop("A")).then("turn.completed A interrupted", *runs("B"))


def test_a_steer_that_is_taken_meanwhile_is_not_redelivered() -> None:
    world = STEERED.world()
    world.log.before_append = lambda: take_steers("A")(world)
    with pytest.raises(PromptNotWaiting):
        redeliver("S", "queue")(world)


def test_an_edited_last_turn_has_nothing_to_do_with_what_waits() -> None:
    given(*HELD.steps, edit("E")).when(edit_waiting("B", "b")).then("prompt.edited B 'b'")


def test_unknown_threads_have_no_prompts() -> None:
    world = World()
    for step in (edit_waiting("B", "b"), redeliver("B", "queue"), move("B", "first")):
        with pytest.raises(Exception, match="no thread thr_1"):
            step(world)


def test_an_edit_without_a_difference_keeps_the_summary_the_prompt_was_given() -> None:
    world = given(submit("A")).world()
    summed = Overrides(input_summary="in short")
    world.service.submit(THREAD, "B", delivery="queue", overrides=summed, input_id="inp_B")
    assert world.service.edit(THREAD, "inp_B", "B").seq is None
    (prompt,) = world.state().inbox
    assert prompt.summary == "in short"


def test_a_place_in_line_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="first, last, before or after"):
        BUSY.world().service.move(THREAD, "inp_B", "front")  # type: ignore[arg-type]
