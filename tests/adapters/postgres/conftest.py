"""What tests of the read models work with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.postgres.database import Database
from adapters.postgres.rebuild import PostgresRebuildSession
from tests.projections.tables import Tables, tables_of


@pytest.fixture
def tables(database: Database) -> Iterator[Tables]:
    """A log with its read models."""
    with tables_of(database) as opened:
        yield opened


@pytest.fixture
def session(database: Database) -> Iterator[PostgresRebuildSession]:
    """Somebody who rebuilds them."""
    with PostgresRebuildSession(database) as opened:
        yield opened
