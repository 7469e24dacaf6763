"""What an engine has asked for is cancelled, or its turn is over before anybody answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from domain.errors import ApprovalClosed
from domain.events.approval import (
    ApprovalCancelled,
    ApprovalRequested,
)
from domain.options import QueuePolicy
from domain.ports import (
    Answer,
    ApprovalAsked,
    EngineEvent,
    EventLog,
    ItemBegan,
    ItemEnded,
    Recorded,
    TurnContext,
    TurnHandle,
)
from tests.adapters.runner.asking import Asking, answer
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, scripted, story
from tests.fixtures.logs import interfering
from tests.fixtures.patience import PATIENCE

# ── Interrupted meanwhile ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("queued", ["continue", "hold", "discard"])
@story
async def test_an_interrupt_cancels_what_was_asked_and_tells_the_engine(
    stage: Stage, queued: QueuePolicy
) -> None:
    told: list[tuple[Answer, bool]] = []

    async def play(context: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.turn_id == turn_id:
            yield ApprovalAsked("1", "May I?")
            told.append((await handle.wait_answer("1"), handle.interrupted))
        yield said(context.messages[-1].text)

    turn_id = stage.thread("A", "B")
    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    stage.another_process().interrupt(THREAD, turn_id, queued=queued)
    results = await run
    assert told == [(Answer("cancelled", reason="interrupt"), True)]
    goes_on = ["completed"] if queued == "continue" else []
    assert [result.end for result in results] == ["interrupted", *goes_on]
    [cancelled] = stage.events(ApprovalCancelled)
    assert cancelled.reason == "interrupt"
    with pytest.raises(ApprovalClosed):
        stage.service.resolve_approval(THREAD, cancelled.approval_id, "approved")


@story
async def test_who_asks_when_the_turn_is_to_stop_is_told_at_once_and_nothing_is_asked(
    stage: Stage,
) -> None:
    turn_id, engine, other = stage.thread("A"), Asking(), stage.another_process()
    log = interfering(stage.log, "approval.requested", lambda: other.interrupt(THREAD, turn_id))
    service = stage.another_process(log)
    runner = stage.runner(Played(engine.play), service=service, hints=None)
    [result] = await runner.run(THREAD, turn_id)
    assert log.before_append is None
    assert engine.answers == [Answer("cancelled", reason="interrupt")]
    assert result.end == "interrupted"
    assert stage.events(ApprovalRequested) == []


class LateAnswers:
    """A log that is read for answers only after something else has happened."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.read_command, self.append = log.read_command, log.append
        self.asked, self.may_go_on = threading.Event(), threading.Event()

    def read_thread(self, thread_id: str, **between: Any) -> Sequence[Recorded]:
        if between:
            self.asked.set()
            assert self.may_go_on.wait(PATIENCE)
        return self._log.read_thread(thread_id, **between)


@story
async def test_nobody_hears_cancelled_before_the_interrupt_is_heard(stage: Stage) -> None:
    """The watch looks at the thread before the question is there, and for answers when the log
    has the question and its end."""
    told: list[tuple[Answer, bool]] = []
    late = LateAnswers(stage.log)

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ApprovalAsked("1", "May I?")
        told.append((await handle.wait_answer("1"), handle.interrupted))

    def let_the_watch_look() -> None:
        stage.submit("B", delivery="queue")
        assert late.asked.wait(PATIENCE)

    turn_id = stage.thread("A")
    log = interfering(stage.log, "approval.requested", let_the_watch_look)
    runner = stage.runner(Played(play), service=stage.another_process(log), log=late)
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    stage.service.interrupt(THREAD, turn_id)
    late.may_go_on.set()
    [result] = await run
    assert told == [(Answer("cancelled", reason="interrupt"), True)]
    assert result.end == "interrupted"


@story
async def test_an_answer_just_before_the_interrupt_is_told_as_it_was_given(stage: Stage) -> None:
    turn_id, engine = stage.thread("A"), Asking()
    runner = stage.runner(Played(engine.play), hints=None)
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    await stage.time.sleeping(PACE.poll_seconds)
    answer(stage, "denied")
    stage.service.interrupt(THREAD, turn_id)
    stage.time.advance(PACE.poll_seconds)
    [result] = await run
    assert engine.answers == [Answer("denied", "user")]
    assert result.end == "interrupted"


# ── Ended meanwhile ──────────────────────────────────────────────────────────────────────────────


@story
async def test_an_item_that_ends_cancels_what_it_asked_for(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ItemBegan("call", "tool_call", "rm")
        yield ApprovalAsked("1", "May I?", item="call")
        yield ItemEnded("call", error="gave up")
        told = await handle.wait_answer("1")
        yield said(f"{told.decision} by {told.reason}")

    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    assert stage.texts("agent_message") == ["cancelled by item"]


@story
async def test_a_turn_may_complete_over_what_it_asked(stage: Stage) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ApprovalAsked("1", "May I?")

    await stage.runner(Played(play)).run(THREAD, stage.thread("A", "B"))
    assert [event.reason for event in stage.events(ApprovalCancelled)] == ["end"] * 2
    assert stage.ends() == [("completed", None)] * 2


@story
async def test_l9_a_worker_that_is_lost_while_it_asks_leaves_nothing_open(stage: Stage) -> None:
    """The turn is recovered by its end, which cancels; the answer comes too late."""
    turn_id, engine = stage.thread("A", "B"), Asking()
    run = asyncio.create_task(stage.runner(Played(engine.play)).run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    [asked] = stage.events(ApprovalRequested)
    report = await stage.runner(scripted(stage, "{}"), holder="worker 2").run_pending()
    assert [result.end for result in report.results] == ["recovered", "completed"]
    [cancelled] = stage.events(ApprovalCancelled)
    assert (cancelled.approval_id, cancelled.reason) == (asked.approval_id, "end")
    with pytest.raises(ApprovalClosed):
        stage.service.resolve_approval(THREAD, asked.approval_id, "approved")
    assert engine.answers == []


@story
async def test_l14_a_worker_whose_turn_has_passed_on_asks_for_nothing(stage: Stage) -> None:
    turn_id, engine = stage.thread("A"), Asking()

    async def lose(_: TurnContext) -> None:
        stage.pass_lease_time(PACE.lease_seconds + 1)
        assert stage.leases.acquire(turn_id, THREAD, "worker 2", PACE.lease_seconds)

    [result] = await stage.runner(Played(engine.play, on_start=lose)).run(THREAD, turn_id)
    assert result.end == "lost"
    assert stage.events(ApprovalRequested) == []
    assert engine.answers == []


@story
async def test_an_end_made_elsewhere_stops_the_engine_that_waits(stage: Stage) -> None:
    turn_id, engine = stage.thread("A"), Asking()
    played = Played(engine.play)
    run = asyncio.create_task(stage.runner(played).run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    stage.end_elsewhere(turn_id)
    [result] = await run
    assert (result.end, played.closed, engine.answers) == ("gone", 1, [])
