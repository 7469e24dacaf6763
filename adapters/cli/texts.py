"""Prompts as they are typed, or read from stdin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from adapters.cli.failures import UsageProblem
from adapters.cli.screen import Screen
from adapters.cli.words import printable
from domain.errors import TooLarge

# Larger than any event can be allowed to be; what is beyond it is not worth reading.
_READ_LIMIT: Final = 64 * 1024 * 1024  # bytes


def read_text(argument: str, screen: Screen) -> str:
    """The argument itself, or all of stdin for `-`.

    Bytes that are no UTF-8 become lone surrogates, as they do in arguments; the domain replaces and
    counts both. `TooLarge` for what no event could hold.
    """
    if argument != "-":
        return argument
    if sys.stdin.isatty():
        screen.note("Type the prompt; end it with Ctrl-D on a line of its own.")
    data = sys.stdin.buffer.read(_READ_LIMIT + 1)
    if len(data) > _READ_LIMIT:
        raise TooLarge(what="prompt", size=f"more than {_READ_LIMIT}", limit=_READ_LIMIT)
    return data.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")


def read_script(path: str) -> tuple[str, str]:
    """(text, name of its source) of a script file, or of stdin for `-`; `UsageProblem`."""
    if path == "-":
        return sys.stdin.buffer.read().decode("utf-8", errors="replace"), "stdin"
    try:
        return Path(path).read_bytes().decode("utf-8", errors="replace"), path
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is not a file's name"
        raise UsageProblem(f"The script {printable(path)} cannot be read: {why}.") from None
