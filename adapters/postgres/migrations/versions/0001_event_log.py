"""The event log, its head, and what stands beside it.

The tables and functions are in `sql/0001_event_log.up.sql`, with the reasons.
"""

from adapters.postgres.migration_sql import run_sql_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_file("0001_event_log.up.sql")


def downgrade() -> None:
    """Removes the log with all its events."""
    run_sql_file("0001_event_log.down.sql")
