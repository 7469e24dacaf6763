"""The command line, run as its users run it, on a database of the test's own."""

from __future__ import annotations

import pytest

from adapters.postgres.database import Database
from tests.adapters.cli.harness import Cli, LogState


@pytest.fixture
def cli(database_url: str) -> Cli:
    """`turnlog` in this process, on an empty, migrated database."""
    return Cli({"TURNLOG_DATABASE_URL": database_url})


@pytest.fixture
def log_state(database: Database) -> LogState:
    """What the log holds: for tests that nothing was written."""
    return LogState(database)
