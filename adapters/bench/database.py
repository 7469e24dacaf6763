"""A database for a bench alone: made on the server the settings name, or else on the embedded one,
and dropped at the end, however the end comes.

A bench that was killed cannot drop its databases. So each holds a connection whose name is that of
its database, and the next bench drops the databases of those that are gone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from adapters.postgres import migrate
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated, unreachable
from adapters.settings import Settings

PREFIX: Final = "turnlog_bench_"
_OURS: Final = f"^{PREFIX}[0-9]+_[0-9a-f]{{8}}$"
"""The names we make, and nobody else: a database that is only called something like it stays."""

EMBEDDED_SETTINGS: Final = {"max_connections": "300"}
"""For as many clients as pgbench has; they count if the bench is the one that starts the server."""

_LEFT_BEHIND: Final = """
    SELECT d.datname FROM pg_database d
    WHERE d.datname ~ %s
      AND NOT EXISTS (
          SELECT FROM pg_stat_activity a
          WHERE a.backend_type = 'client backend'
            AND (a.application_name = d.datname OR a.datname = d.datname)
      )
"""


class BenchServer:
    """Where a bench makes its databases."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings = settings
        self._url = url
        self._server = Database(url, settings.schema_name, settings.connect_timeout_seconds)

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """A migrated, empty database, for as long as the block.

        Raises StoreUnavailable, StoreForbidden (the role may not make databases), WrongDatabase.
        """
        name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(4)}"
        with self._keeper(name) as server:
            self._sweep(server)
            create = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
            try:
                with translated(self._server):
                    server.execute(sql.SQL(create).format(sql.Identifier(name)))
                database = Database(
                    with_database(self._url, name),
                    self.settings.schema_name,
                    self.settings.connect_timeout_seconds,
                )
                migrate.upgrade(database)
                yield database
            finally:
                self._drop(name)

    @contextlib.contextmanager
    def _keeper(self, name: str) -> Iterator[Connection]:
        try:
            keeper: Connection = psycopg.connect(
                self._url, autocommit=True, application_name=name, keepalives_idle=30
            )
        except psycopg.OperationalError as error:
            raise unreachable(error, self._server) from error
        with keeper:
            yield keeper

    def _sweep(self, server: Connection) -> None:
        with translated(self._server):
            for (name,) in server.execute(_LEFT_BEHIND, [_OURS]).fetchall():
                # Somebody else's, or somebody else sweeps as well.
                with contextlib.suppress(psycopg.Error):
                    server.execute(
                        sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
                    )

    def _drop(self, name: str) -> None:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        # By a connection of its own: the keeper may have been lost with the server, or interrupted.
        with self._keeper(f"{name}_drop") as server, translated(self._server):
            server.execute(drop)


@contextlib.contextmanager
def open_server(settings: Settings, on_wait: Callable[[str], None]) -> Iterator[BenchServer]:
    """The server for a bench; past a pooler, which knows nothing of databases made just now.

    Raises EmbeddedError in its forms, InvalidDatabaseUrl.
    """
    given = settings.direct_url or settings.database_url
    if given is not None:
        yield BenchServer(settings, given.get_secret_value())
        return
    from adapters.postgres.embedded import EmbeddedServer

    on_wait("Starting the embedded PostgreSQL")
    with EmbeddedServer(settings.data_dir, EMBEDDED_SETTINGS) as server:
        yield BenchServer(settings, server.url)


def with_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    address, _, options = url.partition("?")
    scheme, _, rest = address.partition("://")
    login_and_host = rest.partition("/")[0]
    # A database among the options would win over the one in the path.
    kept = "&".join(part for part in options.split("&") if part and part[:7] != "dbname=")
    return f"{scheme}://{login_and_host}/{name}" + (f"?{kept}" if kept else "")


def parts_of(database: Database) -> dict[str, str]:
    """Host, port, user, password and dbname, for what takes no URL; what is not given is empty."""
    given = conninfo_to_dict(database.url)
    with connect(database) as connection:
        info = connection.info
        found = {"host": info.host, "port": str(info.port), "user": info.user}
    return {
        **found,
        "password": str(given.get("password") or ""),
        "dbname": str(given["dbname"]),
    }
