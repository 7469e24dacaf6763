"""psycopg's exceptions into ours, in one place: by SQLSTATE, never by the text of a message.

Only the primary message travels on. A server's DETAIL quotes rows, and rows are people's words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg

from adapters.errors import (
    LogIsAppendOnly,
    NotMigrated,
    StoreBusy,
    StoreError,
    StoreForbidden,
    StoreFull,
    StoreUnavailable,
)
from adapters.postgres.database import Database

# Raised by our own triggers; the migration uses the same code.
SQLSTATE_APPEND_ONLY = "TL001"

MISSING_OBJECTS = {
    "3F000",  # schema
    "42P01",  # table
    "42703",  # column
    "42883",  # function
}
BUSY = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # lock timeout
    "57014",  # statement timeout, or cancelled
}
READ_ONLY = "25006"
# Of these those that do not come from the server. (The last is what psycopg makes of the words with
# which a server ends a session, when they are there before a statement is sent.)
LOST = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
CHECK_PRIMARY = (
    "It takes no writes, as a standby does: nothing was written. Try again when it has become the "
    "primary, or name the primary in TURNLOG_DATABASE_URL (target_session_attrs=read-write)."
)
CHECK_SERVER = "Check that the server runs and that TURNLOG_DATABASE_URL is right."
CHECK_AGAIN = "What was not yet committed is not stored; try again when the server is back."


@contextlib.contextmanager
def translated(database: Database) -> Iterator[None]:
    """Turn what psycopg raises inside into a StoreError."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, database) from error


def translate(error: psycopg.Error, database: Database) -> StoreError:
    """The StoreError for an error of a statement or a connection."""
    state, why = error.sqlstate, reason(error)
    if state is None:
        if isinstance(error, LOST):
            return StoreUnavailable(target=database.target, why=why, advice=CHECK_AGAIN)
        return StoreError(why=why)
    if state == SQLSTATE_APPEND_ONLY:
        return LogIsAppendOnly(why=why)
    if state in MISSING_OBJECTS:
        return NotMigrated(
            schema=database.schema, target=database.target, found=why, wanted="all of its tables"
        )
    if state in BUSY:
        return StoreBusy(why=why)
    if state == "42501":  # no privilege
        return StoreForbidden(why=why)
    if state == READ_ONLY:
        return StoreUnavailable(target=database.target, why=why, advice=CHECK_PRIMARY)
    if state in ("53300", "53400") or state[:2] in ("08", "28") or state[:3] == "57P":
        return StoreUnavailable(target=database.target, why=why, advice=CHECK_AGAIN)
    if state[:2] == "53":  # disk, memory
        return StoreFull(why=why)
    return StoreError(why=why)


def unreachable(error: psycopg.Error, database: Database) -> StoreUnavailable:
    """The error for a connection that could not be made at all."""
    return StoreUnavailable(target=database.target, why=reason(error), advice=CHECK_SERVER)


def reason(error: BaseException) -> str:
    """The first line of the server's (or libpq's) message, without the final stop."""
    message = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    lines = (message or str(error) or type(error).__name__).strip().splitlines()
    # libpq says "connection failed: connection to server at … failed: why".
    return lines[0].removeprefix("connection failed: ").rstrip(".")
