"""Change a prompt that waits: what it says, how it enters, where it stands."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from adapters.cli.options import (
    Actor,
    AsJson,
    CommandId,
    Mode,
    Model,
    PromptRef,
    PromptText,
    Route,
    ThreadRef,
    argument,
)
from adapters.cli.screen import Screen

RedeliveryChoice = Literal["queue", "steer"]
PlaceChoice = Literal["first", "last", "before", "after"]


def edit(
    *,
    thread: ThreadRef,
    prompt: PromptRef,
    text: PromptText,
    model: Model = None,
    mode: Mode = None,
    route: Route = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Change what a waiting prompt says. Its options stay, unless some are given."""
    from adapters.cli.overrides import build_overrides
    from adapters.cli.references import find_prompt
    from adapters.cli.session import thread_session
    from adapters.cli.texts import read_text
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    anew = build_overrides(model=model, mode=mode, route=route)
    overrides = anew if (model, mode, route) != (None, None, None) else None
    content = read_text(text, screen)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        input_id = find_prompt(prompt, thread_id, log, command_id)
        outcome = log.service.edit(
            thread_id, input_id, content, overrides=overrides, actor=actor, command_id=command_id
        )
        report(outcome, screen, f"Prompt {input_id} is edited.")


def redeliver(
    *,
    thread: ThreadRef,
    prompt: PromptRef,
    delivery: Annotated[
        RedeliveryChoice,
        typer.Argument(
            metavar="queue|steer",
            help="In line behind the running turn, or into it at its next step.",
        ),
    ],
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Let a waiting prompt steer the running turn, or wait for a turn of its own again."""
    from adapters.cli.references import find_prompt
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        input_id = find_prompt(prompt, thread_id, log, command_id)
        outcome = log.service.redeliver(
            thread_id, input_id, delivery, actor=actor, command_id=command_id
        )
        what = "is to steer the running turn" if delivery == "steer" else "waits in line"
        report(outcome, screen, f"Prompt {input_id} {what}.")


def move(
    *,
    thread: ThreadRef,
    prompt: PromptRef,
    place: Annotated[
        PlaceChoice,
        typer.Argument(metavar="first|last|before|after", help="Where in line."),
    ],
    other: Annotated[
        str | None,
        argument(
            metavar="OTHER", help="Before or after which prompt: its id, or the beginning of it."
        ),
    ] = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Give a queued prompt another place in line."""
    from adapters.cli.references import find_prompt
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        input_id = find_prompt(prompt, thread_id, log, command_id)
        anchor_id = find_prompt(other, thread_id, log, command_id) if other is not None else None
        outcome = log.service.move(
            thread_id, input_id, place, anchor_id, actor=actor, command_id=command_id
        )
        report(outcome, screen, f"Prompt {input_id} is moved.")
