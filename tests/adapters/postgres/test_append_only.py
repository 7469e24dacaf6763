"""The database itself keeps the log append-only: tried, as someone with psql would try it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from adapters.errors import LogIsAppendOnly
from adapters.postgres.connection import Connection, Pool
from adapters.postgres.database import Database
from adapters.postgres.errors import SQLSTATE_APPEND_ONLY, translate
from adapters.postgres.recorder import PostgresLogRecorder
from tests.contracts.records import records
from tests.fixtures.roles import may_set

CHANGES = {
    "update": "UPDATE log SET data = '{}' WHERE position = 1",
    "update of nothing": "UPDATE log SET data = '{}' WHERE false",
    "delete": "DELETE FROM log WHERE position = 1",
    "delete of nothing": "DELETE FROM log WHERE false",
    "delete of all": "DELETE FROM log",
    "truncate": "TRUNCATE log",
    "truncate with others": "TRUNCATE log, log_head CASCADE",
    "upsert": """INSERT INTO log SELECT * FROM log WHERE position = 1
                 ON CONFLICT (position) DO UPDATE SET data = '{}'""",
    "merge": """MERGE INTO log l USING (SELECT 1 AS position) one ON l.position = one.position
                WHEN MATCHED THEN DELETE""",
    "in a query": "WITH gone AS (DELETE FROM log RETURNING *) SELECT count(*) FROM gone",
    "copied over": "SELECT * FROM log FOR UPDATE; DELETE FROM log",
}


@pytest.fixture
def filled(database: Database, pool: Pool) -> Database:
    """Two events."""
    with PostgresLogRecorder(database, pool) as log:
        log.append(records("thr_a", 1, 2))
    return database


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_no_statement_changes_the_log(
    filled: Database, connection: Connection, statement: str
) -> None:
    before = connection.execute("SELECT * FROM log ORDER BY position").fetchall()
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(statement.encode())
    assert refused.value.sqlstate == SQLSTATE_APPEND_ONLY
    assert "was refused, because events are never changed or deleted" in str(refused.value)
    assert isinstance(translate(refused.value, filled), LogIsAppendOnly)
    assert connection.execute("SELECT * FROM log ORDER BY position").fetchall() == before


def test_a_session_that_replays_replication_does_not_get_round_it(
    filled: Database, connection: Connection
) -> None:
    if not may_set(connection, "session_replication_role"):
        pytest.skip("the role that runs the tests may not replay replication on this server")
    connection.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("DELETE FROM log")
    assert refused.value.sqlstate == SQLSTATE_APPEND_ONLY


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("data", "[]", "log_data_check"),
        ("thread_id", "a\nb", "log_names_check"),
        ("thread_id", "", "log_names_check"),
        ("hash", b"short", "log_hash_check"),
        ("position", 0, "log_numbers_check"),
        ("position", 1, "log_pkey"),
        ("receipt", "r", "log_receipt_check"),
    ],
)
def test_an_insert_by_hand_meets_the_constraints(
    filled: Database, connection: Connection, column: str, value: object, constraint: str
) -> None:
    row = {"position": 9, "thread_id": "thr_b", "seq": 1, "stream_id": "thr_b", "version": 1}
    values = {**row, "type": "t", "data": "{}", "recorded_at": "now", "hash": bytes(32)}
    values[column] = value
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    insert = sql.SQL("INSERT INTO log ({}) VALUES ({})").format(names, places)
    with pytest.raises(psycopg.IntegrityError) as refused:
        connection.execute(insert, list(values.values()))
    assert refused.value.diag.constraint_name == constraint
