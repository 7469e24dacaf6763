"""Every revision down and up again on a database with a log in it, with appends in between."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count, pairwise
from typing import Any, Final, LiteralString

import pytest
from psycopg import sql

from adapters.postgres import migrate
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.rows import entry_of
from tests.adapters.cli.harness import Cli
from tests.contracts.chain import broken_links
from tests.fixtures.catalog import catalog
from tests.migrations.kept_logs import COLUMNS, KeptLog, Row, kept_logs

REVISIONS: Final = sorted(migrate.revisions()[1])
HEAD: Final = REVISIONS[-1]

# As the code of 0001 calls it, and every turnlog since, until a revision gives it up.
APPEND_V1: Final[LiteralString] = """
    SELECT first_positions, seqs FROM append_v1(
        %(token)s, ARRAY[%(thread)s], ARRAY[%(thread)s], ARRAY[%(command)s], '{1}', '{NULL}',
        '{1}', '{1}', '{1}', ARRAY[%(version)s]::bigint[], '{thread.archived}', '{NULL}',
        ARRAY[%(data)s])"""


@pytest.fixture(params=kept_logs(), ids=lambda log: log.folder.name)
def kept(request: pytest.FixtureRequest, connection: Connection) -> KeptLog:
    """The log that the database is filled with."""
    log: KeptLog = request.param
    log.load(connection)
    return log


class OldWriter:
    """Appends to a thread of its own, as old code does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.versions = count(1)
        self.appended = 0

    def append(self) -> None:
        """One event; it is the next in the log and in its thread."""
        head = self.connection.execute("SELECT position FROM log_head").fetchone()
        assert head is not None
        version = next(self.versions)
        values = {
            "token": f"token {version}",
            "thread": "thr_old",
            "command": f"cmd_{version}",
            "version": version,
            "data": "{}",
        }
        row = self.connection.execute(APPEND_V1, values, prepare=False).fetchone()
        assert row == ([head[0] + 1], [version])
        self.appended += 1


def test_down_and_up_again_nothing_is_lost_and_appends_go_on(
    kept: KeptLog, connection: Connection, database: Database
) -> None:
    before, made = _log(connection), catalog(connection, "turnlog")
    writer = OldWriter(connection)
    writer.append()
    for below, _ in reversed(list(pairwise(REVISIONS))):
        migrate.downgrade(database, below)
        writer.append()
        assert _log(connection)[: len(before)] == before
    for revision in REVISIONS[1:]:
        migrate.upgrade(database, revision)
        writer.append()
        assert _log(connection)[: len(before)] == before
    assert catalog(connection, "turnlog") == made
    after = _log(connection)
    assert len(after) == len(before) + writer.appended == len(before) + 2 * len(REVISIONS) - 1
    assert [row[4] for row in after] == list(range(1, len(after) + 1))
    assert broken_links([entry_of(row) for row in after]) == []


def test_after_it_the_read_models_fill_themselves_again(
    kept: KeptLog, connection: Connection, database: Database
) -> None:
    migrate.downgrade(database, REVISIONS[0])
    migrate.upgrade(database)
    verdict = Cli({"TURNLOG_DATABASE_URL": database.url}).document("verify")
    assert verdict["clean"] is True
    assert verdict["rows"] > 0


@pytest.mark.parametrize("table", ["log", "log_head", "tracking", "aggregate_event", "leases"])
def test_no_revision_takes_a_row_or_a_right_from_a_table(
    table: LiteralString, kept: KeptLog, connection: Connection, database: Database, role: str
) -> None:
    """Of those that hold more than what can be made anew from the log."""
    grant = sql.SQL("GRANT SELECT ON {} TO {}")
    connection.execute(grant.format(sql.Identifier(table), sql.Identifier(role)))
    connection.execute(ROWS_OF_OTHERS)
    before = _rows(connection, table)
    migrate.downgrade(database, "0002")
    below = _rows(connection, table)
    migrate.upgrade(database)
    after = _rows(connection, table)
    # A column that a later revision has added goes with it, and comes back empty.
    there = below[0].keys()
    assert _only(there, before) == below == _only(there, after)
    assert before[0].keys() == after[0].keys()
    query = "SELECT has_table_privilege(%s, %s, 'SELECT')"
    assert connection.execute(query, [role, table]).fetchone() == (True,)


ROWS_OF_OTHERS: Final[LiteralString] = """
    INSERT INTO tracking (follower, application_name, position) VALUES ('f', 'a', 3);
    INSERT INTO aggregate_event (collection, stream_id, version, type, data)
    VALUES ('c', 's', 1, 't', 'data');
    INSERT INTO leases (turn_id, thread_id, holder, token, expires_at)
    VALUES ('turn_1', 'thr_1', 'worker', 7, '2025-01-01Z');
"""


def _log(connection: Connection) -> Sequence[tuple[Any, ...]]:
    """The rows in order, with the columns as `entry_of` takes them: every one that 0001 made."""
    columns: LiteralString = (
        "stream_id, version, type, data::text, position, thread_id, seq, command_id, receipt,"
        " recorded_at, hash"
    )
    assert len(columns.split(",")) == len(COLUMNS)
    return connection.execute(f"SELECT {columns} FROM log ORDER BY position").fetchall()


def _rows(connection: Connection, table: LiteralString) -> list[Row]:
    query: LiteralString = f"SELECT to_jsonb(t) AS row FROM {table} t ORDER BY row"
    return [row for (row,) in connection.execute(query, prepare=False).fetchall()]


def _only(columns: Collection[str], rows: Sequence[Row]) -> list[Row]:
    return [{name: row[name] for name in columns} for row in rows]
