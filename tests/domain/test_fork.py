"""fork: a new thread with its own copy of the history up to a point."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.command import Command
from domain.context import messages
from domain.decide.fork import NAMES, NOT_COPIED, decide_fork
from domain.errors import (
    CommandConflict,
    InvalidArgument,
    ThreadExists,
    ThreadNotFound,
    TurnNotFound,
)
from domain.events.base import Event, Source, Usage
from domain.events.registry import ALL
from domain.events.thread import ForkPoint, ThreadCreated
from domain.events.turn import TurnCompleted
from domain.options import SettingsChange, ThreadSettings
from domain.outcome import Outcome
from domain.ports import Message, Recorded
from domain.thread import Thread
from tests.domain.given import check, given
from tests.domain.steps import (
    archive,
    ask,
    complete,
    edit,
    fail,
    finish,
    interrupt,
    move,
    queue,
    record_item,
    rollback,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
    update,
)
from tests.domain.world import THREAD, World, running
from tests.fixtures.clock import START
from tests.laws_breakers import STORY

FORK = "thr_fork"
LIFE = {cls.name for cls in NOT_COPIED}


def fork(
    world: World,
    turn: str | None = None,
    seq: int | None = None,
    *,
    of: str = THREAD,
    into: str | None = FORK,
    title: str | None = None,
) -> Outcome:
    at_turn = world.turn(turn, of) if turn else None
    return world.service.fork(
        of, at_turn=at_turn, at_seq=seq, new_thread_id=into, title=title, command_id="cmd_fork"
    )


def names(history: list[Recorded]) -> list[str]:
    return [entry.event.name for entry in history]


def said(history: list[Recorded]) -> list[Message]:
    """What the model sees, apart from ids."""
    return [replace(message, item_id="") for message in messages(entry.event for entry in history)]


def copies(world: World, thread_id: str = FORK) -> list[Event]:
    """What came from the parent as it was there."""
    return [
        entry.event
        for entry in world.history(thread_id)
        if entry.event.copied and entry.event.source and not entry.event.source.inferred
    ]


def test_a_fork_has_the_whole_history_and_goes_on_by_itself() -> None:
    world = given(submit("A"), record_item("A", text="hi"), complete("A")).world()
    outcome = fork(world)
    assert outcome.thread_id == FORK
    assert names(world.history(FORK)) == [*names(world.history()), "thread.updated"]
    assert said(world.history(FORK)) == said(world.history())
    check(world, FORK)
    submit("B", thread_id=FORK)(world)
    check(world, FORK)
    assert running(world) is None
    assert [message.text for message in said(world.history(FORK))] == ["A", "hi", "B"]


def test_a_fork_is_one_append_and_leaves_its_parent_alone() -> None:
    world = STORY.world()
    before, appends = world.history(), world.log.appends
    outcome = fork(world)
    assert world.log.appends == appends + 1
    assert world.history() == before
    assert outcome.seq == len(world.history(FORK))
    # Its outcome has nothing of what the copied events did when they happened.
    assert outcome == Outcome(FORK, "cmd_fork", seq=outcome.seq, position=outcome.position)


def test_it_says_what_it_was_forked_from() -> None:
    world = given(submit("A"), complete("A"), update("T"), archive()).world()
    fork(world)
    first = world.history(FORK)[0].event
    assert isinstance(first, ThreadCreated)
    assert first.forked_from == ForkPoint(thread_id=THREAD, seq=len(world.history()))
    assert first.title == "T"
    state = world.state(FORK)
    assert (state.title, state.archived, state.imported) == ("T", False, False)


def test_title_and_settings_are_those_of_the_point_unless_it_gets_a_title() -> None:
    early, late = SettingsChange(steerable=False), SettingsChange(queue_on_interrupt="discard")
    world = given(
        update("old", early), submit("A"), complete("A"), update("new", late, "cmd_2")
    ).world()
    fork(world, "A", into="thr_a")
    fork_of_all = world.service.fork(THREAD, title="mine").thread_id
    a, b = world.state("thr_a"), world.state(fork_of_all)
    assert (a.title, a.settings) == ("old", ThreadSettings(steerable=False))
    assert (b.title, b.settings) == ("mine", late.over(a.settings))


def test_what_closes_it_says_why() -> None:
    world = given(submit("A"), queue("B")).world()
    fork(world)
    notes = [
        (entry.event.name, entry.event.source.note)
        for entry in world.history(FORK)
        if entry.event.source and entry.event.source.inferred
    ]
    assert notes == [
        ("prompt.withdrawn", "it waits in the thread that was forked"),
        ("turn.completed", "the thread was forked here"),
    ]


# ── Where ────────────────────────────────────────────────────────────────────────────────────────

TURNS = given(
    submit("A"), queue("B"), steer("S"), take_steers("A"), complete("A"), queue("C"), stop("B")
)


@pytest.mark.parametrize(
    ("turn", "texts"), [("A", ["A", "S"]), ("B", ["A", "S", "B"]), ("C", ["A", "S", "B", "C"])]
)
def test_at_a_turn_means_with_that_turn_and_nothing_after_it(turn: str, texts: list[str]) -> None:
    world = TURNS.world()
    fork(world, turn)
    assert [message.text for message in said(world.history(FORK))] == texts
    check(world, FORK)


def test_a_turn_that_runs_is_interrupted_in_the_fork_and_runs_on_in_the_parent() -> None:
    world = given(
        submit("A"), start_item("A"), ask("A", kind="tool_call"), steer("S"), queue("B")
    ).world()
    fork(world)
    assert running(world) == "A"
    ends = world.history(FORK)[-6:]
    assert names(ends) == [
        *("prompt.withdrawn", "prompt.withdrawn", "approval.cancelled", "item.interrupted"),
        *("turn.completed", "thread.updated"),
    ]
    assert all(e.event.source is not None and e.event.source.inferred for e in ends[:-1])
    state = world.state(FORK)
    assert (state.turn, state.inbox) == (None, ())
    check(world, FORK)
    # No call without an answer (D20).
    assert said(world.history(FORK))[-1].error == "the thread was forked here"


def test_what_waits_stays_in_the_parent() -> None:
    for held in ([], [interrupt("A", "hold")], [interrupt("A", "hold"), stop("A")]):
        world = given(submit("A"), queue("B"), move("B", "last"), steer("S"), *held).world()
        waiting = world.state().inbox
        fork(world)
        assert world.state(FORK).inbox == ()
        assert world.state().inbox == waiting
        check(world, FORK)


def test_at_a_seq_means_up_to_the_last_whole_command() -> None:
    world = TURNS.world()
    ends = set(world.ends())
    for seq in range(1, len(world.history()) + 1):
        into = f"thr_at_{seq}"
        world.service.fork(THREAD, at_seq=seq, new_thread_id=into)
        first = world.history(into)[0].event
        assert isinstance(first, ThreadCreated)
        assert first.forked_from is not None
        cut = first.forked_from.seq
        assert cut <= seq
        whole = {*ends, *(e.seq for e in world.history() if isinstance(e.event, TurnCompleted))}
        assert cut == max(end for end in whole if end <= seq)
        check(world, into)


def test_before_a_turn_that_a_drain_began() -> None:
    world = TURNS.world()
    (began,) = [
        entry.seq
        for entry in world.history()
        if entry.event.name == "turn.started" and entry.event.stream_id == world.turn("B")
    ]
    fork(world, seq=began - 1)
    assert [message.text for message in said(world.history(FORK))] == ["A", "S"]


def test_a_thread_that_began_with_its_prompt_can_be_forked_at_its_beginning() -> None:
    world = World()
    parent = world.service.start("A").thread_id
    fork(world, of=parent, seq=3)
    assert names(world.history(FORK)) == ["thread.created", "thread.updated"]


def test_a_turn_that_left_the_context_is_in_it_again_before_that() -> None:
    world = given(submit("A"), complete("A"), submit("B"), complete("B"), rollback(), edit("C"))
    there = world.world()
    fork(there, "B")
    assert [message.text for message in said(there.history(FORK))] == ["A", "B"]
    whole = there.service.fork(THREAD).thread_id
    assert said(there.history(whole)) == said(there.history())


@pytest.mark.parametrize("seq", [0, -1, 99])
def test_there_is_no_such_event(seq: int) -> None:
    world = TURNS.world()
    with pytest.raises(InvalidArgument, match=rf"^The seq {seq} is .*: the thread has events 1 to"):
        fork(world, seq=seq)
    assert not world.history(FORK)


def test_refusals() -> None:
    world = TURNS.world()
    before = len(world.log.entries)
    with pytest.raises(TurnNotFound, match=rf"^Thread {THREAD} has no turn turn_9\."):
        fork(world, "turn_9")
    with pytest.raises(InvalidArgument, match=r"^The place to fork at is .*: give a turn or a seq"):
        fork(world, "A", 3)
    with pytest.raises(ThreadNotFound):
        fork(world, of="thr_9")
    with pytest.raises(ThreadExists, match=f"^Thread {THREAD} exists already"):
        fork(world, into=THREAD)
    assert len(world.log.entries) == before


# ── What it takes along ──────────────────────────────────────────────────────────────────────────


def test_no_tokens_are_counted_again() -> None:
    world = given(submit("A"), finish("A", usage=Usage(input_tokens=3))).world()
    fork(world)
    ends = [e for e in copies(world) if isinstance(e, TurnCompleted)]
    assert [end.usage for end in ends] == [None]


def test_times_and_actors_are_kept_and_every_copy_says_where_it_is_from() -> None:
    world = STORY.world()
    fork(world)
    parents = {entry.seq: entry.event for entry in world.history()}
    for event in copies(world):
        assert event.source is not None
        original = parents[event.source.line]
        assert (event.name, event.at, event.actor) == (original.name, original.at, original.actor)
        assert event.source.record == original.command_id
    kept = [entry.seq for entry in world.history() if entry.event.name not in LIFE]
    assert [event.source.line for event in copies(world) if event.source] == kept


def test_what_an_importer_knew_of_an_event_is_known_of_its_copy() -> None:
    source = Source(format="jsonl", line=7, record="r", time=START, inferred=True, note="cut")
    imported = [
        entry._replace(event=entry.event.model_copy(update={"source": source}))
        for entry in given(submit("A"), complete("A")).world().history()
    ]
    command = Command("cmd_fork", "somebody", START, bytes(16))
    events = decide_fork(imported, None, command, Thread(FORK))
    sources = [event.source for event in events if event.source]
    assert {(s.time, s.inferred, s.note) for s in sources} == {(START, True, "cut")}
    decided = [e.event.command_id for e in imported if e.event.name not in LIFE]
    assert [s.record for s in sources] == decided, "here, not in the file it is from"


def test_it_shares_no_id_with_its_parent() -> None:
    world = STORY.world()
    fork(world)

    def ids(thread_id: str) -> set[str]:
        found: set[str] = set()
        for entry in world.history(thread_id):
            for name in {*NAMES, "thread_id", "command_id"}:
                value = getattr(entry.event, name, None) or ()
                found.update([value] if isinstance(value, str) else value)
        return found

    assert not ids(THREAD) & ids(FORK)


def test_every_field_that_names_something_is_renamed() -> None:
    named = {
        name
        for cls in ALL
        for name in cls.model_fields
        if name.endswith(("_id", "_ids")) and name not in {"thread_id", "command_id"}
    }
    assert named == NAMES.keys()


def test_a_retry_of_a_prompt_goes_to_the_parent() -> None:
    world = STORY.world()
    fork(world)
    before = len(world.log.entries)
    assert submit("A")(world).repeated
    with pytest.raises(CommandConflict):
        submit("A", thread_id=FORK)(world)
    assert len(world.log.entries) == before


def test_three_failures_are_not_forgotten_and_hold_nothing_that_is_new() -> None:
    world = given(submit("A"), fail("A"), submit("B"), fail("B"), submit("C"), fail("C")).world()
    submit("D")(world)
    fork(world)
    check(world, FORK)
    assert world.state(FORK).failures == 3
    assert submit("E", thread_id=FORK)(world).started_turn_id is not None


# ── Retries and races ────────────────────────────────────────────────────────────────────────────


def test_a_retry_finds_the_fork_also_if_the_parent_has_gone_on() -> None:
    for into in (FORK, None):
        world = TURNS.world()
        first = fork(world, into=into)
        stop("C")(world)
        world.crash()
        again = fork(world, into=into)
        assert again == first
        assert again.repeated
        with pytest.raises(CommandConflict):
            fork(world, "A", into=into)


def test_two_forks_without_a_command_id_are_two_forks() -> None:
    world = TURNS.world()
    first, second = world.service.fork(THREAD), world.service.fork(THREAD)
    assert first.thread_id != second.thread_id


def test_what_the_parent_does_meanwhile_is_not_in_the_fork() -> None:
    world = TURNS.world()
    before = len(world.history())
    world.log.before_append = lambda: stop("C")(world)
    fork(world)
    first = world.history(FORK)[0].event
    assert isinstance(first, ThreadCreated)
    assert first.forked_from is not None
    assert first.forked_from.seq == before


def test_the_title_of_a_fork_is_cleaned_like_any_other() -> None:
    world = TURNS.world()
    fork_id = world.service.fork(THREAD, title="a\0b " + "x" * 500).thread_id
    title = world.service.thread(fork_id).title
    assert title is not None
    assert "\0" not in title
    assert len(title) <= 280
