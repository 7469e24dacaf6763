"""Make threads and change what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

from adapters.cli.options import (
    Actor,
    AsJson,
    CommandId,
    Mode,
    Model,
    QueuedChoice,
    ThreadRef,
    option,
)
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.options import QueuePolicy, SettingsChange

Title = Annotated[str | None, option("--title", help="What it is about.")]
OnInterrupt = Annotated[
    QueuedChoice | None,
    option(
        "--on-interrupt",
        help="What an interrupt does to waiting prompts when it does not say.",
    ),
]
Steerable = Annotated[
    bool | None,
    option(
        "--steerable/--not-steerable",
        help="Whether its engine takes input between two steps.",
    ),
]
Clear = Annotated[
    list[str] | None,
    option(
        "--clear",
        metavar="NAME",
        help="Leave this option (model, mode, …) to the engine again. Can be repeated.",
    ),
]


def create(
    *,
    title: Title = None,
    thread_id: Annotated[
        str | None, option("--id", metavar="ID", help="An id of your own (thr_…).")
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
    settings = _change(model, mode, on_interrupt, steerable).over(ThreadSettings())
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
    clear: Clear = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Change a thread's title or defaults. What is not given stays."""
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    settings = _change(model, mode, on_interrupt, steerable, clear or ())
    with thread_session(screen, thread, command_id) as (log, thread_id):
        outcome = log.service.update(
            thread_id, title=title, settings=settings, actor=actor, command_id=command_id
        )
        report(outcome, screen, f"Thread {thread_id} is updated.")


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
        done = f"Thread {thread_id} is archived. `turnlog unarchive` brings it back."
        report(outcome, screen, done)


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
        report(outcome, screen, f"Thread {thread_id} takes prompts again.")


def _change(
    model: str | None,
    mode: str | None,
    on_interrupt: QueuePolicy | None,
    steerable: bool | None,  # noqa: FBT001 three states: yes, no, as it was
    clear: Sequence[str] = (),
) -> SettingsChange:
    from adapters.cli.failures import UsageProblem
    from adapters.cli.overrides import build_overrides
    from domain.options import OptionName, SettingsChange

    names: tuple[OptionName, ...] = get_args(OptionName)
    if unknown := set(clear) - set(names):
        known = ", ".join(names)
        raise UsageProblem(f"Invalid value for '--clear': {min(unknown)!r} is not among {known}.")
    for name, given in (("model", model), ("mode", mode)):
        if given is not None and name in clear:
            raise UsageProblem(f"Give --{name} or --clear {name}, not both.")
    return SettingsChange(
        options=build_overrides(model=model, mode=mode).options,
        cleared=tuple(name for name in names if name in clear),
        queue_on_interrupt=on_interrupt,
        steerable=steerable,
    )
