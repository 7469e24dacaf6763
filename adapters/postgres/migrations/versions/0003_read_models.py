"""The read models: threads, turns, items, prompts, and how far they are.

Their definition is in `projections/sql/tables.sql`, which a rebuild runs as well; so this makes
the tables as they are now, not as they were when it was written. That is meant: they hold nothing
that is not in the log. A later change comes with a revision that adds what is new to the tables
there are, and a rebuild that fills it (docs/schema-changes.md): to drop them would break the
processes that still use them.
"""

from adapters.postgres.migration_sql import run_sql
from projections.registry import TABLES, definition, load_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(load_sql("tables"))
    run_sql(f"INSERT INTO read_models (position, definition) VALUES (0, '{definition()}');")


def downgrade() -> None:
    """Nothing is lost: everything in them is in the log."""
    run_sql(f"DROP TABLE {', '.join(TABLES)};")
