"""What a person, or a program, is told when a command fails; and the exit codes.

0 done; 1 refused, or something bad was found; 2 not used as it should be; 130 stopped by Ctrl-C.
With `--json` the error is `{"error": {"code", "message", "details"}}`, on stderr as well. What only
needs a warning is `{"warning": …}` there, of the same form, on a line of its own before that.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Final

import typer

from adapters.cli.words import printable
from adapters.errors import InvalidDatabaseUrl, InvalidSettings
from adapters.observability import LEVEL_VARIABLE
from domain.errors import InvalidArgument, TurnlogError

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
OUTPUT_CLOSED: Final = 141  # what a shell reports for a program that SIGPIPE ended

# Errors of adapters that the command line may not know by class: what was given is wrong.
_MISUSES: Final = frozenset({"invalid_script", "ambiguous_id"})

# What an error of the domain means on a command line.
_HINTS: Final = {"thread_busy": "That is --delivery queue, --delivery steer, --delivery interrupt."}

# typer's errors about usage have one base class, which it does not export.
TYPER_ERROR: Final = typer.BadParameter.__mro__[2]


class UsageProblem(TurnlogError):
    """{what}"""

    def __init__(self, what: str) -> None:
        super().__init__(what=what)


class OutputFailed(TurnlogError):
    """The output could not be written: {why}. What the command did is not undone by that."""


class OutputClosed(Exception):
    """Whoever read our output has left."""


WARNS_PROGRAMS: Final = ContextVar("warns_programs", default=False)
"""Whether the command was given `--json`: who finds something to warn of need not know."""


@dataclass(frozen=True)
class Failure:
    """An error as it is reported; `hint` is a second line, for people only."""

    code: str
    message: str
    exit_code: int
    details: Mapping[str, object] = field(default_factory=dict)
    hint: str = ""

    def for_people(self) -> str:
        beginning = "" if self.exit_code == INTERRUPTED else "Error: "
        return printable(f"{beginning}{self.message}" + (f"\n{self.hint}" if self.hint else ""))

    def for_programs(self, kind: str = "error") -> str:
        details = {name: _plain(value) for name, value in self.details.items()}
        body = {"code": self.code, "message": self.message, "details": details}
        return json.dumps({kind: body})


def describe(error: BaseException) -> Failure:
    """How to report `error`, whatever it is."""
    match error:
        case UsageProblem():
            return Failure("usage", error.message, USAGE)
        case InvalidArgument() | InvalidSettings() | InvalidDatabaseUrl():
            return Failure(error.code, error.message, USAGE, error.details)
        case TurnlogError():
            code = USAGE if error.code in _MISUSES else REFUSED
            hint = _HINTS.get(error.code, "")
            return Failure(error.code, error.message, code, error.details, hint)
        case KeyboardInterrupt():
            return Failure("interrupted", "Stopped.", INTERRUPTED)
        case typer.Abort():
            return Failure("aborted", "Nothing was done.", REFUSED)
        case MemoryError():
            return Failure("out_of_memory", "There is not enough memory for this.", REFUSED)
        case OSError():
            where = f" ({error.filename})" if error.filename else ""
            message = f"The system refused something: {error.strerror or error}{where}."
            return Failure("os_error", message, REFUSED)
        case _ if isinstance(error, TYPER_ERROR):
            return _misused(error)
        case _:
            return _unexpected(error)


def warn(error: TurnlogError, beginning: str = "") -> None:
    """An error that does not end the command, on stderr; with `--json` in the form of an error."""
    failure = describe(error)
    failure = replace(failure, message=f"{beginning} {failure.message}".strip())
    for_people = f"Warning: {printable(failure.message)}"
    text = failure.for_programs("warning") if WARNS_PROGRAMS.get() else for_people
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{text}\n")


def _misused(error: BaseException) -> Failure:
    """An error of typer's: no such option, a missing argument."""
    format_message = getattr(error, "format_message", None)
    message = str(format_message() if callable(format_message) else error)
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "turnlog")
    return Failure("usage", message, USAGE, hint=f"`{path} --help` tells how it is used.")


def _unexpected(error: BaseException) -> Failure:
    """An error nobody foresaw. Its message stays out: it may quote what somebody wrote."""
    what = f"This is a fault in turnlog ({type(error).__name__})."
    advice = f"Run it again with {LEVEL_VARIABLE}=debug for details to report."
    return Failure("internal_error", f"{what} {advice}", REFUSED)


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)
