"""The database: its schema, and everything about it that could be wrong."""

from __future__ import annotations

import typer

from adapters.cli.options import AsJson
from adapters.cli.screen import Screen

app = typer.Typer(
    name="db",
    help="The schema of the database: which version it has, and bring it up to this one.",
    no_args_is_help=True,
)


@app.command()
def upgrade(
    *,
    as_json: AsJson = False,
) -> None:
    """Bring the schema to the version this turnlog knows. In one transaction; safe to repeat."""
    from adapters.cli.session import database_session

    screen = Screen(as_json=as_json)
    with database_session(screen) as opened:
        before = opened.schema()
        after = opened.upgrade()
        screen.document(
            {
                "schema": opened.database.schema,
                "from": before.found,
                "to": after.found,
                "changed": before.found != after.found,
            }
        )
        if after.state == "compatible":
            what = f"was migrated by a newer turnlog ({after.found}), and this one works with it"
            screen.say(f"The schema “{opened.database.schema}” {what}.")
        elif before.found == after.found:
            screen.say(f"The schema “{opened.database.schema}” is up to date ({after.found}).")
        else:
            was = before.found or "empty"
            screen.say(f"The schema “{opened.database.schema}” went from {was} to {after.found}.")


@app.command()
def current(*, as_json: AsJson = False) -> None:
    """Which version the schema has, and which this turnlog knows."""
    from adapters.cli.session import database_session

    screen = Screen(as_json=as_json)
    with database_session(screen) as opened:
        status = opened.schema()
        screen.document(
            {
                "database": opened.database.target,
                "schema": opened.database.schema,
                "found": status.found,
                "wanted": status.wanted,
                "state": status.state,
                "oldest_code": status.oldest_code,
            }
        )
        screen.say(f"{opened.database.target}, schema “{opened.database.schema}”")
        screen.say(f"{status.found or 'no tables yet'}, this turnlog knows {status.wanted}.")
        if status.oldest_code is not None:
            works = "this one works with it" if status.works else "this one does not work with it"
            screen.say(f"It is newer, and for turnlogs from {status.oldest_code} on: {works}.")


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Whether this turnlog works with the schema as it is; exit code 1 if not."""
    from adapters.cli.session import database_session

    screen = Screen(as_json=as_json)
    with database_session(screen) as opened:
        opened.require_exactly()
        state = opened.schema().state
        screen.document({"schema": opened.database.schema, "state": state})
        is_what = "up to date" if state == "current" else "newer, and this turnlog works with it"
        screen.say(f"The schema “{opened.database.schema}” is {is_what}.")


def doctor(
    *,
    as_json: AsJson = False,
) -> None:
    """Look at everything that could be wrong, and say what to do about it."""
    from adapters.cli.diagnosis import BAD, diagnose
    from adapters.cli.failures import REFUSED

    screen = Screen(as_json=as_json)
    checks = diagnose(screen)
    screen.document(
        {
            "healthy": all(check.state != BAD for check in checks),
            "checks": [check.as_document() for check in checks],
        }
    )
    for check in checks:
        check.tell(screen)
    if any(check.state == BAD for check in checks):
        raise typer.Exit(REFUSED)
