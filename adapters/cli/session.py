"""An open turnlog for a command, and how it is closed again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from adapters.composition import OpenDatabase, Turnlog
    from adapters.settings import Settings


def read_settings() -> Settings:
    """The environment, with logging set up as it says; `InvalidSettings`."""
    from adapters.observability import set_up
    from adapters.settings import load_settings

    settings = load_settings()
    # What a command has to say it says itself; the log beside that is for those who ask for it.
    set_up(settings.log_level if "log_level" in settings.model_fields_set else "error")
    return settings


@contextlib.contextmanager
def session(screen: Screen) -> Iterator[Turnlog]:
    """The log this process works with, as the environment says.

    A start of the embedded server takes a moment, the first one several; a terminal is told.
    """
    from adapters.composition import open_turnlog

    with open_turnlog(read_settings(), on_wait=lambda text: _tell_waiting(text, screen)) as log:
        _forget_waiting(screen)
        yield log


@contextlib.contextmanager
def thread_session(
    screen: Screen, thread: str, key: str | None = None
) -> Iterator[tuple[Turnlog, str]]:
    """The same, with the id of the thread that `thread` names; see `references.find_thread`."""
    from adapters.cli.references import find_thread

    with session(screen) as log:
        yield log, find_thread(thread, log, key)


@contextlib.contextmanager
def database_session(screen: Screen, settings: Settings | None = None) -> Iterator[OpenDatabase]:
    """The database alone, whatever is in it."""
    from adapters.composition import open_database

    chosen = settings or read_settings()
    with open_database(chosen, lambda text: _tell_waiting(text, screen)) as opened:
        _forget_waiting(screen)
        yield opened


@contextlib.contextmanager
def demo_session(screen: Screen) -> Iterator[Turnlog]:
    """An empty log for the demo: on the embedded database, in a schema of its own."""
    from adapters.composition import open_demo

    with open_demo(read_settings(), lambda text: _tell_waiting(text, screen)) as log:
        _forget_waiting(screen)
        yield log


def _tell_waiting(text: str, screen: Screen) -> None:
    if screen.shows_progress:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[2K{text}…")
            sys.stderr.flush()


def _forget_waiting(screen: Screen) -> None:
    if screen.shows_progress:
        with contextlib.suppress(OSError):
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
