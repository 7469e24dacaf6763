"""What tests with processes of their own need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.database import Database
from adapters.settings import Settings
from tests.faults.workers import Processes


@pytest.fixture
def turnlog(database: Database) -> Iterator[Turnlog]:
    with turnlog_on(OpenDatabase(database), Settings()) as opened:
        yield opened


@pytest.fixture
def processes(database: Database) -> Iterator[Processes]:
    with Processes(database) as made:
        yield made
