"""What is true of every decision on every state that commands can lead to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import inbox as inboxes
from domain.command import Command
from domain.decide.compact import decide_compact
from domain.decide.finish import decide_finish, decide_recover
from domain.decide.interrupt import decide_interrupt
from domain.decide.lifecycle import decide_archive, decide_unarchive, decide_update
from domain.decide.queue import decide_release, decide_withdraw
from domain.decide.rewind import decide_edit_last_turn, decide_rollback
from domain.decide.steering import decide_take_steers
from domain.decide.submit import NewPrompt, decide_steer, decide_submit
from domain.errors import Refused
from domain.events.base import Event
from domain.options import QueuePolicy, Routing, SettingsChange
from domain.thread import Thread, fold
from tests.domain.world import THREAD, World
from tests.fixtures.clock import START
from tests.strategies import POLICIES, Move, moves, play_all, scripts

Decision = Callable[[Command, Thread], tuple[Event, ...]]


def turn_id(thread: Thread) -> str:
    """The active turn, or one there never was."""
    return thread.turn.turn_id if thread.turn else "turn_9"


def first_waiting(thread: Thread) -> str:
    return thread.inbox[0].input_id if thread.inbox else "inp_9"


def prompt(move: Move) -> NewPrompt:
    return NewPrompt("inp_new", move.text, move.delivery, queued=move.queued)


def decisions(move: Move) -> dict[str, Decision]:
    """Every decision there is, with that move's choices."""
    new, none = prompt(move), Routing()
    return {
        "submit": lambda command, thread: decide_submit(new, none, command, thread),
        "steer": lambda command, thread: decide_steer(turn_id(thread), new, none, command, thread),
        "take_steers": lambda command, thread: decide_take_steers(turn_id(thread), command, thread),
        "interrupt": lambda command, thread: decide_interrupt(
            turn_id(thread), move.queued, command, thread
        ),
        "finish": lambda command, thread: decide_finish(
            turn_id(thread), move.status, move.text, None, command, thread
        ),
        "recover": lambda command, thread: decide_recover(turn_id(thread), command, thread),
        "release": lambda command, thread: decide_release(None, command, thread),
        "withdraw": lambda command, thread: decide_withdraw(first_waiting(thread), command, thread),
        "compact": lambda command, thread: decide_compact(move.text, command, thread),
        "edit": lambda command, thread: decide_edit_last_turn(new, none, command, thread),
        "rollback": lambda command, thread: decide_rollback(1 + move.pick // 4, command, thread),
        "update": lambda command, thread: decide_update(None, move.settings, command, thread),
        "archive": decide_archive,
        "unarchive": decide_unarchive,
    }


NAMES = sorted(decisions(Move("submit")))
COMMAND = Command("cmd_test", "user", START, b"\1" * 16)
AGAIN = Command("cmd_again", "user", START, b"\2" * 16)


@st.composite
def threads(draw: st.DrawFn) -> Thread:
    """A thread that a script of commands has led somewhere."""
    world = World()
    play_all(world.service, draw(scripts(max_size=20)))
    return world.state()


def decided(
    decide: Decision, command: Command, thread: Thread
) -> tuple[Event, ...] | type[Refused]:
    """The events, or the kind of refusal."""
    try:
        return decide(command, thread)
    except Refused as refusal:
        return type(refusal)


@for_all(st.sampled_from(NAMES), threads(), moves())
def test_a_decision_depends_on_its_arguments_alone(name: str, thread: Thread, move: Move) -> None:
    decide = decisions(move)[name]
    assert decided(decide, COMMAND, thread) == decided(decide, COMMAND, thread)


@for_all(
    st.sampled_from(["take_steers", "interrupt", "update", "archive", "unarchive"]),
    threads(),
    moves(),
)
def test_decided_again_there_is_nothing_left_to_do(name: str, thread: Thread, move: Move) -> None:
    decide = decisions(move)[name]
    events = decided(decide, COMMAND, thread)
    if isinstance(events, tuple):
        assert decided(decide, AGAIN, fold(thread, events)) == ()


@for_all(st.sampled_from(["finish", "recover", "withdraw", "compact"]), threads(), moves())
def test_decided_again_on_what_it_named_it_is_refused(
    name: str, thread: Thread, move: Move
) -> None:
    decide = decisions(move)[name]
    events = decided(decide, COMMAND, thread)
    if not isinstance(events, tuple):
        return
    after = fold(thread, events)
    same = {
        "finish": lambda: decide_finish(turn_id(thread), "failed", None, None, AGAIN, after),
        "recover": lambda: decide_recover(turn_id(thread), AGAIN, after),
        "withdraw": lambda: decide_withdraw(first_waiting(thread), AGAIN, after),
        "compact": lambda: decide_compact(None, AGAIN, after),
    }
    with pytest.raises(Refused):
        same[name]()


@for_all(st.sampled_from(NAMES), threads(), moves())
def test_after_every_decision_a_free_slot_leaves_nothing_pending(
    name: str, thread: Thread, move: Move
) -> None:
    events = decided(decisions(move)[name], COMMAND, thread)
    if isinstance(events, tuple):
        after = fold(thread, events)
        assert after.turn is not None or not inboxes.pending(after.inbox)


@for_all(st.sampled_from(NAMES), threads(), moves())
def test_events_of_one_decision_name_one_thread_and_one_command(
    name: str, thread: Thread, move: Move
) -> None:
    events = decided(decisions(move)[name], COMMAND, thread)
    if isinstance(events, tuple):
        assert {(event.thread_id, event.command_id) for event in events} <= {
            (THREAD, COMMAND.command_id)
        }


@for_all(threads(), st.sampled_from(POLICIES), st.sampled_from(POLICIES))
def test_no_two_interrupts_make_a_policy_milder(
    thread: Thread, first: QueuePolicy | None, second: QueuePolicy | None
) -> None:
    if thread.turn is None:
        return
    order: list[QueuePolicy | None] = [None, "continue", "hold", "discard"]
    seen = [thread.turn.interrupt]
    for policy in (first, second):
        events = decide_interrupt(turn_id(thread), policy, COMMAND, thread)
        thread = fold(thread, events)
        assert thread.turn is not None
        seen.append(thread.turn.interrupt)
    assert [order.index(policy) for policy in seen] == sorted(map(order.index, seen))


@for_all(threads())
def test_a_release_brings_back_all_that_is_held_in_its_order(thread: Thread) -> None:
    before = [prompt.input_id for prompt in thread.inbox]
    events = decided(lambda c, t: decide_release(None, c, t), COMMAND, thread)
    if isinstance(events, tuple):
        after = fold(thread, events)
        assert not inboxes.held(after.inbox)
        kept = [prompt.input_id for prompt in after.inbox]
        assert kept == [input_id for input_id in before if input_id in kept]


@for_all(threads(), st.sampled_from([True, False]))
def test_settings_change_nothing_of_what_waits_or_runs(thread: Thread, steerable: bool) -> None:
    settings = SettingsChange(steerable=steerable)
    events = decided(lambda c, t: decide_update("T", settings, c, t), COMMAND, thread)
    if isinstance(events, tuple):
        after = fold(thread, events)
        assert (after.inbox, after.turn, after.context) == (
            thread.inbox,
            thread.turn,
            thread.context,
        )
