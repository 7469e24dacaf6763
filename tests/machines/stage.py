"""What a schedule on PostgreSQL is played on: one database, emptied before each."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.read_models import PostgresReadModels
from adapters.postgres.recorder import PostgresLogRecorder
from projections.registry import ROWS
from tests.fixtures.faults import Proxy


@dataclass
class Stage:
    """A database, a proxy in front of it, a folder; and what the audience sees the play with:
    a connection and a log that nobody else uses and nothing happens to."""

    database: Database
    proxy: Proxy
    connection: Connection
    recorder: PostgresLogRecorder
    reader: PostgresReadModels
    folder: Path

    def clear(self) -> None:
        """As if nothing had ever happened. (A database for each schedule takes longer to make.)"""
        self.proxy.arm()
        emptied = ("log", "leases", "thread_snapshots", *ROWS)
        statements = [
            "DROP SCHEMA IF EXISTS turnlog_rebuild CASCADE",
            "ALTER TABLE log DISABLE TRIGGER log_append_only",
            *(f"DELETE FROM {table}" for table in emptied),
            "ALTER TABLE log ENABLE ALWAYS TRIGGER log_append_only",
            "UPDATE log_head SET position = 0, recorded_at = '-infinity'",
            "UPDATE read_models SET position = 0, failed_position = NULL, failure = NULL",
        ]
        self.connection.execute("; ".join(statements).encode())
        shutil.rmtree(self.folder)
        self.folder.mkdir()

    def pass_time(self, seconds: float) -> None:
        """For the leases, whose time is the database's."""
        query = "UPDATE leases SET expires_at = expires_at - make_interval(secs => %s)"
        self.connection.execute(query, [seconds])

    def forget_snapshots(self) -> None:
        """They may be deleted at any time."""
        self.connection.execute("DELETE FROM thread_snapshots")
