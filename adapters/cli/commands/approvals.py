"""Answer what a turn asks for."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.cli.options import Actor, AsJson, CommandId, ThreadRef
from adapters.cli.screen import Screen


def approve(
    *,
    thread: ThreadRef,
    approval: Annotated[
        str | None,
        typer.Argument(
            metavar="[APPROVAL]",
            help="Its id, or the beginning of it; else the only one that is open.",
            show_default=False,
        ),
    ] = None,
    deny: Annotated[bool, typer.Option("--deny", help="Say no.")] = False,
    note: Annotated[
        str | None, typer.Option("--note", help="Why, for the record.", show_default=False)
    ] = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Approve what the running turn asks for, or deny it."""
    from adapters.cli.references import find_approval
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread) as (log, thread_id):
        approval_id = find_approval(approval, thread_id, log, command_id)
        decision = "denied" if deny else "approved"
        outcome = log.service.resolve_approval(
            thread_id,
            approval_id,
            "denied" if deny else "approved",
            note=note,
            actor=actor,
            command_id=command_id,
        )
        screen.say(f"Approval {approval_id} is {decision}.")
        report(outcome, screen)
