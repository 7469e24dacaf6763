"""Snapshots of folded threads in PostgreSQL: one a thread, replaced by newer ones."""

from __future__ import annotations

import logging
from typing import Final

from adapters.postgres.connection import Pool, connection_from, free_connection
from adapters.postgres.database import Database
from adapters.postgres.queries import load_queries
from adapters.thread_states import STATE_FORMAT, decode_state, encode_state
from domain.thread import Thread

QUERIES: Final = load_queries("snapshots.sql")

logger = logging.getLogger("turnlog.snapshots")


class PostgresSnapshots:
    """The snapshots of one schema. Safe to share between threads; the pool is the caller's.

    A snapshot is bound to its place in the log by the hash of its last event, so one that is of
    another log (a copy that was restored in part, say) is not used.
    """

    def __init__(self, database: Database, pool: Pool) -> None:
        self._database = database
        self._pool = pool

    def load(self, thread_id: str) -> Thread | None:
        values = {"thread_id": thread_id, "format": STATE_FORMAT}
        with connection_from(self._pool, self._database) as connection:
            row = connection.execute(QUERIES["select_snapshot"], values, prepare=False).fetchone()
        if row is None:
            return None
        try:
            thread = decode_state(row[1])
        except ValueError:
            thread = None
        if thread is None or (thread.thread_id, thread.seq) != (thread_id, row[0]):
            logger.warning("the snapshot of %s is damaged and not used", thread_id)
            return None
        return thread

    def save(self, thread: Thread) -> bool:
        """See `adapters.threads.Snapshots`: the command that it comes after is not held up."""
        values = {
            "thread_id": thread.thread_id,
            "seq": thread.seq,
            "format": STATE_FORMAT,
            "state": encode_state(thread).decode(),
        }
        with free_connection(self._pool, self._database) as connection:
            if connection is not None:
                connection.execute(QUERIES["save_snapshot"], values, prepare=False)
            return connection is not None
