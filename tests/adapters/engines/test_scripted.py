"""The scripted engine does what its script says, and hears what it is told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any, get_args

import pytest

from adapters.engines.script import parse_script
from adapters.engines.scripted import ScriptedEngine
from adapters.engines.scripted_turn import EngineFailed
from adapters.runner.handle import Handle
from domain.events.approval import ApprovalDecision, ApprovalResolved
from domain.events.base import Usage
from domain.options import TurnOptions
from domain.ports import (
    ApprovalAsked,
    EngineCannotStart,
    EngineEvent,
    ItemBegan,
    ItemEnded,
    ItemNoted,
    Message,
    StepBoundary,
    TurnContext,
    Used,
)
from tests.fixtures.clock import START
from tests.fixtures.patience import PATIENCE


def user(text: str) -> Message:
    return Message(role="user", kind="user_message", text=text, item_id=f"item_{text}")


def context(*prompts: str, kind: str = "prompt") -> TurnContext:
    messages = tuple(user(prompt) for prompt in prompts)
    return TurnContext("thr_1", "turn_1", kind, TurnOptions(), messages)  # type: ignore[arg-type]


async def never(_: float) -> None:
    await asyncio.Event().wait()


def play(
    steps: str,
    *,
    prompts: tuple[str, ...] = ("A",),
    during: Callable[[Handle, EngineEvent], object] = lambda _handle, _event: None,
    handle: Handle | None = None,
    sleep: Callable[[float], Coroutine[Any, Any, None]] = never,
    script: str = '{{"steps": {steps}}}',
) -> list[EngineEvent]:
    """What the engine yields for these steps; `during` is called after each event."""

    async def run() -> list[EngineEvent]:
        told = handle or Handle()
        engine = ScriptedEngine(parse_script(script.format(steps=steps), "x"), sleep=sleep)
        turn = await engine.start(context(*prompts))
        events = []
        async with asyncio.timeout(PATIENCE):
            async for event in turn.run(told):
                events.append(event)
                during(told, event)
        await turn.close()
        return events

    return asyncio.run(run())


def said(text: str) -> ItemNoted:
    return ItemNoted("agent_message", text, text)


def test_it_says_thinks_notes_and_compacts() -> None:
    steps = """[{"do": "think", "text": "1"}, {"do": "say", "text": "2"},
                {"do": "status", "text": "3"}, {"do": "compact", "text": "4"}]"""
    assert play(steps) == [
        ItemNoted("reasoning", "1", "1"),
        ItemNoted("agent_message", "2", "2"),
        ItemNoted("status", "3", "3"),
        ItemNoted("context_compaction", "4", "4"),
    ]


def test_it_calls_tools_runs_commands_and_changes_files() -> None:
    steps = """[{"do": "tool", "name": "t", "arguments": {"q": 1}, "text": "r", "result": {"n": 1}},
                {"do": "run", "command": "make", "output": "boom", "exit_code": 2},
                {"do": "change", "path": "x.py", "diff": "+1"}]"""
    assert play(steps) == [
        ItemBegan("0", "tool_call", "t", {"name": "t", "arguments": {"q": 1}}),
        ItemEnded("0", "r", {"n": 1}),
        ItemBegan("1", "command_execution", "make", {"command": "make"}),
        ItemEnded("1", "boom", {"exit_code": 2}, "exit code 2"),
        ItemBegan("2", "file_change", "x.py", {"path": "x.py", "diff": "+1"}),
        ItemEnded("2"),
    ]


def test_it_uses_tokens() -> None:
    assert play('[{"do": "use", "input_tokens": 3}]') == [Used(Usage(input_tokens=3))]


def test_it_quotes_what_it_was_told_and_leaves_other_braces_alone() -> None:
    steps = '[{"do": "say", "text": "{prompt} {last} {messages} {steers} {else} {{prompt}}"}]'
    assert play(steps, prompts=("A", "{last}")) == [said("{last} {last} 2  {else} {{last}}")]


def test_steers_are_acknowledged_at_the_boundary_and_can_be_quoted() -> None:
    def deliver(handle: Handle, event: EngineEvent) -> None:
        if isinstance(event, StepBoundary):
            handle.deliver([user("S1"), user("S2")])

    steps = '[{"do": "boundary"}, {"do": "say", "text": "{steers}; {last}; {prompt}"}]'
    assert play(steps, during=deliver) == [
        StepBoundary(),
        said("Understood: S1"),
        said("Understood: S2"),
        said("S1, S2; S2; A"),
    ]


def test_a_wait_for_steers_ends_with_the_first_one_and_not_with_a_false_alarm() -> None:
    boundaries = []

    def hint(handle: Handle, event: EngineEvent) -> None:
        if isinstance(event, StepBoundary):
            boundaries.append(event)
            handle.boundary()
            if len(boundaries) == 2:
                handle.deliver([user("S")])
            else:
                asyncio.get_running_loop().call_soon(handle.steer_waits)

    async def run() -> list[EngineEvent]:
        handle = Handle()
        handle.steer_waits()
        engine = ScriptedEngine(
            parse_script('{"steps": [{"do": "wait", "until": "steered"}]}', "x"), sleep=never
        )
        events = []
        async for event in (await engine.start(context("A"))).run(handle):
            events.append(event)
            hint(handle, event)
        return events

    assert asyncio.run(run()) == [StepBoundary(), StepBoundary(), said("Understood: S")]


def answered(decision: ApprovalDecision) -> Callable[[Handle, EngineEvent], None]:
    """What is asked is answered by Ada at once."""

    def answer(handle: Handle, event: EngineEvent) -> None:
        if isinstance(event, ApprovalAsked):
            handle.approvals.note(event.key, f"appr_{event.key}")
            resolved = ApprovalResolved(
                thread_id="thr_1",
                turn_id="turn_1",
                actor="Ada",
                command_id="cmd_1",
                at=START,
                approval_id=f"appr_{event.key}",
                decision=decision,
                note="as you like",
            )
            handle.approvals.hear([resolved])

    return answer


def test_it_asks_and_goes_on_with_the_answer() -> None:
    steps = """[{"do": "ask", "text": "{prompt}?", "detail": {"n": 1}},
                {"do": "say", "text": "{answer} by {by}: {note}"}]"""
    asked = ApprovalAsked("0", "A?", {"n": 1})
    for decision in get_args(ApprovalDecision):
        events = play(steps, during=answered(decision))
        assert events == [asked, said(f"{decision} by Ada: as you like")]


def test_a_no_may_be_the_end() -> None:
    steps = """[{"do": "ask", "text": "?", "unless": "Then not."}, {"do": "say", "text": "Yes."}]"""
    asked = ApprovalAsked("0", "?")
    assert play(steps, during=answered("denied")) == [asked, said("Then not.")]
    assert play(steps, during=answered("approved")) == [asked, said("Yes.")]


def test_what_is_not_allowed_fails_and_the_script_goes_on() -> None:
    steps = """[{"do": "run", "command": "rm", "output": "gone", "ask": "May I run rm?"},
                {"do": "say", "text": "{answer}"}]"""
    began = ItemBegan("0", "command_execution", "rm", {"command": "rm"})
    asked = ApprovalAsked("0", "May I run rm?", {"command": "rm"}, "0")
    assert play(steps, during=answered("approved")) == [
        began,
        asked,
        ItemEnded("0", "gone", {"exit_code": 0}),
        said("approved"),
    ]
    assert play(steps, during=answered("denied")) == [
        began,
        asked,
        ItemEnded("0", error="denied by Ada: as you like"),
        said("denied"),
    ]


def test_an_interrupt_ends_its_questions() -> None:
    def stop(handle: Handle, event: EngineEvent) -> None:
        if isinstance(event, ApprovalAsked):
            handle.approvals.note(event.key, "appr_1")
            handle.interrupt()

    for step in (
        '{"do": "ask", "text": "?", "unless": "x"}',
        '{"do": "tool", "name": "t", "ask": "?"}',
    ):
        events = play(f'[{step}, {{"do": "say", "text": "never"}}]', during=stop)
        assert isinstance(events[-1], ApprovalAsked)


def test_waits_are_by_the_clock_it_was_given() -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    steps = """[{"do": "wait", "seconds": 60},
                {"do": "tool", "name": "t", "wait": {"seconds": 3600}},
                {"do": "wait", "until": "steered", "seconds": 7}]"""
    events = play(steps, sleep=sleep)
    assert slept == [60, 3600, 7]
    assert events[-1] == StepBoundary()


def test_a_signal_lets_go_what_waits_for_it() -> None:
    async def run() -> list[EngineEvent]:
        text = '{"steps": [{"do": "wait", "until": "signal", "signal": "go"}]}'
        engine = ScriptedEngine(parse_script(text, "x"))
        engine.fire("other")
        turn = await engine.start(context("A"))
        playing = asyncio.create_task(all_of(turn.run(Handle())))
        await asyncio.sleep(0)
        assert not playing.done()
        engine.fire("go")
        return await playing

    async def all_of(events: Any) -> list[EngineEvent]:
        return [event async for event in events]

    assert asyncio.run(run()) == []


@pytest.mark.parametrize(
    "steps",
    [
        '[{"do": "say", "text": "1"}, {"do": "wait", "seconds": 60}, {"do": "say", "text": "2"}]',
        '[{"do": "say", "text": "1"}, {"do": "wait", "until": "steered"}, {"do": "boundary"}]',
        '[{"do": "say", "text": "1"}, {"do": "say", "text": "2"}]',
        '[{"do": "say", "text": "1"}, {"do": "run", "command": "x", "wait": {"seconds": 9}}]',
    ],
)
def test_an_interrupt_ends_whatever_it_does(steps: str) -> None:
    def stop(handle: Handle, event: EngineEvent) -> None:
        handle.interrupt()

    events = play(steps, during=stop)
    assert events == [said("1")]


def test_what_it_was_doing_when_it_was_interrupted_is_left_unfinished() -> None:
    def stop(handle: Handle, event: EngineEvent) -> None:
        handle.interrupt()

    events = play('[{"do": "tool", "name": "t", "wait": {"seconds": 9}}]', during=stop)
    assert [type(event) for event in events] == [ItemBegan]


def test_a_scene_may_ignore_interrupts() -> None:
    def stop(handle: Handle, event: EngineEvent) -> None:
        handle.interrupt()

    script = '{{"turns": [{{"when": "a", "heeds_interrupts": false, "steps": {steps}}}]}}'
    steps = '[{"do": "say", "text": "1"}, {"do": "say", "text": "2"}]'
    assert play(steps, during=stop, script=script) == [said("1"), said("2")]


def test_the_first_scene_that_fits_the_prompt_is_played() -> None:
    script = """{{"turns": [{{"when": "Deploy", "steps": [{{"do": "say", "text": "1"}}]}},
                            {{"when": "dep", "steps": [{{"do": "say", "text": "2"}}]}}],
                  "steps": {steps}}}"""
    steps = '[{"do": "say", "text": "3"}]'
    assert play(steps, prompts=("please deploy",), script=script) == [said("1")]
    assert play(steps, prompts=("deploy", "depart"), script=script) == [said("2")]
    assert play(steps, prompts=("deploy", "stay"), script=script) == [said("3")]


def test_a_compaction_has_steps_of_its_own() -> None:
    async def run() -> list[EngineEvent]:
        turn = await ScriptedEngine().start(context("A", "B", kind="compaction"))
        return [event async for event in turn.run(Handle())]

    summary = "Summary of 2 message(s)."
    assert asyncio.run(run()) == [ItemNoted("context_compaction", summary, summary)]


def test_run_on_it_acknowledges_and_does_not_play_again() -> None:
    async def run() -> list[EngineEvent]:
        handle = Handle()
        turn = await ScriptedEngine().start(context("A"))
        events = [event async for event in turn.run(handle)]
        handle.deliver([user("S")])
        return events + [event async for event in turn.run(handle)]

    assert asyncio.run(run()) == [said("You said: A"), said("Understood: S")]


def test_it_fails_as_its_script_says() -> None:
    with pytest.raises(EngineFailed, match="boom over A"):
        play('[{"do": "fail", "error": "boom over {prompt}"}]')
    with pytest.raises(EngineCannotStart, match="The engine scripted could not start: no key"):
        play('[{"do": "fail_to_start", "why": "no key"}]')


def test_two_turns_at_once_do_not_mix() -> None:
    async def run() -> list[list[EngineEvent]]:
        engine = ScriptedEngine()
        turns = [await engine.start(context(prompt)) for prompt in "AB"]
        return [[event async for event in turn.run(Handle())] for turn in turns]

    assert asyncio.run(run()) == [[said("You said: A")], [said("You said: B")]]


def test_die_is_a_kill_that_nothing_can_catch() -> None:
    code = """
import asyncio
from adapters.engines.script import parse_script
from adapters.engines.scripted import ScriptedEngine
from adapters.runner.handle import Handle
from tests.adapters.engines.test_scripted import context

async def run():
    engine = ScriptedEngine(parse_script('{"steps": [{"do": "die"}]}', "x"))
    try:
        async for _ in (await engine.start(context("A"))).run(Handle()):
            pass
    finally:
        print("cleaned up", flush=True)

asyncio.run(run())
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-9, "", "")
