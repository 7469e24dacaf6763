"""The schema as migrations make it. What they did is read back from PostgreSQL's catalog."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg import sql

from adapters.errors import MigrationFailed, NewerSchema, NotMigrated
from adapters.postgres import migrate, migration_sql
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from tests.adapters.postgres.test_batches import wait_for_a_lock
from tests.fixtures.catalog import catalog
from tests.fixtures.patience import PATIENCE, eventually

REVISIONS = sorted(migrate.revisions()[1])


@pytest.fixture
def empty(empty_database: Database) -> Iterator[Connection]:
    with connect(empty_database) as connection:
        yield connection


def _scripts() -> ScriptDirectory:
    database = Database("postgresql:///nowhere")
    return ScriptDirectory.from_config(migrate.alembic_config(database))


def test_there_is_one_head_and_it_is_the_one_read_without_alembic() -> None:
    assert _scripts().get_heads() == [migrate.revisions()[0]]


def test_history_is_one_line_in_the_order_of_the_file_names() -> None:
    revisions = list(_scripts().walk_revisions())
    assert [r.revision for r in reversed(revisions)] == REVISIONS
    assert all(Path(r.path).name.startswith(f"{r.revision}_") for r in revisions)


def test_an_empty_database_is_not_migrated_and_says_what_to_do(
    empty: Connection, empty_database: Database
) -> None:
    assert migrate.status(empty, empty_database).state == "empty"
    with pytest.raises(NotMigrated, match="turnlog db upgrade"):
        migrate.require_current(empty, empty_database)


def test_what_a_database_sets_for_short_queries_does_not_end_an_upgrade(
    empty: Connection, empty_database: Database
) -> None:
    name = empty.info.dbname
    # Long enough for a session to begin on a busy machine, and shorter than the wait.
    for setting in ("statement_timeout", "lock_timeout"):
        empty.execute(f"ALTER DATABASE {name} SET {setting} = '2s'".encode())
    holds = "SELECT pg_advisory_lock(hashtextextended('turnlog.migrate.turnlog', 0))"
    empty.execute(holds)
    with ThreadPoolExecutor(1) as thread:
        upgraded = thread.submit(migrate.upgrade, empty_database)
        wait_for_a_lock(empty)
        empty.execute("SELECT pg_sleep(2.5)")  # another migrates meanwhile
        empty.execute("SELECT pg_advisory_unlock_all()")
        assert upgraded.result(PATIENCE).state == "current"


def test_upgrade_from_nothing_reaches_the_head(empty: Connection, empty_database: Database) -> None:
    assert migrate.upgrade(empty_database).state == "current"
    migrate.require_current(empty, empty_database)


def test_a_second_upgrade_changes_nothing(empty: Connection, empty_database: Database) -> None:
    migrate.upgrade(empty_database)
    before = catalog(empty, "turnlog")
    migrate.upgrade(empty_database)
    assert catalog(empty, "turnlog") == before


@pytest.mark.parametrize(("below", "revision"), list(pairwise(["base", *REVISIONS])))
def test_each_revision_goes_up_down_and_up_to_the_same_catalog(
    empty: Connection, empty_database: Database, below: str, revision: str
) -> None:
    if below != "base":
        migrate.upgrade(empty_database, below)
    else:  # alembic's own table stays behind; make it first
        migrate.upgrade(empty_database, REVISIONS[0])
        migrate.downgrade(empty_database, "base")
    before = catalog(empty, "turnlog")
    migrate.upgrade(empty_database, revision)
    made = catalog(empty, "turnlog")
    migrate.downgrade(empty_database, below)
    assert catalog(empty, "turnlog") == before
    migrate.upgrade(empty_database, revision)
    assert catalog(empty, "turnlog") == made
    # One that gives a read model a column finds it there: 0003 makes the tables of today.
    assert (
        made != before
        or "IF NOT EXISTS" in Path(_scripts().get_revision(revision).path).read_text()
    )


def test_down_to_base_leaves_only_the_version_table(
    empty: Connection, empty_database: Database
) -> None:
    migrate.upgrade(empty_database)
    migrate.downgrade(empty_database, "base")
    tables = empty.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'turnlog'")
    assert tables.fetchall() == [(migrate.VERSION_TABLE,)]
    assert migrate.status(empty, empty_database).state == "empty"


def test_two_schemas_in_one_database_do_not_meet(
    empty: Connection, empty_database: Database
) -> None:
    migrate.upgrade(empty_database)
    migrate.upgrade(replace(empty_database, schema="other"))
    assert catalog(empty, "other") == catalog(empty, "turnlog")
    public = empty.execute(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert public.fetchone() == (0,)


def test_several_processes_may_upgrade_at_once(empty: Connection, empty_database: Database) -> None:
    code = (
        "import sys; from adapters.postgres import migrate, database; "
        "print(migrate.upgrade(database.Database(sys.argv[1])).state)"
    )
    start = [sys.executable, "-c", code, empty_database.url]
    processes = [subprocess.Popen(start, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [p.communicate(timeout=PATIENCE)[0].strip() for p in processes] == ["current"] * 3
    assert migrate.status(empty, empty_database).state == "current"


def test_a_schema_from_a_newer_version_is_refused(
    connection: Connection, database: Database
) -> None:
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("UPDATE schema_compatibility SET oldest_code = '9998'")
    with pytest.raises(NewerSchema, match=r"9999.*Upgrade turnlog"):
        migrate.require_current(connection, database)
    with pytest.raises(NewerSchema):
        migrate.upgrade(database)


def test_a_newer_schema_that_does_not_say_who_works_with_it_is_refused(
    connection: Connection, database: Database
) -> None:
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("DROP TABLE schema_compatibility")
    with pytest.raises(NewerSchema):
        migrate.require_current(connection, database)


def test_a_newer_schema_that_this_code_works_with_is_left_as_it_is(
    connection: Connection, database: Database
) -> None:
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = catalog(connection, "turnlog")
    migrate.require_current(connection, database)
    assert migrate.upgrade(database).state == "compatible"
    assert catalog(connection, "turnlog") == before


def test_every_role_may_look_up_who_works_with_a_newer_schema(connection: Connection) -> None:
    """Those of before had no grant on a table that was not there yet."""
    query = "SELECT has_table_privilege('public', 'schema_compatibility', %s)"
    assert connection.execute(query, ["SELECT"]).fetchone() == (True,)
    assert connection.execute(query, ["UPDATE"]).fetchone() == (False,)


def test_every_revision_says_which_older_code_works_with_it() -> None:
    """From 0004 on; it is never newer than itself, and what was given up does not come back."""
    said = [
        revision.module.oldest_code
        for revision in reversed(list(_scripts().walk_revisions()))
        if revision.revision >= "0004"
    ]
    ours = [revision for revision in REVISIONS if revision >= "0004"]
    assert len(said) == len(ours)
    assert all("0004" <= oldest <= own for oldest, own in zip(said, ours, strict=True))
    assert said == sorted(said)


def test_the_schema_says_at_each_revision_what_that_revision_says(
    empty: Connection, empty_database: Database
) -> None:
    said = {
        r.revision: r.module.oldest_code
        for r in _scripts().walk_revisions("0003", "heads")
        if r.revision > "0003"
    }
    for revision, oldest in sorted(said.items()):
        migrate.upgrade(empty_database, revision)
        assert _oldest(empty) == oldest
    for revision, oldest in sorted(said.items(), reverse=True):
        migrate.downgrade(empty_database, revision)
        assert _oldest(empty) == oldest


def _oldest(connection: Connection) -> str:
    row = connection.execute("SELECT oldest_code FROM schema_compatibility").fetchone()
    assert row is not None
    return str(row[0])


def test_a_migration_that_fails_leaves_everything_as_it_was(
    connection: Connection,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _add_revision(tmp_path, monkeypatch, "CREATE TABLE half_done (id int); SELECT 1 / 0;")
    before = catalog(connection, "turnlog")
    with pytest.raises(MigrationFailed, match="division by zero"):
        migrate.upgrade(database)
    assert catalog(connection, "turnlog") == before
    assert migrate.status(connection, database).state == "behind"


def test_a_migration_lets_others_pass_while_a_table_is_in_use(
    connection: Connection,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _add_revision(tmp_path, monkeypatch, "ALTER TABLE log ADD COLUMN more text;")
    waiting = (
        "SELECT min(pid) FROM pg_locks WHERE NOT granted AND relation = 'turnlog.log'::regclass"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )

    def waits() -> int | None:
        row = connection.execute(waiting).fetchone()
        return None if row is None else row[0]

    with connect(database) as reader, ThreadPoolExecutor(1) as thread:
        with reader.transaction():
            reader.execute("SELECT count(*) FROM log")
            upgraded = thread.submit(migrate.upgrade, database)
            first = eventually(waits)
            # Whoever came after it gets the table, although it has not had it yet.
            with connection.transaction():
                connection.execute("LOCK TABLE log IN ROW EXCLUSIVE MODE")
            second = eventually(lambda: (now := waits()) != first and now)
        assert upgraded.result(PATIENCE).state == "current"
    assert second


def test_sql_files_may_hold_colons_percent_signs_and_many_statements(
    connection: Connection,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _add_revision(
        tmp_path,
        monkeypatch,
        "CREATE TABLE odd (a text DEFAULT ':a %s %% \\:b'); CREATE TABLE odd_2 (b int);",
    )
    migrate.upgrade(database)
    connection.execute("INSERT INTO odd DEFAULT VALUES")
    assert connection.execute("SELECT a FROM odd").fetchone() == (r":a %s %% \:b",)


def test_the_sql_printed_for_an_administrator_makes_the_same_schema(
    empty: Connection, empty_database: Database, connection: Connection
) -> None:
    printed = StringIO()
    config = migrate.alembic_config(empty_database)
    config.output_buffer = printed
    with redirect_stdout(printed):
        command.upgrade(config, "head", sql=True)
    empty.execute(printed.getvalue().encode())
    assert catalog(empty, "turnlog") == catalog(connection, "turnlog")


def test_who_could_work_with_the_old_objects_can_work_with_the_new_ones_and_nobody_else(
    connection: Connection,
    database: Database,
    role: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grants = sql.SQL(
        "GRANT EXECUTE ON FUNCTION append_v1 TO {0};"
        " GRANT SELECT, UPDATE ON leases TO {0} WITH GRANT OPTION"
    )
    connection.execute(grants.format(sql.Identifier(role)))
    _add_revision(
        tmp_path,
        monkeypatch,
        "CREATE FUNCTION append_next() RETURNS void LANGUAGE sql RETURN NULL;"
        " CREATE TABLE more ();",
        "copy_grants('append_v1', 'append_next'); copy_table_grants('leases', 'more')",
    )
    migrate.upgrade(database)
    may_call = "SELECT has_function_privilege(%s, 'append_next()', 'EXECUTE')"
    assert connection.execute(may_call, [role]).fetchone() == (True,)
    assert connection.execute(may_call, ["public"]).fetchone() == (False,)
    may = "SELECT has_table_privilege(%s, 'more', %s)"
    assert connection.execute(may, [role, "SELECT"]).fetchone() == (True,)
    assert connection.execute(may, [role, "UPDATE WITH GRANT OPTION"]).fetchone() == (True,)
    assert connection.execute(may, [role, "INSERT"]).fetchone() == (False,)


def _add_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: str, more: str = "pass"
) -> None:
    """One more revision after the head, in a copy of the migrations."""
    head = migrate.revisions()[0]
    copy = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, copy)
    (copy / "versions" / "9000_more.py").write_text(
        "from adapters.postgres.migration_sql import copy_grants, copy_table_grants, run_sql_file\n"
        f"revision = '9000'\ndown_revision = '{head}'\n"
        f"def upgrade() -> None:\n    run_sql_file('9000.sql')\n    {more}\n"
    )
    (copy / "versions" / "sql" / "9000.sql").write_text(statements)
    monkeypatch.setattr(migrate, "MIGRATIONS", copy)
    monkeypatch.setattr(migration_sql, "FOLDER", copy / "versions" / "sql")
    monkeypatch.setattr(migrate, "revisions", migrate.revisions.__wrapped__)
