"""The process under test: does one piece of work on a database, and tells at each point outside of
the database what it is about to do."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.database import Database
from adapters.settings import Settings

Given = dict[str, str]
"""What the process is told, ids above all: so a second one can repeat what the first one did."""

LEASE_SECONDS: Final = 3600.0  # none runs out but by the test
CONNECT_SECONDS: Final = 600.0  # nor is any too busy machine given up
SETTINGS: Final = Settings(lease_seconds=LEASE_SECONDS, connect_timeout_seconds=CONNECT_SECONDS)


class Stage:
    """The world outside, apart from the database."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def effect(self, name: str, detail: Any = None) -> None:
        """Something is done out there; returns when it is done. The process may die at it."""
        self._line.send(("effect", name, detail))
        self._line.recv()

    def tell(self, what: str, answer: object) -> None:
        """The user is given this answer."""
        self.effect("user is told", (what, answer))

    def ask(self, what: str) -> None:
        """Somebody else does that now, in a process of his own."""
        self._line.send(("ask", what, None))
        self._line.recv()


Work = Callable[[Turnlog, Given, Stage], None]


def live(work: Work, url: str, given: Given, line: Connection) -> None:
    """Do the work, from the beginning of a process to its end."""
    try:
        database = Database(url, connect_timeout_seconds=CONNECT_SECONDS)
        with turnlog_on(OpenDatabase(database), SETTINGS) as turnlog:
            work(turnlog, given, Stage(line))
    except BaseException:  # noqa: BLE001  # whatever it is, the test says it
        line.send(("failed", traceback.format_exc(), None))
    else:
        line.send(("done", None, None))
