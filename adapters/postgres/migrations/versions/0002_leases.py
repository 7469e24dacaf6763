"""Leases: who works on which turn, and until when."""

from adapters.postgres.migration_sql import run_sql_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_file("0002_leases.up.sql")


def downgrade() -> None:
    run_sql_file("0002_leases.down.sql")
