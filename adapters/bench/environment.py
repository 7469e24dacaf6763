"""Where a measurement was taken, for figures mean nothing without it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Final

import psycopg

from adapters.errors import StoreError
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated
from adapters.system import cores

DURABLE: Final = ("fsync", "synchronous_commit")
_SERVER: Final = (
    *DURABLE,
    "full_page_writes",
    "wal_sync_method",
    "wal_level",
    "shared_buffers",
    "max_wal_size",
    "max_connections",
)


class NotDurable(StoreError):
    """The server of {target} may lose what it has acknowledged ({found}), so its figures would mean
    nothing. Switch {names} on."""


def server_settings(database: Database) -> dict[str, str]:
    """What the server has set, by name."""
    query = "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name"
    with connect(database) as connection, translated(database):
        return dict(connection.execute(query, [list(_SERVER)]).fetchall())


def require_durable(database: Database) -> None:
    """NotDurable unless what the server acknowledges is on its disk."""
    found = server_settings(database)
    off = {name: found[name] for name in DURABLE if found[name] != "on"}
    if off:
        words = ", ".join(f"{name} = {value}" for name, value in off.items())
        raise NotDurable(target=database.target, found=words, names=" and ".join(off))


def describe(database: Database) -> dict[str, object]:
    """Versions, the machine, and the server's settings."""
    with connect(database) as connection, translated(database):
        row = connection.execute("SELECT current_setting('server_version')").fetchone()
    assert row is not None
    return {
        "turnlog": version("turnlog"),
        "python": platform.python_version(),
        "postgresql": str(row[0]).split(maxsplit=1)[0],
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
        "eventsourcing": version("eventsourcing"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "load_average": round(os.getloadavg()[0], 2),
        **server_settings(database),
    }
