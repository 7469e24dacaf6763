"""Stop turns, run them, and take them out of the context."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.cli.options import (
    Actor,
    AsJson,
    CommandId,
    EngineName,
    NoRun,
    QueuedChoice,
    ScriptFile,
    ThreadRef,
    argument,
    option,
)
from adapters.cli.screen import Screen


def interrupt(
    *,
    thread: ThreadRef,
    turn: Annotated[
        str | None, argument(metavar="TURN", help="The turn; else the active one.")
    ] = None,
    queued: Annotated[
        QueuedChoice | None,
        option(
            "--queued", help="What becomes of the prompts that wait; else what the thread says."
        ),
    ] = None,
    engine: EngineName = "scripted",
    script: ScriptFile = None,
    no_run: NoRun = False,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Ask the running turn to stop. What waits is held, goes on, or is discarded."""
    from adapters.cli.references import find_turn
    from adapters.cli.session import thread_session
    from adapters.cli.working import load_engine, work_and_report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id), screen.enduring():
        runs = None if no_run else load_engine(log, engine, script)
        turn_id = find_turn(turn, thread_id, log, command_id)
        outcome = log.service.interrupt(
            thread_id, turn_id, queued=queued, actor=actor, command_id=command_id
        )
        if outcome.seq is not None:
            screen.say(f"Turn {turn_id} is asked to stop.")
        # If nobody works on the turn there is nobody to stop it either: then we end it.
        work_and_report(log, outcome, runs, screen)


def compact(
    *,
    thread: ThreadRef,
    reason: Annotated[str | None, option("--reason", help="Why, for the record.")] = None,
    engine: EngineName = "scripted",
    script: ScriptFile = None,
    no_run: NoRun = False,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Run a turn that summarises the context."""
    from adapters.cli.session import thread_session
    from adapters.cli.working import load_engine, work_and_report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        runs = None if no_run else load_engine(log, engine, script)
        outcome = log.service.compact(thread_id, reason, actor=actor, command_id=command_id)
        work_and_report(log, outcome, runs, screen)


def rollback(
    *,
    thread: ThreadRef,
    turns: Annotated[
        int, typer.Option("--turns", "-n", help="How many turns leave the context.")
    ] = 1,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Take the last turns out of the context. They stay in the log."""
    from adapters.cli.session import thread_session
    from adapters.cli.words import count
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        outcome = log.service.rollback(thread_id, turns, actor=actor, command_id=command_id)
        report(outcome, screen, f"{count(turns, 'turn')} left the context; nothing was deleted.")


def run(
    *,
    thread: Annotated[
        str | None,
        argument(metavar="THREAD", help="One thread; else every thread with a turn to run."),
    ] = None,
    engine: EngineName = "scripted",
    script: ScriptFile = None,
    as_json: AsJson = False,
) -> None:
    """Work on active turns that nobody works on, and end those whose worker was lost."""
    from adapters.cli.driving import drive_pending, drive_thread
    from adapters.cli.references import find_thread
    from adapters.cli.session import session
    from adapters.cli.working import as_document, load_engine, tell_end

    screen = Screen(as_json=as_json)
    with session(screen) as log, screen.enduring():
        runs = load_engine(log, engine, script)
        if thread is None:
            driven = drive_pending(log, runs, screen)
        else:
            thread_id = find_thread(thread, log)
            driven = drive_thread(log, runs, thread_id, screen, log.recorder.head())
        screen.document(as_document(driven))
        if not driven.results and not driven.problems:
            screen.say("There is nothing to run.")
        tell_end(log, {result.thread_id for result in driven.results}, driven, screen)
