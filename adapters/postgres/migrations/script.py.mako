"""${message}."""

from __future__ import annotations

from adapters.postgres.migration_sql import run_sql_file

revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}

# The oldest revision whose code works with the schema as this leaves it: what the revision before
# says if this only adds, or else this one (docs/schema-changes.md). The tests refuse it empty.
oldest_code: str = ""


def upgrade() -> None:
    run_sql_file("${up_revision}.up.sql")


def downgrade() -> None:
    run_sql_file("${up_revision}.down.sql")
