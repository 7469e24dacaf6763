"""The way in: `turnlog`, its commands, and what catches whatever goes wrong in them."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from adapters.cli import failures, streams
from adapters.cli.commands import (
    approvals,
    bench,
    checking,
    database,
    demo,
    forking,
    history,
    importing,
    prompts,
    reading,
    submit,
    threads,
    turns,
    waiting,
)
from adapters.cli.failures import WARNS_PROGRAMS, OutputClosed, describe
from adapters.observability import debugging, log_crash

TALK: Final = "Conversations"
LOOK: Final = "The log"
CARE: Final = "Set up and check"

# The collector looks for garbage whenever so many more objects have been made. A thread of 10,000
# events is nearly that many, and they all stay: with Python's 700 a sixth of the time it takes to
# read and fold it goes into looking at them again and again.
YOUNG_OBJECTS: Final = 100_000


class Commands(TyperGroup):
    """The commands, with one place that turns errors into a sentence and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 typer's signature
        """In the order they were added, which is the order to read them in."""
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Under this name, for typer would make an exit of its own of it.
            raise OutputClosed from None

    def main(self, args: Sequence[str] | None = None, *_: Any, **options: Any) -> Any:
        """Runs a command and exits with its code; returns it if not `standalone_mode`."""
        given = sys.argv[1:] if args is None else list(args)
        standalone = options.pop("standalone_mode", True)
        options["prog_name"] = "turnlog"
        WARNS_PROGRAMS.set(_wants_json(given))
        code = _guarded(
            lambda: super(Commands, self).main(given, standalone_mode=False, **options), given
        )
        if standalone:
            sys.exit(code)
        return code


app = typer.Typer(
    cls=Commands,
    name="turnlog",
    help="The event-sourced core under an AI agent: prompts in, turns in order, all in a log.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "THREAD is an id, the beginning of one, or `last`. Without TURNLOG_DATABASE_URL all of "
        "this happens on an embedded PostgreSQL. Every command takes --json. Exit codes: 0 done, "
        "1 refused or found bad, 2 usage."
    ),
)

_COMMANDS: Final[Sequence[tuple[str, str, Callable[..., None]]]] = (
    ("demo", TALK, demo.demo),
    ("threads", TALK, reading.threads),
    ("show", TALK, reading.show),
    ("create", TALK, threads.create),
    ("update", TALK, threads.update),
    ("archive", TALK, threads.archive),
    ("unarchive", TALK, threads.unarchive),
    ("submit", TALK, submit.submit),
    ("steer", TALK, prompts.steer),
    ("interrupt", TALK, turns.interrupt),
    ("release", TALK, prompts.release),
    ("withdraw", TALK, prompts.withdraw),
    ("edit", TALK, waiting.edit),
    ("redeliver", TALK, waiting.redeliver),
    ("move", TALK, waiting.move),
    ("approvals", TALK, approvals.approvals),
    ("approve", TALK, approvals.approve),
    ("compact", TALK, turns.compact),
    ("rollback", TALK, turns.rollback),
    ("edit-last", TALK, prompts.edit_last),
    ("fork", TALK, forking.fork),
    ("run", TALK, turns.run),
    ("replay", LOOK, history.replay),
    ("verify", LOOK, checking.verify),
    ("rebuild", LOOK, checking.rebuild),
    ("import", LOOK, importing.import_),
    ("bench", CARE, bench.bench),
    ("doctor", CARE, database.doctor),
)
for _name, _panel, _command in _COMMANDS:
    app.command(_name, rich_help_panel=_panel)(_command)
app.add_typer(database.app, name="db", rich_help_panel=CARE)


@app.callback(invoke_without_command=True)
def turnlog(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        from adapters.cli.screen import Screen

        Screen().say(f"turnlog {installed('turnlog')}")
        raise typer.Exit


def run() -> None:
    """The command line, from `start`."""
    gc.set_threshold(YOUNG_OBJECTS)
    streams.prepare()
    with contextlib.suppress(ValueError):  # not in the main thread
        # A clean end, as after Ctrl-C.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _refuse_a_mixture()
    try:
        app()
    except KeyboardInterrupt as stop:  # before a command began: typer takes a while to make them
        failure = describe(stop)
        _report(failure, as_json=_wants_json(sys.argv[1:]))
        sys.exit(failure.exit_code)


def _refuse_a_mixture() -> None:
    """Our packages have common names, and half of ours with half of another's works nowhere.

    It happens when another distribution that ships one of them is installed beside turnlog.
    """
    found = {name: find_spec(name) for name in ("domain", "projections", "adapters")}
    origins = [os.path.dirname(os.path.dirname(s.origin or "")) for s in found.values() if s]  # noqa: PTH120
    if len(set(origins)) > 1 or len(origins) < len(found):
        places = ", ".join(sorted(set(origins)))
        message = (
            f"The packages {', '.join(found)} must all be turnlog's, but come from {places}. "
            "Install turnlog into an environment of its own."
        )
        _report(failures.Failure("mixed_packages", message, failures.REFUSED), as_json=False)
        sys.exit(failures.REFUSED)


def _guarded(command: Callable[[], object], args: Sequence[str]) -> int:
    """The exit code of `command`; an error is reported first. No traceback, whatever happens."""
    try:
        code = command()
        streams.flush()
    except OutputClosed:
        streams.abandon()
        return failures.OUTPUT_CLOSED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 the last resort
        failure = describe(error)
        if failure.code == "internal_error" and debugging():
            log_crash(error)
        _report(failure, as_json=_wants_json(args))
        # Help is typer's to print: what it could not write may still wait in the buffer.
        with contextlib.suppress(OutputClosed, failures.OutputFailed):
            streams.flush()
        return failure.exit_code
    if code == failures.INTERRUPTED:
        _report(describe(KeyboardInterrupt()), as_json=_wants_json(args))
    return code if isinstance(code, int) else failures.DONE


def _report(failure: failures.Failure, *, as_json: bool) -> None:
    if not failure.message:  # help was shown instead, for nothing was asked for
        return
    text = failure.for_programs() if as_json else _wrapped(failure.for_people())
    with contextlib.suppress(OSError, AttributeError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201 this is what the command line says


def _wrapped(text: str) -> str:
    """By words, at the width of the terminal if it is one."""
    if sys.stderr is None or not sys.stderr.isatty():
        return text
    import shutil
    import textwrap

    width = shutil.get_terminal_size().columns
    lines = (
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
    return "\n".join(lines)


def _wants_json(args: Sequence[str]) -> bool:
    """Asked of the words themselves: when they are wrong, nothing has understood them."""
    words = list(args)
    return "--json" in (words[: words.index("--")] if "--" in words else words)


if __name__ == "__main__":
    run()
