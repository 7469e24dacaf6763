"""Which database, and which schema in it: everything needed to connect, and a safe name for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import psycopg
from psycopg.conninfo import conninfo_to_dict

from adapters.errors import InvalidDatabaseUrl


@dataclass(frozen=True)
class Database:
    """A PostgreSQL database by libpq URL, and the schema that holds our tables.

    `target` names it for people, without the password; URLs are kept out of the repr. Raises
    InvalidDatabaseUrl, which quotes nothing of the URL.

    A `direct_url` says that `url` leads through a connection pooler, which may give every
    transaction another session, and how to come to the server past it.
    """

    url: str = field(repr=False)
    schema: str = "turnlog"
    connect_timeout_seconds: float = 10
    direct_url: str | None = field(default=None, repr=False)
    target: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", describe(self.url))
        if self.direct_url is not None:
            describe(self.direct_url, "TURNLOG_DIRECT_URL")

    @property
    def is_pooled(self) -> bool:
        """Whether sessions cannot be relied on: what is set in one is lost or left to others."""
        return self.direct_url not in (None, self.url)

    @property
    def direct(self) -> Database:
        """The same database, where a session is one."""
        return self if self.direct_url is None else replace(self, url=self.direct_url)


def describe(url: str, setting: str = "TURNLOG_DATABASE_URL") -> str:
    """The database in words, for messages: `orders at db.example:5432 (as app)`.

    >>> describe("postgresql://app:secret@db.example/orders")
    'orders at db.example:5432 (as app)'
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise InvalidDatabaseUrl(setting=setting, why="it does not begin with postgresql://")
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose text quotes the URL
        raise InvalidDatabaseUrl(setting=setting, why="libpq cannot read it") from None
    host, port = str(parts.get("host") or ""), str(parts.get("port") or "")
    name = str(parts.get("dbname") or "")
    # A password with a bare / or @ in it ends up in these parts, and must not be shown.
    if "@" in host + name or (port and not port.replace(",", "").isdigit()):
        why = "its parts are mixed up; write an @, / or : in the password as %40, %2F or %3A"
        raise InvalidDatabaseUrl(setting=setting, why=why)
    # What the URL leaves open libpq takes from PG… variables and its defaults.
    server = host if host.startswith("/") else f"{host or 'the default host'}:{port or 5432}"
    user = f" (as {parts['user']})" if parts.get("user") else ""
    return f"{name or 'the default database'} at {server}{user}"
