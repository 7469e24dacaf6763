"""The table of approvals, and what a thread was forked from: empty, for a rebuild to fill.

Both are there already (IF NOT EXISTS) where 0003 made the tables as they are today.
"""

from adapters.postgres.migration_sql import copy_table_grants, run_sql_file

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

oldest_code = "0004"  # it only adds


def upgrade() -> None:
    run_sql_file("0007_approvals.up.sql")
    copy_table_grants("prompts", "approvals")


def downgrade() -> None:
    """Older code does not mind them."""
