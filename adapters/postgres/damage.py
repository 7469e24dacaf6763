"""What it means that a table or a column is missing: the schema's version is, or only read models.

The server says which kind of thing is missing, and of what only in words. But in a schema of the
version this code works with, and with its log there, it can only be the read models. Those are not
made by migrations alone: a rebuild makes them anew, as the code that runs it knows them.
"""

from __future__ import annotations

from typing import Final

from adapters.errors import NotMigrated
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.errors import translated
from adapters.postgres.migrate import status
from domain.errors import TurnlogError
from projections.errors import (
    ReadModelError,
    ReadModelsMissing,
    ReadModelsNewer,
    ReadModelsOutdated,
)
from projections.registry import STATE_TABLE, definition, is_newer

_THERE: Final = "SELECT to_regclass('log') IS NOT NULL, to_regclass(%s) IS NOT NULL"
_MADE_BY: Final = "SELECT definition FROM read_models"


def not_ours(made_by: str, schema: str) -> ReadModelError | None:
    """The error for tables of that definition in `schema`; None if it is that of this code."""
    if made_by == definition():
        return None
    error = ReadModelsNewer if is_newer(made_by) else ReadModelsOutdated
    return error(schema=schema)


def damage(
    connection: Connection, database: Database, error: NotMigrated, tables_in: str | None = None
) -> TurnlogError:
    """What `error` means for the read models in the schema `tables_in`, or else the database's.

    `connection` finds them by its search path. Raises StoreError.
    """
    if not status(connection, database).works:
        return error
    schema = tables_in or database.schema
    with translated(database):
        there = connection.execute(_THERE, [STATE_TABLE], prepare=False).fetchone()
        assert there is not None
        has_log, has_state = there
        if not has_log:
            return error
        state = connection.execute(_MADE_BY, prepare=False).fetchone() if has_state else None
    other = not_ours(state[0], schema) if state else None
    return other or ReadModelsMissing(schema=schema, why=error.details["found"])
