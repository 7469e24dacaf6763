"""Where processes die."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.postgres.database import Database
from tests.crashes.site import Site, site_on


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """On a database of its own."""
    with site_on(database) as opened:
        yield opened
