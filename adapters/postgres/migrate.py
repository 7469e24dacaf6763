"""Bring a schema to the version this code knows, and say which version it has.

Looking does without alembic, whose import takes longer than everything else a command does.
"""

from __future__ import annotations

import ast
import functools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, LiteralString

from psycopg import sql

from adapters.errors import MigrationFailed, NewerSchema, NotMigrated, StoreError
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.errors import reason, translate, translated

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
COMPATIBILITY_TABLE = "schema_compatibility"

LOCK_NOT_AVAILABLE = "55P03"
# Each waits at most the LOCK_TIMEOUT of `migrations/env.py`.
LOCK_ATTEMPTS = 20
LOCK_PAUSE_SECONDS = 1.0

State = Literal["empty", "behind", "current", "compatible", "newer"]


@dataclass(frozen=True)
class SchemaStatus:
    """The revision a schema has (None: no table of ours) and the one this code wants.

    `oldest_code` is what a revision this code has never heard of says: the oldest one whose code
    works with it.
    """

    found: str | None
    wanted: str
    known: frozenset[str]
    oldest_code: str | None = None

    @property
    def state(self) -> State:
        """`compatible` and `newer` mean a revision this code has never heard of.

        With a `compatible` one it works as with its own: that is how the processes of the last
        release go on while the next one is being deployed.
        """
        if self.found is None:
            return "empty"
        if self.found == self.wanted:
            return "current"
        if self.found in self.known:
            return "behind"
        # One we know is our own or one before it, as history is one line.
        return "compatible" if self.oldest_code in self.known else "newer"

    @property
    def works(self) -> bool:
        """Whether this code works with the schema as it is."""
        return self.state in ("current", "compatible")


def status(connection: Connection, database: Database) -> SchemaStatus:
    """What the schema is. Raises StoreError in one of its forms."""
    found = _greatest(connection, database, VERSION_TABLE, "version_num")
    wanted, known = revisions()
    if found is None or found in known:
        return SchemaStatus(found, wanted, known)
    oldest_code = _greatest(connection, database, COMPATIBILITY_TABLE, "oldest_code")
    return SchemaStatus(found, wanted, known, oldest_code)


def _greatest(
    connection: Connection, database: Database, table: str, column: LiteralString
) -> str | None:
    """Of what is in that column; None if nothing is, or there is no such table."""
    name = sql.Identifier(database.schema, table)
    with translated(database):
        row = connection.execute("SELECT to_regclass(%s)", (name.as_string(),)).fetchone()
        if row is None or row[0] is None:
            return None
        query = sql.SQL("SELECT max({}) FROM {}").format(sql.SQL(column), name)
        row = connection.execute(query).fetchone()
    return row[0] if row is not None else None


def require_current(connection: Connection, database: Database) -> None:
    """Raises NotMigrated or NewerSchema unless this code works with the schema as it is."""
    now = status(connection, database)
    if now.works:
        return
    found = "it has no tables yet" if now.found is None else f"it is at {now.found}"
    error = NewerSchema if now.state == "newer" else NotMigrated
    raise error(schema=database.schema, target=database.target, found=found, wanted=now.wanted)


def upgrade(database: Database, revision: str = "head") -> SchemaStatus:
    """Migrate up to `revision`, in one transaction. Returns the status after it.

    Safe in several processes at once: the later one finds nothing to do; nor does code that finds
    a newer schema it works with. Raises NewerSchema, MigrationFailed (nothing was changed),
    StoreUnavailable, WrongDatabase.
    """
    with connect(database) as connection:
        now = status(connection, database)
        if now.state in ("newer", "compatible"):
            require_current(connection, database)
            return now
        if now.state != "current" or revision != "head":
            _run_alembic("upgrade", database, revision)
        return status(connection, database)


def downgrade(database: Database, revision: str) -> None:
    """Migrate down to `revision` (`base`: remove everything, events included)."""
    _run_alembic("downgrade", database, revision)


def _run_alembic(direction: Literal["upgrade", "downgrade"], database: Database, to: str) -> None:
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    run = command.upgrade if direction == "upgrade" else command.downgrade
    for attempts_left in reversed(range(LOCK_ATTEMPTS)):
        try:
            run(alembic_config(database), to)
        except DBAPIError as error:
            cause = error.orig
            # Whoever uses the table may do so for long, and behind us all others wait for it.
            if not attempts_left or getattr(cause, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise _failed(database, cause if cause is not None else error) from error
        except CommandError as error:
            raise _failed(database, error) from error
        else:
            return
        time.sleep(LOCK_PAUSE_SECONDS)


def _failed(database: Database, cause: BaseException) -> StoreError:
    import psycopg

    if isinstance(cause, psycopg.Error) and (cause.sqlstate or "")[:2] in ("", "08", "57"):
        return translate(cause, database)
    return MigrationFailed(schema=database.schema, target=database.target, why=reason(cause))


def alembic_config(database: Database) -> Config:
    """Alembic's configuration for `database`; works from an installed wheel, without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database"] = database
    return config


@functools.cache
def revisions() -> tuple[str, frozenset[str]]:
    """(head, all revisions), read from the files of `migrations/versions`."""
    down = dict(_revision_of(file) for file in sorted((MIGRATIONS / "versions").glob("*.py")))
    heads = sorted(set(down) - set(down.values()))
    if len(heads) != 1:
        raise ValueError(f"the migrations must have one head, not {heads}")
    return heads[0], frozenset(down)


def _revision_of(file: Path) -> tuple[str, str | None]:
    """(revision, down_revision) of one file, whose assignments of the two are literals."""
    found: dict[str, str | None] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
            found[target.id] = ast.literal_eval(value)
    revision = found["revision"]
    if revision is None:
        raise ValueError(f"{file.name} has no revision")
    return revision, found["down_revision"]
