"""Retries (L10): the recorded outcome again, nothing appended, and another command refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from domain.command import body_hash
from domain.errors import CommandConflict, PromptRequired, ThreadBusy
from domain.options import Overrides, ThreadSettings, TurnOptions
from domain.ports import Fence, Recorded, Uncommitted
from tests.domain.given import Given, check, given, runs
from tests.domain.steps import (
    Step,
    answer,
    archive,
    ask,
    compact,
    complete,
    create,
    edit,
    edit_waiting,
    fail,
    finish,
    interrupt,
    move,
    queue,
    recover,
    redeliver,
    release,
    rollback,
    send_now,
    start_failed,
    steer,
    stop,
    submit,
    unarchive,
    update,
    withdraw,
)
from tests.domain.test_item_receipts import begin_item, close_item, note_item
from tests.domain.world import THREAD, World

HELD = given(submit("A"), queue("B"), queue("C"), interrupt("A", "hold"), stop("A"))

# What a client may retry: a past, the command, and what makes the command impossible afterwards.
RETRIES: dict[str, tuple[Given, Step, tuple[Step, ...]]] = {
    "create": (given(), create(), ()),
    "update": (given(), update("T"), (update("U", command_id="cmd_later"),)),
    "archive": (given(), archive(), (unarchive(), submit("A"))),
    "unarchive": (given(archive()), unarchive(), (archive("cmd_later"),)),
    "submit": (given(), submit("A"), (complete("A"), submit("Z"))),
    "submit queue": (given(submit("A")), queue("B"), (withdraw("B"),)),
    "submit steer": (given(submit("A")), steer("S"), (fail("A"), complete("S"), compact())),
    "send now": (given(submit("A")), send_now("X"), (stop("A"), complete("X"), rollback())),
    "steer": (given(submit("A")), steer("S", "A"), (fail("A"),)),
    "interrupt": (given(submit("A"), queue("B")), interrupt("A", "discard"), (stop("A"),)),
    "finish": (given(submit("A"), queue("B")), complete("A"), (fail("B"),)),
    "start_failed": (given(submit("A"), queue("B")), start_failed("A"), (complete("B"),)),
    "release": (HELD, release(), (complete("B"), complete("C"))),
    "release one": (HELD, release("C"), (complete("C"),)),
    "withdraw": (HELD, withdraw("B"), (release(),)),
    "edit a waiting one": (HELD, edit_waiting("B", "b"), (release(), complete("B"))),
    "redeliver": (given(submit("A"), queue("B")), redeliver("B", "steer"), (fail("A"),)),
    "redeliver back": (given(submit("A"), steer("S")), redeliver("S", "queue"), (fail("A"),)),
    "move": (HELD, move("C", "before", "B"), (withdraw("B"), release())),
    "take_steers": (
        given(submit("A"), steer("S")),
        lambda world: world.service.take_steers(THREAD, world.turn("A"), command_id="cmd_1"),
        (steer("T"), fail("A")),
    ),
    "start_item": (given(submit("A")), begin_item({"q": 1}), (complete("A"),)),
    "end_item": (given(submit("A"), begin_item()), close_item("found"), (complete("A"),)),
    "record_item": (given(submit("A")), note_item("hello"), (complete("A"), submit("B"))),
    "request_approval": (given(submit("A")), ask("A"), (answer(), complete("A"))),
    "resolve_approval": (given(submit("A"), ask("A")), answer(), (complete("A"),)),
    "compact": (given(), compact(), (complete("compaction"), submit("A"))),
    "edit": (given(submit("A"), fail("A")), edit("B"), (complete("B"), rollback(), submit("C"))),
    "rollback": (given(submit("A"), stop("A")), rollback(), (submit("B"),)),
}


@pytest.mark.parametrize("name", RETRIES)
def test_a_retry_is_answered_with_the_same_outcome_and_appends_nothing(name: str) -> None:
    past, command, _ = RETRIES[name]
    for world in past.worlds():
        first = command(world)
        recorded = world.log.entries[:]
        between: list[Callable[[], None]] = [lambda: None, world.crash]
        for happens in between:
            happens()
            again = command(world)
            assert again == first
            assert again.repeated
        assert world.log.entries == recorded


@pytest.mark.parametrize("name", RETRIES)
@pytest.mark.parametrize("crash", [False, True])
def test_a_retry_is_answered_also_when_the_command_would_now_be_refused(
    name: str, crash: bool
) -> None:
    past, command, later = RETRIES[name]
    world = past.world()
    first = command(world)
    for step in later:
        step(world)
    check(world)
    recorded = world.log.entries[:]
    if crash:
        world.crash()
    assert command(world) == first
    assert world.log.entries == recorded


@pytest.mark.parametrize("name", RETRIES)
def test_a_retry_is_answered_from_every_older_state(name: str) -> None:
    past, command, later = RETRIES[name]
    world = past.world()
    first = command(world)
    for step in later:
        step(world)
    recorded = world.log.entries[:]
    for seq in world.ends():
        world.remember_at(seq)
        assert command(world) == first
    assert world.log.entries == recorded


@pytest.mark.parametrize("receipts_first", [True, False])
def test_it_does_not_matter_what_the_store_refuses_first(receipts_first: bool) -> None:
    world = World(receipts_first=receipts_first)
    create()(world)
    submit("A")(world)
    first = queue("B")(world)
    world.remember_at(1)
    again = queue("B")(world)
    assert again == first
    assert again.repeated


def test_a_first_call_does_not_say_that_it_repeats() -> None:
    assert not submit("A")(given().world()).repeated


# ── Another command under the same id ────────────────────────────────────────────────────────────

A_RUNS = given(submit("A"), queue("B"))
OTHER_BODIES: dict[str, Step] = {
    "text": submit("A", text="other"),
    "space around the text": submit("A", text=" A"),
    "delivery": queue("A"),
    "policy": submit("A", queued="hold"),
    "model": submit("A", overrides=Overrides(options=TurnOptions(model="m"))),
    "route": submit("A", overrides=Overrides(route_intent="r")),
    "summary": submit("A", overrides=Overrides(input_summary="s")),
    "origin": lambda world: world.service.submit(
        THREAD, "A", input_id="inp_A", origin="notification"
    ),
    "intent": edit("A", "A"),
    "no text": submit("A", text=""),
}


@pytest.mark.parametrize("what", OTHER_BODIES)
def test_the_same_input_id_with_another_body_is_a_conflict(what: str) -> None:
    A_RUNS.when(OTHER_BODIES[what]).refused(CommandConflict)
    given(submit("A"), complete("A")).when(OTHER_BODIES[what]).refused(CommandConflict)


OTHER_COMMANDS: dict[str, tuple[Given, Step]] = {
    "interrupt": (
        given(submit("A"), interrupt("A", "hold", "cmd_1")),
        interrupt("A", "discard", "cmd_1"),
    ),
    "update": (given(update("T", command_id="cmd_1")), update("U", command_id="cmd_1")),
    "release": (
        given(*HELD.steps, lambda world: world.service.release(THREAD, command_id="cmd_1")),
        lambda world: world.service.release(THREAD, ["inp_C"], command_id="cmd_1"),
    ),
    "edit a waiting one": (
        given(*HELD.steps, edit_waiting("B", "b", command_id="cmd_1")),
        edit_waiting("B", "c", command_id="cmd_1"),
    ),
    "redeliver": (
        given(submit("A"), steer("S"), redeliver("S", "queue", "cmd_1")),
        redeliver("S", "steer", "cmd_1"),
    ),
    "move": (
        given(*HELD.steps, move("C", "before", "B", "cmd_1")),
        move("C", "after", "B", "cmd_1"),
    ),
    "resolve_approval": (
        given(submit("A"), ask("A"), answer("ok", "approved")),
        answer("ok", "denied"),
    ),
    "another intent": (given(archive("cmd_1")), unarchive("cmd_1")),
    "create": (given(), create("other title")),
    "finish": (
        given(submit("A"), complete("A")),
        lambda world: world.service.finish(
            THREAD, world.turn("A"), "failed", command_id="cmd_finish_A_completed"
        ),
    ),
    "rollback": (given(submit("A"), stop("A"), submit("B"), stop("B"), rollback()), rollback(2)),
    "compact": (given(compact(), complete("compaction")), compact("a reason")),
}


@pytest.mark.parametrize("name", OTHER_COMMANDS)
def test_the_same_command_id_with_another_body_is_a_conflict(name: str) -> None:
    past, other = OTHER_COMMANDS[name]
    past.when(other).refused(CommandConflict)


def test_the_same_input_id_from_another_thread_is_a_conflict() -> None:
    for past in (
        [submit("A")],
        [submit("A"), complete("A"), rollback()],
        [submit("B"), queue("A"), withdraw("A")],
    ):
        world = given(*past).world()
        world.service.create(thread_id="thr_2")
        for _ in range(2):
            with pytest.raises(CommandConflict):
                submit("A", thread_id="thr_2")(world)
            world.crash()
        assert len(world.history("thr_2")) == 1


def test_the_same_input_id_from_a_thread_that_does_not_exist_is_a_conflict() -> None:
    world = given(submit("A")).world()
    with pytest.raises(CommandConflict):
        submit("A", thread_id="thr_2")(world)


def test_the_same_command_id_from_another_thread_is_a_conflict() -> None:
    world = given(archive("cmd_1")).world()
    world.service.create(thread_id="thr_2")
    with pytest.raises(CommandConflict):
        world.service.archive("thr_2", command_id="cmd_1")
    with pytest.raises(CommandConflict):
        world.service.create(thread_id="thr_3", command_id="cmd_1")


# ── Threads that are made without an id ──────────────────────────────────────────────────────────


def test_a_retried_creation_finds_its_thread() -> None:
    world = World()
    first = create("T", thread_id=None)(world)
    again = create("T", thread_id=None)(world)
    assert again == first
    assert again.repeated
    assert len(world.log.entries) == 1


def test_two_creations_at_once_make_one_thread() -> None:
    world = World()
    first = []
    world.log.before_append = lambda: first.append(create("T", thread_id=None)(world))
    second = create("T", thread_id=None)(world)
    assert [second] == first
    assert len(world.log.entries) == 1


def test_a_creation_with_another_title_is_a_conflict() -> None:
    world = World()
    create("T", thread_id=None)(world)
    with pytest.raises(CommandConflict):
        create("U", thread_id=None)(world)


# ── What leaves no receipt ───────────────────────────────────────────────────────────────────────


def test_a_refused_command_may_be_sent_again_and_is_decided_again() -> None:
    world = given(submit("A")).world()
    with pytest.raises(ThreadBusy):
        submit("B")(world)
    complete("A")(world)
    outcome = submit("B")(world)
    assert not outcome.repeated
    assert outcome.started_turn_id == world.turn("B")


def test_a_refused_prompt_may_come_again_with_another_text() -> None:
    world = given().world()
    with pytest.raises(PromptRequired):
        submit("A", text=" ")(world)
    assert submit("A", text="a")(world).admission is not None


def test_a_recovery_done_twice_is_refused_the_second_time() -> None:
    given(submit("A"), queue("B")).when(recover("A")).then(
        "turn.completed A interrupted 'worker lost'", *runs("B")
    )


# ── Whose answer is lost ─────────────────────────────────────────────────────────────────────────


def test_an_append_whose_answer_was_lost_is_answered_by_the_retry_inside() -> None:
    """A store that appends, loses the answer and tries again finds the receipt."""
    world = given(submit("A")).world()
    append = world.log.append
    seen: list[tuple[Recorded, ...]] = []

    def append_twice(
        entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        seen.append(append(entries, expected_seq=expected_seq))
        return append(entries, expected_seq=expected_seq)

    world.log.append = append_twice  # type: ignore[method-assign]
    outcome = world.service.interrupt(THREAD, world.turn("A"))
    assert outcome.seq == seen[0][-1].seq
    assert len(seen) == 1
    check(world)


# ── The body's hash ──────────────────────────────────────────────────────────────────────────────


def test_a_body_is_hashed_by_what_it_says_and_not_by_how_it_is_written() -> None:
    settings = ThreadSettings(options=TurnOptions(temperature=1))
    same = ThreadSettings(options=TurnOptions(temperature=1.0))
    assert body_hash("x", {"a": 1, "s": settings}) == body_hash("x", {"s": same, "a": 1})


def test_bodies_that_differ_have_different_hashes() -> None:
    bodies: list[tuple[str, dict[str, object]]] = [
        ("x", {}),
        ("y", {}),
        ("x", {"a": None}),
        ("x", {"a": ""}),
        ("x", {"a": "\ufffd"}),
        ("x", {"a": "\ud800"}),
        ("x", {"a": "\0"}),
        ("x", {"a": ["1", "2"]}),
        ("x", {"a": ["12"]}),
        ("x", {"a": Overrides()}),
    ]
    assert len({body_hash(name, body) for name, body in bodies}) == len(bodies)


def test_release_of_the_same_prompts_in_another_order_is_the_same_command() -> None:
    world = HELD.world()
    first = world.service.release(THREAD, ["inp_C", "inp_B"], command_id="cmd_1")
    again = world.service.release(THREAD, ["inp_B", "inp_C"], command_id="cmd_1")
    assert again == first
    assert replace(again, repeated=False) == first


def test_a_finish_with_another_error_is_another_command() -> None:
    world = given(submit("A"), finish("A", "failed", "x")).world()
    with pytest.raises(CommandConflict):
        finish("A", "failed", "y")(world)
