"""What there is: the threads, and one of them."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.cli.options import AsJson, ThreadRef
from adapters.cli.screen import Screen


def threads(
    *,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Archived and imported threads, too.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List threads, the one with the latest event first."""
    from dataclasses import asdict

    from adapters.cli.reads import caught_up
    from adapters.cli.session import session
    from adapters.cli.thread_list import tell_threads

    screen = Screen(as_json=as_json)
    with session(screen) as log:
        caught_up(log)
        only = None if everything else False
        rows = log.rows.threads(limit=limit + 1, archived=only, imported=only)
        more = len(rows) > limit
        screen.document({"threads": [asdict(row) for row in rows[:limit]], "more": more})
        tell_threads(rows[:limit], screen, log.clock.now(), more=more, everything=everything)


def show(
    *,
    thread: ThreadRef,
    turns: Annotated[
        int, typer.Option("--turns", "-n", min=0, help="How many of the last turns; 0 shows all.")
    ] = 10,
    full: Annotated[
        bool, typer.Option("--full", help="Texts in full, not a line of each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a thread: its turns, what happened in them, and what waits."""
    from adapters.cli.reads import caught_up
    from adapters.cli.session import thread_session
    from adapters.cli.thread_view import document, tell_thread
    from domain.errors import ThreadNotFound

    screen = Screen(as_json=as_json)
    with thread_session(screen, thread) as (log, thread_id):
        caught_up(log)
        rows, _ = log.rows.snapshot(thread_id)
        if rows.thread is None:
            raise ThreadNotFound(thread_id=thread_id)
        screen.document(document(rows))
        tell_thread(rows, screen, log.clock.now(), turns=turns or None, full=full)
