"""Processes that die or are shut down, and what the next one finds: on PostgreSQL.

The same with real processes and kill -9 is in `tests/faults/test_killed_worker.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.context import messages
from domain.errors import LeaseLost, ThreadBusy, TurnNotActive
from domain.events.turn import TurnCompleted
from domain.ports import EngineEvent, ItemBegan, ItemEnded, TurnContext, TurnHandle
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, scripted, silent, story
from tests.adapters.runner.test_pending import Dies, DyingLeases
from tests.domain.given import given
from tests.domain.steps import complete, queue, submit


async def echo(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
    """Says what it was asked last."""
    yield said(context.messages[-1].text)


def asked(context: TurnContext) -> list[str]:
    """What the model sees of the user."""
    return [message.text for message in context.messages if message.role == "user"]


def die_at(stage: Stage, turn_id: str) -> None:
    """A worker takes the turn, begins a call and is gone; its lease runs out."""
    dead = stage.leases.acquire(turn_id, THREAD, "dead", PACE.lease_seconds)
    stage.service.start_item(THREAD, turn_id, "tool_call", "deploy", lease=dead)
    stage.pass_time(PACE.lease_seconds + 1)


async def restart(stage: Stage, engine: object) -> list[str]:
    """How the turns end that a new process finds, without any notification."""
    runner = stage.runner(engine, "next", service=stage.another_process(), hints=None)
    report = await runner.run_pending()
    assert report.unfinished == ()
    return [result.end for result in report.results]


@story
async def test_43_82_98_a_turn_that_lost_its_process_is_closed_and_what_waits_runs(
    stage: Stage,
) -> None:
    die_at(stage, stage.thread("A", "B"))
    engine = Played(echo)
    assert await restart(stage, engine) == ["recovered", "completed"]
    assert stage.ends() == [("interrupted", "worker lost"), ("completed", None)]
    assert [asked(context)[-1] for context in engine.contexts] == ["B"]
    stage.submit("C")
    assert await restart(stage, engine) == ["completed"]


@story
async def test_43_82_98_a_turn_whose_worker_lives_is_not_taken_for_a_lost_one(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    assert stage.leases.acquire(turn_id, THREAD, "alive", PACE.lease_seconds)
    before = stage.history()
    engine = Played(echo)
    assert await restart(stage, engine) == ["taken"]
    assert (engine.contexts, stage.history()) == ([], before)


@story
async def test_44_a_start_looks_into_the_log_and_finds_what_nobody_was_told_of(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B", "C")
    stage.service.finish(THREAD, turn_id, "completed")  # and the process is gone
    engine = Played(echo)
    assert await restart(stage, engine) == ["completed", "completed"]
    assert stage.texts("agent_message") == ["B", "C"]
    assert await restart(stage, engine) == []


@story
async def test_55_after_a_restart_a_steer_is_still_ahead_of_the_queue(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    stage.submit("S", delivery="steer")
    die_at(stage, turn_id)
    assert await restart(stage, Played(echo)) == ["recovered", "completed", "completed"]
    assert stage.texts("agent_message") == ["S", "B"]


@story
async def test_71_a_queue_from_before_a_crash_runs_by_itself_and_not_inside_another_turn(
    stage: Stage,
) -> None:
    die_at(stage, stage.thread("A", "B"))
    with pytest.raises(ThreadBusy):
        stage.another_process().submit(THREAD, "C")
    stage.another_process().submit(THREAD, "C", delivery="queue")
    engine = Played(echo)
    assert await restart(stage, engine) == ["recovered", "completed", "completed"]
    assert [asked(context) for context in engine.contexts] == [["A", "B"], ["A", "B", "C"]]


@story
async def test_71_what_was_held_before_a_crash_stays_held_and_out_of_sight(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    stage.service.interrupt(THREAD, turn_id, queued="hold")
    die_at(stage, turn_id)
    engine = Played(echo)
    assert await restart(stage, engine) == ["recovered"]
    stage.submit("C")
    assert await restart(stage, engine) == ["completed"]
    assert [asked(context) for context in engine.contexts] == [["A", "C"]]
    assert [(p.input_id, p.state) for p in stage.state().inbox] == [("inp_B", "held")]


def test_73_74_taking_a_prompt_and_starting_its_turn_are_one_append() -> None:
    """No crash can fall between the two."""
    world = given(submit("A"), queue("B"), complete("A")).world()
    promoted = [e for e in world.history() if e.event.name == "prompt.promoted"][-1]
    started = world.history()[promoted.seq]
    assert started.event.name == "turn.started"
    for seq in world.ends():
        thread = world.state(upto_seq=seq)
        assert all(prompt.state in ("pending", "held") for prompt in thread.inbox)
        names = [e.event.name for e in world.history()[:seq]]
        assert names.count("prompt.promoted") == names.count("turn.started")


@story
async def test_73_a_turn_that_no_worker_had_begun_is_run_once(stage: Stage) -> None:
    turn_id = stage.thread("A", "B")
    dying = stage.runner(Played(echo), leases=DyingLeases(stage.leases))
    with pytest.raises(Dies):
        await dying.run(THREAD, turn_id)  # as it takes the lease of B
    assert await restart(stage, Played(echo)) == ["completed"]
    assert stage.texts("agent_message") == ["A", "B"]


@story
async def test_73_74_a_turn_that_a_worker_had_begun_is_not_given_out_again(stage: Stage) -> None:
    turn_id = stage.thread("A")
    die_at(stage, turn_id)
    engine = Played(silent)
    assert await restart(stage, engine) == ["recovered"]
    assert await restart(stage, engine) == []
    assert engine.contexts == []
    assert stage.ends() == [("interrupted", "worker lost")]


@story
async def test_77_97_the_next_turn_sees_what_the_interrupted_one_had_done(stage: Stage) -> None:
    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ItemBegan("1", "tool_call", "deploy")
        yield ItemEnded("1", text="deployed")
        yield ItemBegan("2", "tool_call", "check")
        await handle.wait_interrupted()

    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("item.started", 3)
    stage.another_process().interrupt(THREAD, turn_id)
    await run
    stage.submit("B")
    engine = Played(echo)
    assert await restart(stage, engine) == ["completed"]
    [context] = engine.contexts
    assert [(m.role, m.summary, m.text) for m in context.messages if m.role == "tool"] == [
        ("tool", "deploy", "deployed"),
        ("tool", "check", "interrupted: the turn was interrupted"),
    ]


@story
async def test_97_a_call_that_died_with_its_process_is_answered_too(stage: Stage) -> None:
    die_at(stage, stage.thread("A", "B"))
    assert await restart(stage, Played(echo)) == ["recovered", "completed"]
    [call] = [m for m in messages(stage.events()) if m.role == "tool"]
    assert (call.summary, bool(call.text)) == ("deploy", True)


@pytest.mark.parametrize("policy", ["hold", "continue", "discard"])
@story
async def test_80_a_restart_does_not_go_on_with_a_cancelled_turn(stage: Stage, policy: str) -> None:
    turn_id = stage.thread("A", "B")
    stage.service.interrupt(THREAD, turn_id, queued=policy)  # type: ignore[arg-type]
    die_at(stage, turn_id)
    engine = Played(echo)
    await restart(stage, engine)
    expected = [["A", "B"]] if policy == "continue" else []
    assert [asked(context) for context in engine.contexts] == expected
    assert stage.ends()[0] == ("interrupted", "worker lost")


@story
async def test_83_a_process_that_is_shut_down_takes_nothing_of_the_queue_with_it(
    stage: Stage,
) -> None:
    async def endless(_: TurnContext, __: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        await asyncio.Event().wait()

    turn_id = stage.thread("A", "B", "C")
    run = asyncio.create_task(stage.runner(Played(endless)).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [prompt.input_id for prompt in stage.state().inbox] == ["inp_B", "inp_C"]
    assert await restart(stage, Played(echo)) == ["recovered", "completed", "completed"]
    assert stage.texts("agent_message") == ["begun", "B", "C"]


@story
async def test_94_a_worker_that_was_given_up_overwrites_nothing_of_a_later_turn(
    stage: Stage,
) -> None:
    go_on = asyncio.Event()

    async def slow(_: TurnContext, __: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said("begun")
        await go_on.wait()
        yield said("late")

    turn_id = stage.thread("A", "B")
    late = asyncio.create_task(stage.runner(Played(slow), hints=None).run(THREAD, turn_id))
    await stage.until_name("item.completed", 2)
    stage.service.interrupt(THREAD, turn_id, queued="continue")
    stage.pass_lease_time(PACE.lease_seconds + 1)  # the worker does not know
    assert await restart(stage, scripted(stage, "{}")) == ["recovered", "completed"]
    after = stage.history()
    go_on.set()
    [result] = await late
    assert result.end in ("gone", "lost")
    assert stage.history() == after
    assert [event.status for event in stage.events(TurnCompleted)] == ["interrupted", "completed"]
    with pytest.raises(TurnNotActive):
        stage.service.finish(THREAD, turn_id, "completed")


def test_94_from_the_moment_another_worker_has_the_turn_the_old_one_writes_nothing(
    stage: Stage,
) -> None:
    turn_id = stage.thread("A", "B")
    old = stage.leases.acquire(turn_id, THREAD, "old", PACE.lease_seconds)
    stage.pass_time(PACE.lease_seconds + 1)
    assert stage.leases.acquire(turn_id, THREAD, "new", PACE.lease_seconds)
    before = stage.history()
    with pytest.raises(LeaseLost):
        stage.service.record_item(THREAD, turn_id, "agent_message", "late", lease=old)
    with pytest.raises(LeaseLost):
        stage.service.finish(THREAD, turn_id, "completed", lease=old)
    assert stage.history() == before
