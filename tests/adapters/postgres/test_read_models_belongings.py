"""What others have added to the read models, and what of it is there after a rebuild."""

from __future__ import annotations

from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from adapters.postgres import swap
from adapters.postgres.connection import Connection
from adapters.postgres.rebuild import PostgresRebuildSession
from projections.errors import IndexRefused, SwapRefused
from projections.ports import Progress
from projections.rebuild import rebuild
from projections.registry import TABLES, index_names
from tests.adapters.postgres.test_read_models import conversation
from tests.adapters.postgres.test_read_models_rebuild import fill, has_rebuild_schema
from tests.adapters.postgres.test_read_models_swap import grants
from tests.fixtures.catalog import catalog
from tests.projections.tables import Tables

# Of every form an index may have; with names that anybody who looks for one in a text would take
# for something else.
INDEXES: LiteralString = """
    CREATE FUNCTION turnlog.folded(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN lower($1);
    CREATE FUNCTION public.folded(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN upper($1);
    CREATE INDEX ON items (kind, started_at DESC NULLS LAST) INCLUDE (status)
        WITH (fillfactor = 55);
    CREATE INDEX "ON turnlog.items USING" ON items (turnlog.folded(text))
        WHERE kind <> 'turnlog.items';
    CREATE INDEX "Mine ""is"" (this)" ON items (public.folded(text) COLLATE "C" text_pattern_ops);
    CREATE INDEX items_words ON items USING gin (to_tsvector('simple', coalesce(text, '')));
    CREATE INDEX items_hash ON items USING hash (turn_id);
    CREATE INDEX "turnlog.threads" ON prompts ((route_intent || ' turnlog.threads'))
        WHERE state = 'pending';
    CREATE UNIQUE INDEX one_of_each ON prompts (lower(input_id), thread_id) NULLS NOT DISTINCT;
    ALTER TABLE turns ADD CONSTRAINT "no two" UNIQUE (turn_id, thread_id) DEFERRABLE;
    ALTER TABLE turns ADD CONSTRAINT nor_these EXCLUDE (turn_id WITH =) WHERE (kind = 'compaction');
    CREATE INDEX position_idx ON read_models (position);
"""


def indexes(connection: Connection) -> dict[str, str]:
    """The definitions of those that others have made, by name."""
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'turnlog'"
    ours = {*index_names(), "read_models_pkey"}
    rows = connection.execute(query).fetchall()
    return {
        name: text
        for name, text in rows
        if name not in ours and any(f" ON turnlog.{table} " in text for table in TABLES)
    }


def test_indexes_of_others_are_kept_whatever_they_are_like(
    tables: Tables, connection: Connection
) -> None:
    conversation(tables)
    connection.execute(INDEXES)
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY not_valid ON items (thread_id)")
    before = catalog(connection, "turnlog")
    assert len(indexes(connection)) == 11
    seen: list[Progress] = []
    with PostgresRebuildSession(tables.database, jobs=2) as session:
        rebuild(session, tables.log, seen.append)
    assert catalog(connection, "turnlog") == [line for line in before if "not_valid" not in line]
    assert len(indexes(connection)) == 10
    assert tables.differences() == []
    done = [p.done for p in seen]
    assert done == sorted(done)
    assert {p.total for p in seen} == {tables.recorder.head()}
    # The parts, our indexes, theirs, and the step that finds nothing to do.
    assert len(seen) == 1 + len(index_names()) + 1 + 10 + 1


def test_an_index_that_the_server_writes_down_in_other_words_is_made_once(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    """The list is of varchar, cast to text; read again, it is a list of texts."""
    conversation(tables)
    connection.execute(
        "CREATE INDEX mine ON items (kind) WHERE kind::varchar IN ('user_message', 'reasoning')"
    )
    before = indexes(connection)
    session.prepare()
    session.fill(lambda _done, _total: None)
    made = "SELECT 'turnlog_rebuild.mine'::regclass::oid"
    number = connection.execute(made).fetchone()
    session.keep_indexes()
    assert connection.execute(made).fetchone() == number
    rebuild(session, tables.log)
    assert connection.execute("SELECT 'turnlog.mine'::regclass::oid").fetchone() == number
    assert indexes(connection) != before, "it is of no use for this test any more"
    # What was made for some tables is made for the next ones, too.
    rebuild(session, tables.log)
    assert list(indexes(connection)) == ["mine"]
    session.prepare()
    session.fill(lambda _done, _total: None)
    session.start_over()
    rebuild(session, tables.log)
    assert list(indexes(connection)) == ["mine"]


def test_a_unique_index_that_cannot_be_made_ends_it_and_the_old_tables_stay(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    fill(tables)
    tables.follower.catch_up()
    connection.execute("DELETE FROM items; CREATE UNIQUE INDEX mine ON items (kind)")
    with pytest.raises(IndexRefused, match=r"mine on items, .* could not create unique index"):
        rebuild(session, tables.log)
    assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)
    connection.execute("DROP INDEX mine; CREATE INDEX mine ON items (kind)")
    assert rebuild(session, tables.log).resumed_at > 0
    assert list(indexes(connection)) == ["mine"]
    assert tables.differences() == []


def test_the_last_events_may_make_room_for_a_unique_index(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    """It was made after the log's end of that time, so the rows of that time need not fit it."""
    fill(tables, threads=2)
    session.prepare()
    tables.service().update("thr_0", title="A title")
    tables.follower.catch_up()
    connection.execute("CREATE UNIQUE INDEX mine ON threads (title) NULLS NOT DISTINCT")
    rebuild(session, tables.log)
    assert list(indexes(connection)) == ["mine"]
    assert tables.differences() == []


def test_a_rebuild_that_goes_on_keeps_what_is_there_by_then(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    connection.execute(
        "CREATE INDEX mine ON items (kind); CREATE INDEX unwanted ON items (status);"
        "ALTER TABLE turns ADD CONSTRAINT neither UNIQUE (turn_id)"
    )
    session.prepare()
    session.fill(lambda _done, _total: None)
    connection.execute(
        "DROP INDEX mine; CREATE INDEX mine ON items (kind, status); DROP INDEX unwanted;"
        "ALTER TABLE turns DROP CONSTRAINT neither; CREATE INDEX late ON items (summary)"
    )
    wanted = indexes(connection)
    assert rebuild(session, tables.log).resumed_at > 0
    assert indexes(connection) == wanted
    assert wanted.keys() == {"mine", "late"}


def test_an_index_made_just_before_the_swap_is_kept(
    tables: Tables,
    session: PostgresRebuildSession,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversation(tables)
    lock_tables = swap.lock_tables

    def late(own: Connection, live: str) -> None:
        connection.execute("CREATE INDEX IF NOT EXISTS mine ON items (kind)")
        lock_tables(own, live)

    monkeypatch.setattr(swap, "lock_tables", late)
    rebuild(session, tables.log)
    assert list(indexes(connection)) == ["mine"]


def test_tables_that_are_filled_step_by_step_get_them_too(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    connection.execute("CREATE INDEX mine ON items (kind)")
    session.start_over()
    rebuild(session, tables.log)
    assert list(indexes(connection)) == ["mine"]


def test_what_is_made_of_a_column_of_somebodys_goes_with_it(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    connection.execute(
        "ALTER TABLE items ADD COLUMN note text; CREATE INDEX mine ON items (kind, lower(note));"
        "CREATE INDEX other ON items (kind) INCLUDE (note);"
        "CREATE UNIQUE INDEX third ON items (item_id) WHERE note IS NULL;"
        "ALTER TABLE items ADD CONSTRAINT fourth UNIQUE (item_id, note)"
    )
    rebuild(session, tables.log)
    assert indexes(connection) == {}


BELONGINGS: LiteralString = """
    CREATE FUNCTION turnlog.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER "my trigger" AFTER UPDATE ON items REFERENCING NEW TABLE AS n
        FOR EACH STATEMENT EXECUTE FUNCTION turnlog.look();
    CREATE TRIGGER sleeping BEFORE INSERT ON items FOR EACH ROW WHEN (NEW.kind = 'items')
        EXECUTE FUNCTION turnlog.look('turnlog.items', '%');
    ALTER TABLE items DISABLE TRIGGER sleeping;
    CREATE TRIGGER always AFTER DELETE ON turns FOR EACH ROW EXECUTE FUNCTION turnlog.look();
    ALTER TABLE turns ENABLE ALWAYS TRIGGER always;
    CREATE POLICY "all of it" ON threads USING (true);
    CREATE POLICY few ON threads AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (title <> '%')
        WITH CHECK (EXISTS (SELECT FROM log WHERE log.thread_id = threads.thread_id));
    ALTER TABLE threads ENABLE ROW LEVEL SECURITY;
    ALTER TABLE approvals FORCE ROW LEVEL SECURITY;
    COMMENT ON TABLE items IS 'What it''s about: 100 %';
    COMMENT ON COLUMN items.kind IS 'Its kind.';
    ALTER TABLE items SET (autovacuum_vacuum_scale_factor = 0.05, toast_tuple_target = 4096);
    ALTER TABLE items REPLICA IDENTITY FULL;
    CREATE UNIQUE INDEX mine ON prompts (input_id, thread_id);
    ALTER TABLE prompts REPLICA IDENTITY USING INDEX mine;
    CREATE STATISTICS public.together (dependencies) ON kind, status FROM items;
    ALTER TABLE items ALTER COLUMN kind SET STATISTICS 500;
"""

MORE: dict[str, LiteralString] = {
    "trigger": """
        SELECT pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'turnlog'::regnamespace AND NOT t.tgisinternal""",
    "policy": "SELECT * FROM pg_policies WHERE schemaname = 'turnlog'",
    "table": """
        SELECT relname, relrowsecurity, relforcerowsecurity, relreplident, reloptions,
               obj_description(oid, 'pg_class')
        FROM pg_class WHERE relnamespace = 'turnlog'::regnamespace AND relkind = 'r'""",
    "column": """
        SELECT c.relname, a.attname, a.attstattarget, col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'turnlog'::regnamespace AND c.relkind = 'r'""",
    "replica": "SELECT indexrelid::regclass::text FROM pg_index WHERE indisreplident",
    "statistics": "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext",
}


def everything(connection: Connection) -> dict[str, list[str]]:
    return {
        kind: sorted(str(row) for row in connection.execute(query).fetchall())
        for kind, query in MORE.items()
    }


def test_what_else_others_have_added_is_kept(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    plain = everything(connection)
    connection.execute(BELONGINGS)
    before = everything(connection)
    assert all(before[kind] != plain[kind] for kind in MORE)
    rebuild(session, tables.log)
    assert everything(connection) == before
    tables.service().create(thread_id="thr_after")
    tables.follower.catch_up()
    assert tables.differences() == []


def test_what_cannot_be_made_for_the_new_tables_is_named_and_the_old_ones_stay(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    connection.execute(
        "ALTER TABLE items ADD COLUMN note text;"
        "CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER mine AFTER UPDATE OF note ON items EXECUTE FUNCTION public.look()"
    )
    why = r"the trigger mine of turnlog\.items cannot be made .*column \"note\""
    with pytest.raises(SwapRefused, match=why):
        rebuild(session, tables.log)
    assert connection.execute("SELECT count(note) FROM items").fetchone() == (0,)
    connection.execute("DROP TRIGGER mine ON items")
    rebuild(session, tables.log)
    assert not has_rebuild_schema(connection)


def test_a_table_that_is_published_by_name_is_not_taken_from_its_subscribers(
    tables: Tables, session: PostgresRebuildSession, connection: Connection
) -> None:
    conversation(tables)
    connection.execute("CREATE PUBLICATION news FOR TABLE items, threads")
    why = r"the publication news has the table turnlog\.items; .*turnlog\.threads"
    with pytest.raises(SwapRefused, match=why):
        rebuild(session, tables.log)
    connection.execute("DROP PUBLICATION news")
    rebuild(session, tables.log)
    assert tables.differences() == []


def test_nobody_may_do_more_with_the_new_tables_than_with_the_old_ones(
    tables: Tables, session: PostgresRebuildSession, connection: Connection, role: str
) -> None:
    conversation(tables)
    reader = sql.Identifier(role)
    default = "ALTER DEFAULT PRIVILEGES GRANT SELECT, DELETE ON TABLES TO {}, PUBLIC"
    connection.execute(sql.SQL(default).format(reader))
    connection.execute(sql.SQL("GRANT SELECT ON threads TO {}").format(reader))
    before = grants(connection)
    rebuild(session, tables.log)
    assert grants(connection) == before
