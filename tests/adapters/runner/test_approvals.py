"""An engine asks; somebody else answers, and the answer reaches the engine through the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from adapters.errors import StoreBusy
from domain.events.approval import (
    ApprovalCancelled,
    ApprovalDecision,
    ApprovalRequested,
    ApprovalResolved,
)
from domain.events.item import ItemStarted
from domain.events.turn import TurnInterruptRequested, TurnSteered
from domain.options import Overrides, TurnOptions
from domain.outcome import Outcome
from domain.ports import (
    Answer,
    ApprovalAsked,
    EngineEvent,
    EventLog,
    Fence,
    ItemBegan,
    ItemEnded,
    Recorded,
    StepBoundary,
    TurnContext,
    TurnHandle,
    Uncommitted,
)
from tests.adapters.runner.asking import Asking, answer
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, scripted, story
from tests.fixtures.logs import interfering
from tests.fixtures.patience import PATIENCE


@pytest.mark.parametrize("decision", ["approved", "denied"])
@story
async def test_the_answer_of_another_process_reaches_the_engine(
    stage: Stage, decision: ApprovalDecision
) -> None:
    turn_id, engine = stage.thread("A"), Asking()
    run = asyncio.create_task(stage.runner(Played(engine.play)).run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    assert engine.answers == []
    answer(stage, decision, actor="Ada", note="not on a Friday")
    [result] = await run
    assert result.end == "completed"
    assert engine.answers == [Answer(decision, "Ada", "not on a Friday")]
    [asked] = stage.events(ApprovalRequested)
    assert (asked.summary, asked.detail, asked.item_id, asked.actor) == (
        "May I delete build/?",
        {"path": "build/"},
        None,
        "runner worker 1",
    )
    assert asked.approval_id == asked.command_id == f"appr_{turn_id.removeprefix('turn_')}.1"


@story
async def test_answers_go_to_the_questions_they_answer(stage: Stage) -> None:
    answers: dict[str, Answer] = {}

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        for key in ("one", "two"):
            yield ItemBegan(key, "tool_call", key)
            yield ApprovalAsked(key, key, item=key)
        for key in ("two", "one", "two"):
            answers[key] = await handle.wait_answer(key)
            yield said(f"{key} {answers[key].decision}")

    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, stage.thread("A")))
    await stage.until_name("approval.requested", 2)
    one, two = stage.events(ApprovalRequested)
    begun = {event.summary: event.item_id for event in stage.events(ItemStarted)}
    assert (one.item_id, two.item_id) == (begun["one"], begun["two"])
    stage.service.resolve_approval(THREAD, two.approval_id, "denied")
    await stage.until_name("item.completed", 2)
    assert answers.keys() == {"two"}
    stage.service.resolve_approval(THREAD, one.approval_id, "approved")
    await run
    assert stage.texts("agent_message") == ["two denied", "one approved", "two denied"]


@story
async def test_an_answer_given_before_the_asking_is_through_is_heard(stage: Stage) -> None:
    """Somebody answers, and the log is looked at, before the runner knows that it has asked."""
    turn_id, engine, service = stage.thread("A"), Asking(), stage.another_process()
    asking, loop = service.request_approval, asyncio.get_running_loop()

    async def look() -> None:
        await stage.time.sleeping(PACE.poll_seconds)
        stage.time.advance(PACE.poll_seconds)
        await stage.time.sleeping(PACE.poll_seconds)  # for the next look, so this one is over

    def answered_at_once(*args: object, **how: object) -> Outcome:
        outcome = asking(*args, **how)  # type: ignore[arg-type]
        answer(stage)
        asyncio.run_coroutine_threadsafe(look(), loop).result(PATIENCE)
        return outcome

    service.request_approval = answered_at_once  # type: ignore[method-assign]
    await stage.runner(Played(engine.play), service=service, hints=None).run(THREAD, turn_id)
    assert [told.decision for told in engine.answers] == ["approved"]


@dataclass
class Forgetful:
    """A log that is busy the first time somebody looks for answers."""

    log: EventLog
    left: int = 1

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        return self.log.append(entries, expected_seq=expected_seq, fence=fence)

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> Sequence[Recorded]:
        if after_seq and self.left:
            self.left -= 1
            raise StoreBusy(why="a lock timeout")
        return self.log.read_thread(thread_id, after_seq=after_seq, upto_seq=upto_seq)

    def read_command(self, command_id: str) -> Sequence[Recorded]:
        return self.log.read_command(command_id)


@story
async def test_an_answer_that_cannot_be_read_is_read_at_the_next_look(stage: Stage) -> None:
    turn_id, engine, log = stage.thread("A"), Asking(), Forgetful(stage.log)
    runner = stage.runner(Played(engine.play), log=log, hints=None)
    run = asyncio.create_task(runner.run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    answer(stage)
    while not engine.answers:
        await stage.time.sleeping(PACE.poll_seconds)
        stage.time.advance(PACE.poll_seconds)
        await asyncio.sleep(0)
    await run
    assert log.left == 0
    assert engine.answers == [Answer("approved", "user")]


# ── Steered meanwhile, approved without anybody, muddled ─────────────────────────────────────────


@story
async def test_a_steer_meanwhile_answers_nothing_and_waits_for_the_next_boundary(
    stage: Stage,
) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ApprovalAsked("1", "May I?")
        await handle.wait_input()  # it may know
        told = await handle.wait_answer("1")
        assert handle.take_input() == ()
        yield said(told.decision)
        yield StepBoundary()
        for steer in handle.take_input():
            yield said(f"and {steer.text}")

    run = asyncio.create_task(stage.runner(Played(play)).run(THREAD, stage.thread("A")))
    await stage.until_name("approval.requested")
    stage.submit("yes", delivery="steer")
    await stage.until_name("prompt.admitted", 2)
    assert stage.events(TurnSteered, ApprovalResolved) == []
    answer(stage)
    await run
    assert stage.texts("agent_message") == ["approved", "and yes"]


@pytest.mark.parametrize("chosen", [True, False, None])
@story
async def test_auto_approve_answers_what_the_engine_asks(stage: Stage, chosen: bool | None) -> None:
    engine = Asking()
    options = TurnOptions(auto_approve=chosen)
    stage.service.create(thread_id=THREAD)
    turn_id = stage.submit("A", overrides=Overrides(options=options))
    assert turn_id is not None
    run = asyncio.create_task(stage.runner(Played(engine.play)).run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    if not chosen:
        answer(stage, "denied", actor="Ada")
    await run
    by_runner = Answer("approved", "runner worker 1", "auto_approve")
    assert engine.answers == [by_runner if chosen else Answer("denied", "Ada")]


@story
async def test_auto_approve_comes_too_late_for_an_interrupt(stage: Stage) -> None:
    engine, other = Asking(), stage.another_process()
    stage.service.create(thread_id=THREAD)
    options = TurnOptions(auto_approve=True)
    turn_id = stage.submit("A", overrides=Overrides(options=options)) or ""
    log = interfering(stage.log, "approval.resolved", lambda: other.interrupt(THREAD, turn_id))
    runner = stage.runner(Played(engine.play), service=stage.another_process(log))
    [result] = await runner.run(THREAD, turn_id)
    assert result.end == "interrupted"
    assert engine.answers == [Answer("cancelled", reason="interrupt")]
    assert len(stage.events(TurnInterruptRequested)) == 1


@pytest.mark.parametrize(
    ("reports", "error"),
    [
        ([ApprovalAsked("1", "a"), ApprovalAsked("1", "b")], "approval '1' was asked for twice"),
        ([ApprovalAsked("1", "a", item="x")], "item 'x' is not open"),
        (
            [ItemBegan("x", "tool_call", "x"), ItemEnded("x"), ApprovalAsked("1", "a", item="x")],
            "item 'x' is not open",
        ),
        ([], "LookupError: no approval was asked for as '2'"),
        ([ApprovalAsked("1", None)], "Unrecordable: ApprovalAsked: TypeError"),  # type: ignore[arg-type]
    ],
)
@story
async def test_an_engine_that_muddles_its_questions_has_failed(
    stage: Stage, reports: list[EngineEvent], error: str
) -> None:
    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        for report in reports:
            yield report
        await handle.wait_answer("2")

    await stage.runner(Played(play)).run(THREAD, stage.thread("A"))
    [(status, said_why)] = stage.ends()
    assert status == "failed"
    assert error in (said_why or "")


# ── By a script ──────────────────────────────────────────────────────────────────────────────────

DELETES = """{"steps": [
    {"do": "run", "command": "rm -r build", "output": "gone", "ask": "May I delete build/?"},
    {"do": "ask", "text": "Publish?", "unless": "Then not: {note} ({answer} by {by})"},
    {"do": "say", "text": "Published, as {by} {answer}."}]}"""


@pytest.mark.parametrize("decision", ["approved", "denied"])
@story
async def test_a_script_asks(stage: Stage, decision: ApprovalDecision) -> None:
    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(scripted(stage, DELETES)).run(THREAD, turn_id))
    for number in (1, 2):
        await stage.until_name("approval.requested", number)
        answer(stage, decision, actor="Ada", note="not today")
    await run
    [command] = [event for event in stage.events(ItemStarted) if event.kind != "user_message"][:1]
    assert stage.events(ApprovalRequested)[0].item_id == command.item_id
    yes = decision == "approved"
    assert stage.texts("command_execution") == ["gone" if yes else None]
    assert stage.texts("agent_message") == [
        "Published, as Ada approved." if yes else "Then not: not today (denied by Ada)"
    ]
    assert stage.ends() == [("completed", None)]


@story
async def test_an_interrupt_stops_a_script_that_asks(stage: Stage) -> None:
    turn_id = stage.thread("A")
    run = asyncio.create_task(stage.runner(scripted(stage, DELETES)).run(THREAD, turn_id))
    await stage.until_name("approval.requested")
    stage.service.interrupt(THREAD, turn_id)
    [result] = await run
    assert result.end == "interrupted"
    assert len(stage.events(ApprovalRequested)) == len(stage.events(ApprovalCancelled)) == 1
