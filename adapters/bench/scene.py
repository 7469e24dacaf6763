"""What every bench is given, and what it tells about its progress."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import SecretStr

from adapters.bench import environment
from adapters.bench.database import BenchServer
from adapters.bench.report import Report
from adapters.postgres.database import Database
from adapters.settings import Settings

Meter = Callable[[float, float, str], None]
"""Told how much of how much is done, and what is being done."""


@dataclass(slots=True)
class Pace:
    """How far a bench is. Costs are in seconds, guessed beforehand."""

    meter: Meter
    total: float = 0.0
    done: float = 0.0

    def plan(self, seconds: float) -> None:
        """So much is to be done in all."""
        self.total, self.done = seconds, 0.0

    @contextlib.contextmanager
    def step(self, what: str, seconds: float) -> Iterator[Callable[[float], None]]:
        """So much of it is this block, which may tell what part of it (0 to 1) is done."""

        def tell(part: float) -> None:
            done = self.done + seconds * part
            self.meter(done, max(self.total, done), what)

        tell(0)
        yield tell
        # Not told: what comes next says so, and a meter that has just been told does not listen.
        self.done += seconds


@dataclass(slots=True)
class Scene:
    """The server, and who watches. With `durable` a server that may lose commits is refused."""

    server: BenchServer
    pace: Pace
    durable: bool = True
    settings: dict[str, object] = field(default_factory=dict)

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """An empty, migrated database. Raises NotDurable."""
        with self.server.database() as database:
            if self.durable:
                environment.require_durable(database)
            if not self.settings:
                self.settings = environment.describe(database)
            yield database

    def settings_for(self, database: Database) -> Settings:
        """The settings of an application that works on that database."""
        # Without the other URL: that one would still name the database of the user.
        update = {"database_url": SecretStr(database.url), "direct_url": None}
        return self.server.settings.model_copy(update=update)

    def finish(self, report: Report, **settings: object) -> Report:
        """The report, with where it was taken."""
        report.settings = {**self.settings, **settings}
        return report
