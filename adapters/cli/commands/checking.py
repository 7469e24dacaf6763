"""Check the log and what is made from it; make the read models anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import AsJson, argument, option
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from projections.ports import Progress

SHOWN_FINDINGS = 50


def verify(
    *,
    threads: Annotated[
        list[str] | None, argument(metavar="THREAD", help="Only these; else all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check numbers, hash chains, laws, snapshots, read models; say exactly where they are wrong.

    Nothing is changed. Exit code 1 if anything is wrong.
    """
    from adapters.cli.failures import REFUSED
    from adapters.cli.progress import progress
    from adapters.cli.references import find_thread
    from adapters.cli.session import session
    from adapters.cli.verifying import Verdict, verify_threads

    screen = Screen(as_json=as_json)
    with session(screen) as log:
        chosen = [find_thread(thread, log) for thread in threads] if threads else None
        verdict = Verdict()
        with progress(screen, "Verifying") as meter:
            verify_threads(log, chosen, verdict, meter)
        screen.document(verdict.as_document())
        verdict.tell(screen, limit=SHOWN_FINDINGS)
    if not verdict.is_clean:
        raise typer.Exit(REFUSED)


def rebuild(
    *,
    jobs: Annotated[
        int | None, option(min=1, help="Connections to fill with; as many as cores.")
    ] = None,
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Only drop what a rebuild that was cut short has left."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the read models anew from the log, while the old ones serve."""
    from dataclasses import asdict

    from adapters.cli.progress import progress
    from adapters.cli.session import session
    from adapters.cli.words import count, duration

    screen = Screen(as_json=as_json)
    with session(screen) as log:
        if discard:
            log.discard_rebuild()
            screen.document({"discarded": True})
            screen.say("Nothing is left of a rebuild. The read models in use are as they were.")
            return
        with progress(screen, "Rebuilding") as meter:

            def tell(now: Progress) -> None:
                # A rebuild that goes on with another's work knows what of it is its own.
                meter(now.done, now.total, f"{now.done:,} events", left=now.seconds_left)

            rebuilt = log.rebuild(tell, jobs)
        screen.document({"rebuilt": asdict(rebuilt)})
        done = rebuilt.position - rebuilt.resumed_at
        rate = f", {done / rebuilt.seconds:,.0f} a second" if rebuilt.seconds > 1 else ""
        screen.say(f"Rebuilt from {count(done, 'event')} in {duration(rebuilt.seconds)}{rate}.")
        if rebuilt.resumed_at:
            began = count(rebuilt.resumed_at, "event")
            screen.say(f"{began} were there from a rebuild that was cut short.", "dim")
