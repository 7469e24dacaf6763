"""An application with the rights the manual lists, and no more, can do its work and no harm."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from adapters.errors import StoreForbidden
from adapters.postgres.connection import Connection, connect, open_pool
from adapters.postgres.database import Database
from adapters.postgres.errors import translate
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.migrate import require_current
from tests.fixtures.roles import as_role
from tests.projections.tables import tables_of

MANUAL = Path(__file__).parents[3] / "docs" / "log.md"


def grants() -> list[str]:
    """The statements of the manual's page."""
    [block] = re.findall(r"```sql\n(GRANT.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    return [statement for statement in block.split(";") if statement.strip()]


@pytest.fixture
def app(database: Database, connection: Connection, role: str) -> Database:
    """The database as a role sees it that has been granted what the manual says."""
    for statement in grants():
        connection.execute(re.sub(r"\bapp\b", f'"{role}"', statement).encode())
    return Database(as_role(database.url, role))


def test_it_can_submit_run_and_read(app: Database) -> None:
    with connect(app) as connection:
        require_current(connection, app)
    with tables_of(app) as tables, open_pool(app, max_connections=2) as pool:
        service = tables.service()
        thread_id = service.create().thread_id
        turn_id = service.submit(thread_id, "hello").started_turn_id
        assert turn_id is not None
        leases = PostgresLeases(app, pool)
        lease = leases.acquire(turn_id, thread_id, "worker", 30)
        assert lease is not None
        assert leases.renew(lease, 30)
        service.finish(thread_id, turn_id, "completed", lease=lease)
        leases.release(lease)
        tables.follower.catch_up()
        assert [turn.status for turn in tables.rows(thread_id).turns] == ["completed"]


def test_it_sees_that_it_works_with_a_newer_schema(app: Database, connection: Connection) -> None:
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with connect(app) as connected:
        require_current(connected, app)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO log SELECT * FROM log",
        "UPDATE log_head SET position = 9",
        "DELETE FROM log",
        "DELETE FROM append_fence",
        "ALTER TABLE log DISABLE TRIGGER ALL",
        "DROP TABLE log",
    ],
)
def test_it_has_no_other_way_into_the_log(app: Database, statement: str) -> None:
    with connect(app) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(statement.encode())
    assert isinstance(translate(refused.value, app), StoreForbidden)


def test_a_table_of_its_own_does_not_stand_in_for_the_log(app: Database) -> None:
    with connect(app) as connection:
        connection.execute("CREATE TEMPORARY TABLE log_head AS SELECT 99::bigint AS position")
        row = connection.execute(
            "SELECT first_positions FROM append_v2('token', '{thr_a}', '{thr_a}', '{}', '{1}',"
            " '{NULL}', '{1}', '{1}', '{NULL}', '{1}', '{t}', '{NULL}', '{\"{}\"}',"
            " '{}', '{}', '{}')"
        ).fetchone()
        assert row == ([1],)
