"""Snapshots of folded threads, so that a long thread need not be read whole by every process."""

from adapters.postgres.migration_sql import copy_table_grants, run_sql_file

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

oldest_code = "0004"  # it only adds


def upgrade() -> None:
    run_sql_file("0005_thread_snapshots.up.sql")
    # Roles that work on turns already must be able to go on when the code is deployed.
    copy_table_grants("leases", "thread_snapshots")


def downgrade() -> None:
    """Nothing is lost: what they hold is in the log."""
    run_sql_file("0005_thread_snapshots.down.sql")
