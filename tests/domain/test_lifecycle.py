"""Create, update, archive and unarchive."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.command import Command
from domain.decide.lifecycle import decide_create
from domain.errors import (
    InvalidArgument,
    ThreadBusy,
    ThreadExists,
    ThreadIsArchived,
    ThreadIsImported,
    ThreadNotFound,
)
from domain.events.thread import Origin, ThreadCreated
from domain.options import SettingsChange, ThreadSettings, TurnOptions
from domain.thread import Thread, evolve
from tests.domain.given import Row, check, given, runs
from tests.domain.render import lines
from tests.domain.steps import (
    Step,
    archive,
    compact,
    complete,
    create,
    edit,
    interrupt,
    queue,
    release,
    rollback,
    send_now,
    stop,
    submit,
    unarchive,
    update,
    withdraw,
)
from tests.domain.world import THREAD, World
from tests.fixtures.clock import START

SETTINGS = ThreadSettings(options=TurnOptions(model="m1"), queue_on_interrupt="continue")
CHANGE = SettingsChange(options=TurnOptions(model="m1"), queue_on_interrupt="continue")

ROWS = [
    Row("a thread is made once", given(), create(command_id="cmd_2"), ThreadExists),
    Row("a new title", given(), update("T"), ("thread.updated 'T'",)),
    Row("new settings", given(), update(settings=CHANGE), ("thread.updated",)),
    Row(
        "no title any more", given(update("T")), update("", command_id="cmd_2"), ("thread.updated",)
    ),
    Row(
        "an update that changes nothing",
        given(update("T", CHANGE)),
        update("T", CHANGE, "cmd_2"),
        (),
    ),
    Row("an update of nothing at all", given(), update(), ()),
    Row("an update while a turn runs", given(submit("A")), update("T"), ("thread.updated 'T'",)),
    Row("an update of an archived thread", given(archive()), update("T"), ThreadIsArchived),
    Row("an idle thread is archived", given(), archive(), ("thread.archived",)),
    Row("archived already", given(archive()), archive("cmd_2"), ()),
    Row("a running thread is not archived", given(submit("A")), archive(), ThreadBusy),
    Row("unarchive", given(archive()), unarchive(), ("thread.unarchived",)),
    Row("not archived in the first place", given(), unarchive(), ()),
    Row("no prompt into an archived thread", given(archive()), submit("A"), ThreadIsArchived),
    Row("no compaction of an archived thread", given(archive()), compact(), ThreadIsArchived),
    Row(
        "no rollback of an archived thread",
        given(submit("A"), complete("A"), archive()),
        rollback(),
        ThreadIsArchived,
    ),
    Row(
        "no edit in an archived thread",
        given(submit("A"), complete("A"), archive()),
        edit("B"),
        ThreadIsArchived,
    ),
    Row(
        "held prompts stay held in the archive",
        given(submit("A"), queue("B"), interrupt("A", "hold"), stop("A"), archive()),
        release(),
        ThreadIsArchived,
    ),
    Row(
        "and run on after it",
        given(submit("A"), queue("B"), interrupt("A"), stop("A"), archive(), unarchive()),
        release(),
        ("queue.released B", *runs("B")),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_life_of_a_thread(row: Row) -> None:
    row.check()


def test_a_new_thread_keeps_its_title_and_settings() -> None:
    world = World()
    outcome = create("  A\ttitle ", SETTINGS)(world)
    check(world)
    assert lines(world.history()) == ["thread.created 'A title'"]
    assert outcome.thread_id == THREAD
    assert (outcome.seq, outcome.position) == (1, 1)
    assert (world.state().title, world.state().settings) == ("A title", SETTINGS)


def test_without_an_id_a_thread_gets_one() -> None:
    world = World()
    first = create(thread_id=None, command_id="cmd_1")(world)
    second = create(thread_id=None, command_id="cmd_2")(world)
    assert first.thread_id.startswith("thr_")
    assert first.thread_id != second.thread_id


@pytest.mark.parametrize(
    "thread_id", ["x", "thr_", "turn_1", "thr_a b", "thr_\0", "thr_" + "x" * 200], ids=ascii
)
def test_a_thread_id_of_another_shape_is_refused(thread_id: str) -> None:
    world = World()
    with pytest.raises(InvalidArgument):
        create(thread_id=thread_id)(world)
    assert world.log.entries == []


def test_update_keeps_what_it_does_not_name() -> None:
    world = World.with_thread(SETTINGS)
    update("T")(world)
    assert (world.state().title, world.state().settings) == ("T", SETTINGS)
    update(settings=SettingsChange(steerable=False), command_id="cmd_2")(world)
    assert (world.state().title, world.state().settings) == (
        "T",
        SETTINGS.model_copy(update={"steerable": False}),
    )


COMMANDS: dict[str, Step] = {
    "submit": submit("A"),
    "queue": queue("A"),
    "steer": submit("A", "steer"),
    "steer_turn": lambda world: world.service.steer(THREAD, "turn_1", "A", input_id="inp_A"),
    "send_now": send_now("A"),
    "take_steers": lambda world: world.service.take_steers(THREAD, "turn_1"),
    "interrupt": interrupt("A"),
    "finish": complete("A"),
    "start_failed": lambda world: world.service.start_failed(THREAD, "turn_1", "no"),
    "recover": lambda world: world.service.recover(THREAD, "turn_1"),
    "release": release(),
    "withdraw": withdraw("A"),
    "compact": compact(),
    "edit": edit("A"),
    "rollback": rollback(),
    "update": update("T"),
    "archive": archive(),
    "unarchive": unarchive(),
    "start_item": lambda world: world.service.start_item(THREAD, "turn_1", "status", "s"),
    "end_item": lambda world: world.service.end_item(THREAD, "turn_1", "item_1"),
    "record_item": lambda world: world.service.record_item(THREAD, "turn_1", "status", "s"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_an_unknown_thread(name: str) -> None:
    world = World()
    with pytest.raises(ThreadNotFound, match=THREAD):
        COMMANDS[name](world)
    assert world.log.entries == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_imported_history(name: str) -> None:
    world = World()
    world.put(
        ThreadCreated(
            thread_id=THREAD,
            actor="import",
            command_id="cmd_import",
            at=START,
            receipt="r",
            settings=ThreadSettings(),
            origin=Origin(kind="imported", format="x", native_id="n"),
        )
    )
    with pytest.raises(ThreadIsImported, match=THREAD):
        COMMANDS[name](world)
    assert len(world.history()) == 1


def test_reading_an_unknown_thread_is_refused() -> None:
    with pytest.raises(ThreadNotFound):
        World().service.thread("thr_9")


@pytest.mark.parametrize("actor", ["", "a\0b", "a\nb", "\ud800", "x" * 201], ids=ascii)
def test_an_actor_has_a_name_that_can_be_shown(actor: str) -> None:
    world = World()
    with pytest.raises(InvalidArgument, match="1 to 200 printable"):
        world.service.create(actor=actor)
    assert world.log.entries == []
    world.service.create(actor="x" * 200)


@pytest.mark.parametrize("thread_id", ["thr_\0", "thr_\ud800", "thr_" + "x" * 200], ids=ascii)
def test_a_thread_id_that_cannot_be_stored_never_reaches_the_log(
    thread_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = (world := World()).service
    monkeypatch.setattr(world.log, "read_thread", pytest.fail)
    monkeypatch.setattr(world.log, "read_command", pytest.fail)
    asked: list[Callable[[], object]] = [
        lambda: service.submit(thread_id, "A"),
        lambda: service.interrupt(thread_id, "turn_1"),
        lambda: service.archive(thread_id),
        lambda: service.thread(thread_id),
    ]
    for ask in asked:
        with pytest.raises(InvalidArgument):
            ask()


@pytest.mark.parametrize("bad", ["\0", "\ud800", "a b", ""], ids=ascii)
def test_ids_a_command_names_are_checked_before_anything_else(bad: str) -> None:
    """They are shown again in refusals, so they must be such as can be shown."""
    world = given(submit("A")).world()
    service, turn_id = world.service, world.turn("A")
    asked: list[Callable[[], object]] = [
        lambda: service.steer(THREAD, f"turn_{bad}", "S"),
        lambda: service.interrupt(THREAD, f"turn_{bad}"),
        lambda: service.take_steers(THREAD, f"turn_{bad}"),
        lambda: service.finish(THREAD, f"turn_{bad}", "completed"),
        lambda: service.recover(THREAD, f"turn_{bad}"),
        lambda: service.end_item(THREAD, turn_id, f"item_{bad}"),
        lambda: service.withdraw(THREAD, f"inp_{bad}"),
        lambda: service.release(THREAD, [f"inp_{bad}"]),
    ]
    for ask in asked:
        with pytest.raises(InvalidArgument) as caught:
            ask()
        caught.value.message.encode()


def test_an_imported_thread_says_where_it_comes_from() -> None:
    origin = Origin(kind="imported", format="x", native_id="n")
    command = Command("cmd_1", "import", START, b"")
    (created,) = decide_create("T", ThreadSettings(), origin, command, Thread(THREAD))
    assert isinstance(created, ThreadCreated)
    assert created.origin == origin
    assert evolve(Thread(THREAD), created).imported
