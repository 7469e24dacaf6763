"""A second set of read models beside those in use: the session of `projections.rebuild`.

It lives in a schema of its own, named after that of the log. The tables have the same names there,
so the same SQL makes and fills them; the search path says which are meant.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from adapters.errors import StoreError
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.errors import reason
from adapters.postgres.stepping import QUERIES, TableSession
from projections.errors import (
    RebuildRunning,
    RebuildSchemaTaken,
    SwapBlocked,
    SwapRefused,
)
from projections.registry import STATE_TABLE, TABLES, definition, load_sql

SUFFIX: Final = "_rebuild"
LOCK_NAME: Final = "turnlog.rebuild.{schema}"
"""The advisory lock of the one who rebuilds; by `hashtextextended`."""

SWAP_LOCK_TIMEOUT: Final = "400ms"
"""How long a swap waits for readers. New ones, and appends, wait behind it as long, so it is short;
and less than the time after which the server looks for deadlocks, so that a reader is never the one
to be cancelled."""

_LOCK_NOT_AVAILABLE: Final = "55P03"
_OTHERS_DEPEND_ON_IT: Final = "2BP01"


class PostgresRebuildSession(TableSession):
    """A connection to the tables of a rebuild. It must be to the server itself, not to a pooler."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, database.schema + SUFFIX)
        self._live = database.schema
        self._lock = {"name": LOCK_NAME.format(schema=database.schema)}

    def claim(self) -> None:
        """Be the only one who rebuilds; RebuildRunning."""
        row = self._one("try_lock", **self._lock)
        if row is None or not row[0]:
            holder = self._one("select_lock_holder", **self._lock)
            who = f" (server process {holder[0]}, {holder[1]})" if holder else ""
            raise RebuildRunning(schema=self._live, who=who)

    def release(self) -> None:
        """No longer claim to rebuild."""
        # The end of the connection would do, but only when the server gets to it.
        with contextlib.suppress(StoreError):
            if self.is_connected:
                self._one("unlock", **self._lock)
        self.close()

    def prepare(self) -> int:
        """Make the tables, unless a rebuild of the same definition left them; where they are at.

        Raises RebuildSchemaTaken.
        """
        with self.connection() as connection, connection.transaction():
            found = self._relations(connection)
            if found is not None and STATE_TABLE in found:
                position = self._resumable(connection, found)
                if position is not None:
                    return position
            if found is not None:
                self._drop_schema(connection)
            self._run(connection, "CREATE SCHEMA {}", self.schema)
            connection.execute(load_sql("tables"), prepare=False)
            connection.execute(QUERIES["insert_state"], {"definition": definition()})
            return 0

    def discard(self) -> None:
        """Drop the second set of tables, if there is one. Raises RebuildSchemaTaken."""
        with self.connection() as connection, connection.transaction():
            if self._relations(connection) is not None:
                self._drop_schema(connection)

    def tidy(self) -> None:
        """Gather the statistics that whoever reads the tables will need."""
        tables = [sql.Identifier(self.schema, table) for table in TABLES]
        with self.connection() as connection:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(tables)))

    def mismatches(self) -> Sequence[str]:
        """What the tables have more or less of than the log up to where they are."""
        with self.connection() as connection, connection.transaction():
            connection.execute("SET LOCAL enable_seqscan = on")  # this does read all of them
            row = connection.execute(QUERIES["begin_step"]).fetchone()
            assert row is not None, "the rebuild is claimed and prepared"
            counts = connection.execute(load_sql("counts"), {"position": row[0]}, prepare=False)
            return [
                f"{what}: {in_log} in the log, {in_tables} in the tables"
                for what, in_log, in_tables in counts
                if in_log != in_tables
            ]

    def swap(self, limit: int) -> int | None:
        """Apply the last events, while nothing can be appended, and put the tables in place.

        The position they are at; None if more than `limit` events were left. Raises SwapBlocked,
        SwapRefused, RangeRejected.
        """
        with self.connection() as connection:
            try:
                with connection.transaction():
                    # From here on nobody reads or moves the old tables, or appends to the log. The
                    # tables come first: waiting for a reader keeps no append waiting.
                    self._lock_tables(connection)
                    connection.execute(QUERIES["lock_head"])
                    step = self._step(connection, limit, wait=True)
                    if step is None or not step.is_last:
                        raise _TooMuchLeft
                    self._put_in_place(connection)
                    return step.upto
            except _TooMuchLeft:
                return None
            except psycopg.Error as error:
                if error.sqlstate == _LOCK_NOT_AVAILABLE:
                    raise SwapBlocked(why=self._who_blocks(connection)) from error
                if error.sqlstate == _OTHERS_DEPEND_ON_IT:
                    why = error.diag.message_detail or reason(error)
                    raise SwapRefused(why=why.replace("\n", "; ")) from error
                raise

    def _lock_tables(self, connection: Connection) -> None:
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [SWAP_LOCK_TIMEOUT])
        for table in self._live_tables(connection):
            self._run(connection, "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", self._live, table)

    def _put_in_place(self, connection: Connection) -> None:
        """The old tables go, the new ones take their names, owners and grants.

        Whoever has planned a statement on an old one plans it anew, for it was dropped, and finds
        the new one by name.
        """
        # The commit must last: what was dropped is removed from the disk.
        connection.execute("SET LOCAL synchronous_commit = on")
        in_live = {"schema": self._live, "tables": list(TABLES)}
        owners = connection.execute(QUERIES["select_owners"], in_live).fetchall()
        grants = connection.execute(QUERIES["select_grants"], in_live).fetchall()
        for table in self._live_tables(connection):
            self._run(connection, "DROP TABLE {}", self._live, table)
        for table in TABLES:
            change = sql.SQL("ALTER TABLE {} SET SCHEMA {}")
            new, live = sql.Identifier(self.schema, table), sql.Identifier(self._live)
            connection.execute(change.format(new, live))
        self._hand_over(connection, owners, grants)
        self._run(connection, "DROP SCHEMA {}", self.schema)

    def _hand_over(
        self,
        connection: Connection,
        owners: Sequence[tuple[str, str]],
        grants: Sequence[tuple[str, str | None, str, bool]],
    ) -> None:
        for table, owner in owners:
            change = sql.SQL("ALTER TABLE {} OWNER TO {}")
            names = sql.Identifier(self._live, table), sql.Identifier(owner)
            connection.execute(change.format(*names))
        for table, grantee, privilege, may_grant in grants:
            grant = sql.SQL("GRANT {} ON {} TO {} {}").format(
                sql.SQL(privilege),  # a keyword, from the catalog
                sql.Identifier(self._live, table),
                sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee),
                sql.SQL("WITH GRANT OPTION" if may_grant else ""),
            )
            connection.execute(grant)

    def _resumable(self, connection: Connection, found: Collection[str]) -> int | None:
        """Where a rebuild was interrupted; None if what it left is of no use any more."""
        query = sql.SQL(
            "SELECT r.position FROM {} r WHERE r.definition = %s AND r.position <= ({})"
        )
        head = sql.SQL("SELECT coalesce(max(l.position), 0) FROM {} l").format(
            sql.Identifier(self._live, "log")
        )
        state = sql.Identifier(self.schema, STATE_TABLE)
        row = connection.execute(query.format(state, head), [definition()]).fetchone()
        return int(row[0]) if row is not None and set(found) == set(TABLES) else None

    def _relations(self, connection: Connection) -> Collection[str] | None:
        """What is in the schema of the rebuild; None if there is no such schema.

        Raises RebuildSchemaTaken for anything that no rebuild has made, as we may drop the rest.
        """
        rows = connection.execute(QUERIES["select_relations"], {"schema": self.schema}).fetchall()
        names: set[str] = {name for (name,) in rows if name is not None}
        if names - set(TABLES) or (names and STATE_TABLE not in names):
            raise RebuildSchemaTaken(schema=self.schema)
        return names if rows else None

    def _live_tables(self, connection: Connection) -> list[str]:
        """Those in use that are there, in the order in which everybody locks them."""
        rows = connection.execute(QUERIES["select_relations"], {"schema": self._live}).fetchall()
        there = {name for (name,) in rows}
        return [table for table in TABLES if table in there]

    def _who_blocks(self, connection: Connection) -> str:
        in_live = {"schema": self._live, "tables": list(TABLES)}
        rows = connection.execute(QUERIES["select_table_users"], in_live).fetchall()
        users = [
            f"server process {pid} ({name or 'unnamed'}, {state})" for pid, name, state in rows
        ]
        return f"in use by {', '.join(users)}" if users else "something used them all the time"

    def _drop_schema(self, connection: Connection) -> None:
        for table in TABLES:
            self._run(connection, "DROP TABLE IF EXISTS {}", self.schema, table)
        self._run(connection, "DROP SCHEMA {}", self.schema)

    @staticmethod
    def _run(connection: Connection, statement: LiteralString, *name: str) -> None:
        connection.execute(sql.SQL(statement).format(sql.Identifier(*name)), prepare=False)


class _TooMuchLeft(Exception):
    """Rolls a swap back."""
