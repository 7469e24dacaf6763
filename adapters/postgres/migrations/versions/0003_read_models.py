"""The read models: threads, turns, items, prompts, and how far they are.

Their definition is in `projections/sql/tables.sql`, which a rebuild runs as well; so this makes
the tables as they are now, not as they were when it was written. That is meant: they hold nothing
that is not in the log. A later change of the tables comes with a revision that drops them and
makes them anew, like this one, empty; the follower or a rebuild fills them.
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
