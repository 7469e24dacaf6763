"""What a rebuild counts before its tables are used, and what it would notice of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, LiteralString

import psycopg
import pytest

from adapters.postgres.connection import Connection
from projections.registry import load_sql
from tests.fixtures.database import DatabaseFactory
from tests.projections.damage import MISCOUNTED
from tests.projections.story import STORY
from tests.projections.tables import Tables, tables_of

COUNTED: Final = 100
"""Events that have been counted already."""
POSITION: Final = len(STORY.entries) - 3
"""Where the tables are; the log goes on."""


@pytest.fixture(scope="module")
def told(database_factory: DatabaseFactory) -> Iterator[Tables]:
    """The story, and the tables of most of it."""
    with database_factory() as database, tables_of(database) as tables:
        STORY.append_to(tables.recorder)
        tables.apply(POSITION)
        yield tables


def wrong(connection: Connection) -> set[str]:
    """What they have more or less of than the log."""
    counted = Counter(entry.event.name for entry in STORY.entries[:COUNTED])
    values = {"types": list(counted), "numbers": list(counted.values())}
    bounds = {"after": COUNTED, "position": POSITION}
    rows = connection.execute(load_sql("counts"), {**values, **bounds})
    return {what for what, in_log, in_tables in rows if in_log != in_tables}


def test_sound_tables_have_what_the_log_has(told: Tables) -> None:
    with told.pool.connection() as connection:
        assert wrong(connection) == set()


@pytest.mark.parametrize("damage", MISCOUNTED)
def test_what_is_missing_in_them_is_told(told: Tables, damage: LiteralString) -> None:
    with told.pool.connection() as connection, connection.transaction() as spoiled:
        connection.execute(damage)
        assert wrong(connection) == MISCOUNTED[damage]
        raise psycopg.Rollback(spoiled)
