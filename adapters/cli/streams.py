"""The streams of the process: they take any text, exist, and may lose whoever reads them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from adapters.cli.failures import OutputClosed, OutputFailed


def prepare() -> None:
    """Streams that take any text, and exist."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """To stdout, at once."""
    if sys.stdout is not None:
        sys.stdout.write(text)
        sys.stdout.flush()


def flush() -> None:
    """What was written is with whoever reads it. `OutputClosed`, `OutputFailed`."""
    with writing():
        sys.stdout.flush()


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """For what writes to stdout. `OutputClosed`, `OutputFailed`; after these nothing goes there."""
    try:
        yield
    except OSError as error:
        abandon()
        if isinstance(error, BrokenPipeError):
            raise OutputClosed from None
        raise OutputFailed(why=error.strerror or type(error).__name__) from None


def abandon() -> None:
    """Whatever is still to be flushed goes nowhere; else it fails again at every turn, and Python
    complains at the very end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
