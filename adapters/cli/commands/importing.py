"""Logs of other programs, made into threads."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.cli.options import AsJson
from adapters.cli.screen import Screen


def import_(
    *,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, or folders with all in them.")
    ],
    as_json: AsJson = False,
) -> None:
    """Import agent logs (Codex rollouts, Claude Code sessions) as threads.

    Importing a file again adds nothing; one that has grown adds what is new. Exit code 1 if a file
    could not be imported whole, or if there was no log at all.
    """
    from adapters.cli.failures import REFUSED
    from adapters.cli.import_view import as_document, tell_report
    from adapters.cli.progress import progress
    from adapters.cli.reads import caught_up
    from adapters.cli.session import session

    screen = Screen(as_json=as_json)
    with session(screen) as log:
        with progress(screen, "Importing") as meter:
            report = log.import_paths(
                paths,
                lambda now: meter(
                    now.bytes_done, now.bytes_total, f"{now.files_done} of {now.files_total} files"
                ),
            )
        if report.new:
            caught_up(log)
        screen.document(as_document(report))
        tell_report(report, screen)
    if report.problems or not report.imported:
        raise typer.Exit(REFUSED)
