"""Leases in PostgreSQL, by the database's clock, and the turns that need a worker."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from adapters.postgres.connection import Connection, Pool, connection_from
from adapters.postgres.database import Database
from adapters.postgres.queries import load_queries
from adapters.postgres.transactions import IMPATIENT
from domain.ports import Lease

QUERIES: Final = load_queries("leases.sql")


class PostgresLeases:
    """The leases of one schema. Safe to share between threads; the pool is the caller's to close.

    Each method is one statement, so it happens whole or not at all. Raises StoreUnavailable when
    the database cannot be reached; then nobody knows whether it happened.
    """

    def __init__(self, database: Database, pool: Pool) -> None:
        self._database = database
        self._pool = pool

    def acquire(self, turn_id: str, thread_id: str, holder: str, seconds: float) -> Lease | None:
        row = self._one(
            "acquire_lease", turn_id=turn_id, thread_id=thread_id, holder=holder, seconds=seconds
        )
        return None if row is None else Lease(turn_id, thread_id, holder, int(row[0]), seconds)

    def renew(self, lease: Lease, seconds: float) -> bool:
        row = self._one("renew_lease", turn_id=lease.turn_id, token=lease.token, seconds=seconds)
        return row is not None

    def release(self, lease: Lease) -> None:
        with self._connection() as connection:
            values = {"turn_id": lease.turn_id, "token": lease.token}
            connection.execute(QUERIES["release_lease"], values)

    def find(self, turn_id: str) -> Lease | None:
        row = self._one("find_lease", turn_id=turn_id)
        return None if row is None else Lease(turn_id, *row)

    def _connection(self) -> contextlib.AbstractContextManager[Connection]:
        # Through a pooler a lease is taken in a transaction, and with its gate closed: who froze in
        # there must not keep the turn from everybody else.
        return connection_from(self._pool, self._database, **IMPATIENT)

    def _one(self, query: str, **values: object) -> tuple[Any, ...] | None:
        with self._connection() as connection:
            return connection.execute(QUERIES[query], values).fetchone()


class PostgresActiveTurns:
    """Turns without an end, by the log itself."""

    def __init__(self, database: Database, pool: Pool) -> None:
        self._database = database
        self._pool = pool

    def active_turns(self) -> list[tuple[str, str]]:
        with connection_from(self._pool, self._database) as connection:
            # Planned each time: what is good for a new log is not for an old one.
            rows = connection.execute(QUERIES["select_active_turns"], prepare=False).fetchall()
        return [(str(thread_id), str(turn_id)) for thread_id, turn_id in rows]
