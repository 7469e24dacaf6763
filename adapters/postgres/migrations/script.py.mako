"""${message}."""

from __future__ import annotations

from adapters.postgres.migration_sql import run_sql_file

revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}

# The oldest revision whose code works with the schema as this leaves it (docs/schema-changes.md).
oldest_code: str = ${repr(up_revision)}


def upgrade() -> None:
    run_sql_file("${up_revision}.up.sql")


def downgrade() -> None:
    run_sql_file("${up_revision}.down.sql")
