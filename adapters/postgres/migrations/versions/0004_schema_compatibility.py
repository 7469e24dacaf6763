"""Which older code still works with this schema: old and new processes side by side in a deploy.

From here on every revision says so, as `oldest_code`: the oldest revision whose code works with the
schema as this revision leaves it. A revision that only adds repeats what the one before says; one
that takes something away names the first revision whose code does without. `env.py` writes it down.
"""

from adapters.postgres.migration_sql import run_sql_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

oldest_code = "0004"  # code of before does not know where to look


def upgrade() -> None:
    run_sql_file("0004_schema_compatibility.up.sql")


def downgrade() -> None:
    run_sql_file("0004_schema_compatibility.down.sql")
