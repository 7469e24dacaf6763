"""Steer, edit what was sent, and decide about the prompts that wait."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.cli.options import (
    Actor,
    AsJson,
    CommandId,
    EngineName,
    InputId,
    Mode,
    Model,
    NoRun,
    PromptRef,
    PromptText,
    Route,
    ScriptFile,
    ThreadRef,
    option,
)
from adapters.cli.screen import Screen


def steer(
    *,
    thread: ThreadRef,
    text: PromptText,
    turn: Annotated[
        str | None,
        option("--turn", metavar="TURN", help="Only into this turn; else the active one."),
    ] = None,
    input_id: InputId = None,
    engine: EngineName = "scripted",
    script: ScriptFile = None,
    no_run: NoRun = False,
    actor: Actor = "user",
    as_json: AsJson = False,
) -> None:
    """Send a prompt into the running turn, to be taken up at its next step."""
    from adapters.cli.references import find_turn
    from adapters.cli.session import thread_session
    from adapters.cli.texts import read_text
    from adapters.cli.working import load_engine, work_and_report

    screen = Screen(as_json=as_json)
    prompt = read_text(text, screen)
    with thread_session(screen, thread, input_id) as (log, thread_id):
        runs = None if no_run else load_engine(log, engine, script)
        turn_id = find_turn(turn, thread_id, log, input_id)
        outcome = log.service.steer(thread_id, turn_id, prompt, input_id=input_id, actor=actor)
        work_and_report(log, outcome, runs, screen)


def release(
    *,
    thread: ThreadRef,
    prompts: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROMPT", help="Only these prompts; else all that are held."),
    ] = None,
    engine: EngineName = "scripted",
    script: ScriptFile = None,
    no_run: NoRun = False,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Let held prompts run."""
    from adapters.cli.references import find_prompt
    from adapters.cli.session import thread_session
    from adapters.cli.working import load_engine, work_and_report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        runs = None if no_run else load_engine(log, engine, script)
        chosen = [find_prompt(prompt, thread_id, log, command_id) for prompt in prompts or ()]
        outcome = log.service.release(thread_id, chosen or None, actor=actor, command_id=command_id)
        work_and_report(log, outcome, runs, screen)


def withdraw(
    *,
    thread: ThreadRef,
    prompt: PromptRef,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Take a waiting prompt back; its text is printed."""
    from adapters.cli.references import find_prompt
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        input_id = find_prompt(prompt, thread_id, log, command_id)
        outcome = log.service.withdraw(thread_id, input_id, actor=actor, command_id=command_id)
        report(outcome, screen)


def edit_last(
    *,
    thread: ThreadRef,
    text: PromptText,
    input_id: InputId = None,
    model: Model = None,
    mode: Mode = None,
    route: Route = None,
    engine: EngineName = "scripted",
    script: ScriptFile = None,
    no_run: NoRun = False,
    actor: Actor = "user",
    as_json: AsJson = False,
) -> None:
    """Take the last prompt and its turn out of the context, and run this one instead."""
    from adapters.cli.overrides import build_overrides
    from adapters.cli.session import thread_session
    from adapters.cli.texts import read_text
    from adapters.cli.working import load_engine, work_and_report

    screen = Screen(as_json=as_json)
    overrides = build_overrides(model=model, mode=mode, route=route)
    prompt = read_text(text, screen)
    with thread_session(screen, thread, input_id) as (log, thread_id):
        runs = None if no_run else load_engine(log, engine, script)
        outcome = log.service.edit_last_turn(
            thread_id, prompt, overrides=overrides, input_id=input_id, actor=actor
        )
        work_and_report(log, outcome, runs, screen)
