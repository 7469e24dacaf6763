"""A turnlog on the test's database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.database import Database
from adapters.settings import Settings


@pytest.fixture
def turnlog(database: Database) -> Iterator[Turnlog]:
    with turnlog_on(OpenDatabase(database), Settings()) as opened:
        yield opened
