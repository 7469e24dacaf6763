"""What turns ask for, and the answers."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from adapters.cli.options import Actor, AsJson, CommandId, ThreadRef, argument, option
from adapters.cli.screen import Screen


def approvals(
    *,
    thread: Annotated[
        str | None,
        option(
            "--thread",
            "-t",
            metavar="THREAD",
            help="Only of this one: its id, the beginning of it, or `last`.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what waits for an answer, in all threads; the oldest first."""
    from dataclasses import asdict

    from adapters.cli.approval_list import tell_approvals
    from adapters.cli.reads import caught_up
    from adapters.cli.references import find_thread
    from adapters.cli.session import session

    screen = Screen(as_json=as_json)
    with session(screen) as log:
        thread_id = find_thread(thread, log) if thread is not None else None
        caught_up(log)
        found = log.rows.open_approvals(thread_id=thread_id, limit=limit + 1)
        shown, more = found[:limit], len(found) > limit
        rows = [{**asdict(row), "thread_title": title} for row, title in shown]
        screen.document({"approvals": rows, "more": more})
        tell_approvals(shown, screen, log.clock.now(), more=more)


def approve(
    *,
    thread: ThreadRef,
    approval: Annotated[
        str | None,
        argument(
            metavar="APPROVAL",
            help="Its id, or the beginning of it; else the only one that is open.",
        ),
    ] = None,
    deny: Annotated[bool, typer.Option("--deny", help="Say no.")] = False,
    note: Annotated[str | None, option("--note", help="Why, for the record.")] = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Approve what the running turn asks for, or deny it."""
    from adapters.cli.references import find_approval
    from adapters.cli.session import thread_session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread, command_id) as (log, thread_id):
        approval_id = find_approval(approval, thread_id, log, command_id)
        decision: Literal["approved", "denied"] = "denied" if deny else "approved"
        outcome = log.service.resolve_approval(
            thread_id,
            approval_id,
            decision,
            note=note,
            actor=actor,
            command_id=command_id,
        )
        screen.say(f"Approval {approval_id} is {decision}.")
        report(outcome, screen)
