"""For migrations: run the `.sql` file that lies beside them in `versions/sql/`.

    from adapters.postgres.migration_sql import run_sql_file

    def upgrade() -> None:
        run_sql_file("0001_event_log.up.sql")

A file may hold any number of statements. Names in it carry no schema: the search path points
to the schema being migrated. Colons and percent signs mean nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import context, op

FOLDER = Path(__file__).parent / "migrations" / "versions" / "sql"


def run_sql_file(name: str) -> None:
    """Run the file inside the migration's transaction, or print it (`alembic upgrade --sql`)."""
    run_sql((FOLDER / name).read_text(encoding="utf-8"))


def run_sql(statements: str) -> None:
    """Like `run_sql_file`, for statements at hand."""
    if context.is_offline_mode():
        op.get_context().impl.static_output(statements)  # op.execute would double percent signs
        return
    # Without parameters the driver sends the text as it is, all statements at once.
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def copy_grants(function: str, successor: str) -> None:
    """Whoever may execute `function` may execute `successor`, a new version of it, and nobody else.

    Else a role that has been granted the one could not do its work with the code that calls the
    other. Both are names without arguments, of functions of the schema that have one form only.
    """
    run_sql(_COPY_GRANTS.format(function=function, successor=successor))


def copy_table_grants(table: str, new: str) -> None:
    """Whoever may do something with `table` may do it with `new`, a table made in this revision.

    For what the code that works with the one needs from now on; both are names of tables.
    """
    run_sql(_COPY_TABLE_GRANTS.format(table=table, new=new))


_COPY_GRANTS: Final = """
REVOKE ALL ON FUNCTION {successor} FROM PUBLIC;
DO $$
DECLARE
    may record;
BEGIN
    FOR may IN
        SELECT a.grantee, a.is_grantable
          FROM pg_proc p
         CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
         WHERE p.oid = '{function}'::regproc AND a.grantee <> p.proowner
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION {successor} TO %s%s',
            CASE WHEN may.grantee = 0 THEN 'PUBLIC' ELSE may.grantee::regrole::text END,
            CASE WHEN may.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
END
$$;
"""

_COPY_TABLE_GRANTS: Final = """
DO $$
DECLARE
    may record;
BEGIN
    FOR may IN
        SELECT a.grantee, a.privilege_type, a.is_grantable
          FROM pg_class c
         CROSS JOIN LATERAL aclexplode(c.relacl) a
         WHERE c.oid = '{table}'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON {new} TO %s%s', may.privilege_type,
            CASE WHEN may.grantee = 0 THEN 'PUBLIC' ELSE may.grantee::regrole::text END,
            CASE WHEN may.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
END
$$;
"""
