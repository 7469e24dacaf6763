"""What tests with processes of their own need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.database import Database
from adapters.settings import Settings
from tests.faults.workers import Processes
from tests.fixtures.patience import PATIENCE


@pytest.fixture
def turnlog(database: Database) -> Iterator[Turnlog]:
    with turnlog_on(OpenDatabase(database), Settings()) as opened:
        yield opened


@pytest.fixture
def processes(database: Database) -> Iterator[Processes]:
    made = Processes(database)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)
