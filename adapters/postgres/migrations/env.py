"""Alembic's environment: which database, one transaction, one migrating process at a time.

`adapters.postgres.migrate` passes the database in. The `alembic` command, for people who work on
turnlog, takes it from the settings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from adapters.errors import InvalidDatabaseUrl
from adapters.postgres.connection import Connection as PsycopgConnection
from adapters.postgres.connection import connect, quoted
from adapters.postgres.database import Database
from adapters.postgres.migrate import VERSION_TABLE
from adapters.postgres.migration_sql import run_sql
from adapters.settings import load_settings

# How long a migration waits for a table that is in use, blocking others, before it gives up and
# tries again (`migrate.LOCK_ATTEMPTS`). Longer than the second after which autovacuum gives way.
LOCK_TIMEOUT = "2s"


def the_database() -> Database:
    given = context.config.attributes.get("database")
    if isinstance(given, Database):
        return given
    settings = load_settings()
    if settings.database_url is None:
        why = "it is not set, and `alembic` starts no embedded database"
        raise InvalidDatabaseUrl(setting="TURNLOG_DATABASE_URL", why=why)
    url = settings.direct_url or settings.database_url
    return Database(url.get_secret_value(), settings.schema_name)


def run_online(database: Database) -> None:
    def driver_connection() -> PsycopgConnection:
        # By libpq itself, so that every form of URL it knows works here as elsewhere.
        connection = connect(database)
        connection.autocommit = False
        return connection

    engine = create_engine(
        "postgresql+psycopg://",
        creator=driver_connection,
        poolclass=NullPool,
        use_native_hstore=False,  # would look for a type on every connection
    )
    with engine.begin() as connection:
        prepare_schema(connection, database.schema)
        context.configure(
            connection=connection,
            version_table=VERSION_TABLE,
            version_table_schema=database.schema,
            transactional_ddl=True,
            on_version_apply=note_compatibility,
        )
        with context.begin_transaction():
            context.run_migrations()


def prepare_schema(connection: Connection, schema: str) -> None:
    """Wait for our turn, then make the schema. All of it lasts until the transaction ends."""
    # Whatever a role or a database sets for short queries.
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
    connection.execute(lock, {"name": f"turnlog.migrate.{schema}"})
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    # IF NOT EXISTS would still ask for the right to create schemas.
    exists = text("SELECT count(*) FROM pg_namespace WHERE nspname = :schema")
    if connection.execute(exists, {"schema": schema}).scalar() == 0:
        connection.exec_driver_sql(f"CREATE SCHEMA {quoted(schema)}")


def note_compatibility(
    ctx: MigrationContext,  # noqa: ARG001
    step: MigrationInfo,
    heads: Collection[Any],  # noqa: ARG001
    run_args: Mapping[str, Any],  # noqa: ARG001
) -> None:
    """After each step, up or down: whose code works with the schema now, as its revision says."""
    for script in step.revision_map.get_revisions(step.destination_revision_ids):
        oldest = getattr(getattr(script, "module", None), "oldest_code", None)
        if oldest is not None:
            run_sql(f"UPDATE schema_compatibility SET oldest_code = '{oldest}';")


def run_offline(database: Database) -> None:
    """Print the SQL instead of running it."""
    context.configure(
        dialect_name="postgresql",
        version_table=VERSION_TABLE,
        version_table_schema=database.schema,
        transactional_ddl=True,
        on_version_apply=note_compatibility,
    )
    schema = quoted(database.schema)
    with context.begin_transaction():
        context.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        context.execute(f"SET LOCAL search_path = {schema}")
        context.run_migrations()


if context.is_offline_mode():
    run_offline(the_database())
else:
    run_online(the_database())
