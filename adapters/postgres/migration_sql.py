"""For migrations: run the `.sql` file that lies beside them in `versions/sql/`.

    from adapters.postgres.migration_sql import run_sql_file

    def upgrade() -> None:
        run_sql_file("0001_event_log.up.sql")

A file may hold any number of statements. Names in it carry no schema: the search path points
to the schema being migrated. Colons and percent signs mean nothing.
"""

from __future__ import annotations

from pathlib import Path

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
