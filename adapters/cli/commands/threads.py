"""Make threads and change what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import (
    Actor,
    AsJson,
    CommandId,
    Mode,
    Model,
    QueuedChoice,
    ThreadRef,
)
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from domain.options import QueuePolicy, ThreadSettings

Title = Annotated[str | None, typer.Option("--title", help="What it is about.", show_default=False)]
OnInterrupt = Annotated[
    QueuedChoice | None,
    typer.Option(
        "--on-interrupt",
        help="What an interrupt does to waiting prompts when it does not say.",
        show_default=False,
    ),
]
Steerable = Annotated[
    bool | None,
    typer.Option(
        "--steerable/--not-steerable",
        help="Whether its engine takes input between two steps.",
        show_default=False,
    ),
]


def create(
    *,
    title: Title = None,
    thread_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="An id of your own (thr_…).")
    ] = None,
    model: Model = None,
    mode: Mode = None,
    on_interrupt: OnInterrupt = None,
    steerable: Steerable = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty thread."""
    from adapters.cli.session import session
    from adapters.cli.working import report
    from domain.options import ThreadSettings

    screen = Screen(as_json=as_json)
    settings = _changed(ThreadSettings(), model, mode, on_interrupt, steerable)
    with session(screen) as log:
        outcome = log.service.create(
            thread_id=thread_id,
            title=title,
            settings=settings,
            actor=actor,
            command_id=command_id,
        )
        screen.say(f"Thread {outcome.thread_id} is there.")
        if screen.as_json or outcome.repeated:
            report(outcome, screen)


def update(
    *,
    thread: ThreadRef,
    title: Title = None,
    model: Model = None,
    mode: Mode = None,
    on_interrupt: OnInterrupt = None,
    steerable: Steerable = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Change a thread's title or defaults. What is not given stays."""
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        settings = None
        # Only if asked for: what somebody else changes meanwhile is not to be changed back.
        if (model, mode, on_interrupt, steerable) != (None, None, None, None):
            before = log.service.thread(thread_id).settings
            settings = _changed(before, model, mode, on_interrupt, steerable)
        outcome = log.service.update(
            thread_id, title=title, settings=settings, actor=actor, command_id=command_id
        )
        if outcome.seq is not None:
            screen.say(f"Thread {thread_id} is updated.")
        report(outcome, screen)


def archive(
    *,
    thread: ThreadRef,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Take no more prompts, until unarchived. Nothing is deleted."""
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        outcome = log.service.archive(thread_id, actor=actor, command_id=command_id)
        if outcome.seq is not None:
            screen.say(f"Thread {thread_id} is archived. `turnlog unarchive` brings it back.")
        report(outcome, screen)


def unarchive(
    *,
    thread: ThreadRef,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Take prompts again."""
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        outcome = log.service.unarchive(thread_id, actor=actor, command_id=command_id)
        if outcome.seq is not None:
            screen.say(f"Thread {thread_id} takes prompts again.")
        report(outcome, screen)


def _changed(
    before: ThreadSettings,
    model: str | None,
    mode: str | None,
    on_interrupt: QueuePolicy | None,
    steerable: bool | None,  # noqa: FBT001 three states: yes, no, as it was
) -> ThreadSettings:
    from adapters.cli.overrides import build_overrides

    options = build_overrides(model=model, mode=mode).options.over(before.options)
    return before.model_copy(
        update={
            "options": options,
            "queue_on_interrupt": on_interrupt or before.queue_on_interrupt,
            "steerable": before.steerable if steerable is None else steerable,
        }
    )
