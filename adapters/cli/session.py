"""An open turnlog for a command, and how it is closed again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from adapters.cli.progress import redraw
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from adapters.composition import OpenDatabase, Turnlog
    from adapters.settings import Settings

T = TypeVar("T")


def read_settings() -> Settings:
    """The environment, with logging set up as it says; `InvalidSettings`."""
    from adapters.observability import set_up
    from adapters.settings import load_settings

    settings = load_settings()
    # What a command has to say it says itself; the log beside that is for those who ask for it.
    set_up(settings.log_level if "log_level" in settings.model_fields_set else "error")
    return settings


def session(screen: Screen) -> AbstractContextManager[Turnlog]:
    """The log this process works with, as the environment says.

    A start of the embedded server takes a moment, the first one several; a terminal is told.
    """
    from adapters.composition import open_turnlog

    return _awaited(open_turnlog, read_settings(), screen)


@contextlib.contextmanager
def thread_session(
    screen: Screen, thread: str, key: str | None = None
) -> Iterator[tuple[Turnlog, str]]:
    """The same, with the id of the thread that `thread` names; see `references.find_thread`."""
    from adapters.cli.references import find_thread

    with session(screen) as log:
        yield log, find_thread(thread, log, key)


def database_session(
    screen: Screen, settings: Settings | None = None
) -> AbstractContextManager[OpenDatabase]:
    """The database alone, whatever is in it."""
    from adapters.composition import open_database

    return _awaited(open_database, settings or read_settings(), screen)


def demo_session(screen: Screen) -> AbstractContextManager[Turnlog]:
    """An empty log for the demo: on the embedded database, in a schema of its own."""
    from adapters.composition import open_demo

    return _awaited(open_demo, read_settings(), screen)


@contextlib.contextmanager
def _awaited(
    open_: Callable[[Settings, Callable[[str], None]], AbstractContextManager[T]],
    settings: Settings,
    screen: Screen,
) -> Iterator[T]:
    """What is opened, after a word about what it waits for."""

    def tell(text: str) -> None:
        if screen.shows_progress:
            redraw(text)

    with open_(settings, lambda text: tell(f"{text}…")) as opened:
        tell("")
        yield opened
