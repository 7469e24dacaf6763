"""Appends that are accepted only from the holder of their turn's lease (L14)."""

from adapters.postgres.migration_sql import copy_grants, run_sql_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

oldest_code = "0004"  # it only adds; what append_v1 writes is not fenced


def upgrade() -> None:
    run_sql_file("0006_fenced_appends.up.sql")
    copy_grants("append_v1", "append_v2")


def downgrade() -> None:
    """Nothing is lost: leases stay, and appends are no longer checked against them."""
    run_sql_file("0006_fenced_appends.down.sql")
