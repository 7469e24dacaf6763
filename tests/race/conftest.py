"""A turnlog on the test's database, and an arena for the races of a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.database import Database
from adapters.settings import Settings
from tests.fixtures.database import DatabaseFactory
from tests.race.arena import Arena


@pytest.fixture
def turnlog(database: Database) -> Iterator[Turnlog]:
    with turnlog_on(OpenDatabase(database), Settings()) as opened:
        yield opened


@pytest.fixture(scope="module")
def arena(database_factory: DatabaseFactory) -> Iterator[Arena]:
    with ExitStack() as open_:
        yield Arena(open_.enter_context(database_factory()), open_)
