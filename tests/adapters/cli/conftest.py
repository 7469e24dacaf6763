"""The command line, run as its users run it, on a database of the test's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from adapters import observability
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


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """Commands set up the loggers of their process, and this process has other tests, too."""
    logger = logging.getLogger(observability.ROOT)
    level, handlers, propagate = logger.level, list(logger.handlers), logger.propagate
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers
    logger.propagate = propagate
