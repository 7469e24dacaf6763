"""Go on from an earlier point, in another thread."""

from __future__ import annotations

from typing import Annotated

from adapters.cli.options import Actor, AsJson, CommandId, ThreadRef, option
from adapters.cli.screen import Screen


def fork(
    *,
    thread: ThreadRef,
    turn: Annotated[
        str | None, option("--turn", metavar="TURN", help="Up to the end of this turn.")
    ] = None,
    at_seq: Annotated[
        int | None, option("--at", metavar="SEQ", help="Up to this event of the thread.")
    ] = None,
    title: Annotated[str | None, option("--title", help="Title of the new thread.")] = None,
    new_thread_id: Annotated[
        str | None, option("--id", metavar="ID", help="An id for the new thread (thr_…).")
    ] = None,
    actor: Actor = "user",
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Copy a thread's history, up to a point or all of it, into a new thread that goes on."""
    from adapters.cli.references import find_parent, find_past_turn
    from adapters.cli.session import session
    from adapters.cli.working import report

    screen = Screen(as_json=as_json)
    with session(screen) as log:
        thread_id = find_parent(thread, log, command_id)
        outcome = log.service.fork(
            thread_id,
            at_turn=find_past_turn(turn, thread_id, log) if turn is not None else None,
            at_seq=at_seq,
            new_thread_id=new_thread_id,
            title=title,
            actor=actor,
            command_id=command_id,
        )
        screen.say(f"Thread {outcome.thread_id} is there, forked from {thread_id}.")
        report(outcome, screen)
