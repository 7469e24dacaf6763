"""Puts the tables of a rebuild in the place of those in use, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString

from psycopg import sql

from adapters.postgres.belongings import belongings, restore
from adapters.postgres.connection import Connection
from adapters.postgres.stepping import QUERIES
from adapters.postgres.transactions import configure
from projections.registry import TABLES

LOCK_TIMEOUT: Final = "400ms"
"""How long a swap waits for readers. New ones, and appends, wait behind it as long, so it is short;
and less than the time after which the server looks for deadlocks, so that a reader is never the one
to be cancelled."""
VACUUM_TIMEOUT: Final = "5s"

Grant = tuple[str, str | None, str | None, str, bool]
"""Of a table, or of that column: to whom (None: everybody), what, and whether to pass it on."""


def lock_tables(connection: Connection, live: str) -> None:
    """From here on nobody reads or moves the tables in use."""
    tables = _there(connection, live)
    # Only autovacuum minds this lock, and gives way when it has been waited for for a second.
    configure(connection, {"lock_timeout": VACUUM_TIMEOUT}, local=True)
    for table in tables:
        run(connection, "LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE", live, table)
    configure(connection, {"lock_timeout": LOCK_TIMEOUT}, local=True)
    for table in tables:
        run(connection, "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", live, table)


def put_in_place(connection: Connection, live: str, made: str) -> None:
    """The tables in `live` go, those in `made` take their names, owners, grants and belongings.

    Whoever has planned a statement on an old one plans it anew, for it was dropped, and finds
    the new one by name. Raises SwapRefused.
    """
    # The commit must last: what was dropped is removed from the disk. And everything before it in
    # the server's own log lasts with it, so what was filled without waiting for the disk does.
    connection.execute("SET LOCAL synchronous_commit = on")
    in_live = {"schema": live, "tables": list(TABLES)}
    owners = connection.execute(QUERIES["select_owners"], in_live).fetchall()
    grants: list[Grant] = [
        (table, None, *grant)
        for table, *grant in connection.execute(QUERIES["select_grants"], in_live)
    ]
    on_columns = QUERIES["select_column_grants"]
    grants += connection.execute(on_columns, {**in_live, "made": made}).fetchall()
    kept = belongings(connection, live, made)
    _take_back_grants(connection, made)
    for table in _there(connection, live):
        run(connection, "DROP TABLE {}", live, table)
    for table in TABLES:
        change = sql.SQL("ALTER TABLE {} SET SCHEMA {}")
        connection.execute(change.format(sql.Identifier(made, table), sql.Identifier(live)))
    restore(connection, kept)
    hand_over(connection, live, owners, grants)
    run(connection, "DROP SCHEMA {}", made)


def _take_back_grants(connection: Connection, made: str) -> None:
    """Those that new tables get by themselves (ALTER DEFAULT PRIVILEGES): the old ones may have
    been closed to some."""
    rows = connection.execute(QUERIES["select_grants"], {"schema": made, "tables": list(TABLES)})
    for table, grantee in {(table, grantee) for table, grantee, *_ in rows}:
        whose = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
        revoke = sql.SQL("REVOKE ALL ON {} FROM {}")
        connection.execute(revoke.format(sql.Identifier(made, table), whose))


def hand_over(
    connection: Connection,
    live: str,
    owners: Sequence[tuple[str, str]],
    grants: Sequence[Grant],
) -> None:
    """Give the tables in `live` those owners and grants."""
    for table, owner in owners:
        change = sql.SQL("ALTER TABLE {} OWNER TO {}")
        names = sql.Identifier(live, table), sql.Identifier(owner)
        connection.execute(change.format(*names))
    for table, column, grantee, privilege, may_grant in grants:
        grant = sql.SQL("GRANT {} {} ON {} TO {} {}").format(
            sql.SQL(privilege),  # a keyword, from the catalog
            sql.SQL("") if column is None else sql.SQL("({})").format(sql.Identifier(column)),
            sql.Identifier(live, table),
            sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee),
            sql.SQL("WITH GRANT OPTION" if may_grant else ""),
        )
        connection.execute(grant)


def who_blocks(connection: Connection, live: str) -> str:
    """Who uses the tables in `live`, in words."""
    in_live = {"schema": live, "tables": list(TABLES)}
    rows = connection.execute(QUERIES["select_table_users"], in_live).fetchall()
    users = [f"server process {pid} ({name or 'unnamed'}, {state})" for pid, name, state in rows]
    return f"in use by {', '.join(users)}" if users else "something used them all the time"


def run(connection: Connection, statement: LiteralString, *name: str) -> None:
    """A statement about something of that name."""
    connection.execute(sql.SQL(statement).format(sql.Identifier(*name)), prepare=False)


def _there(connection: Connection, live: str) -> list[str]:
    """The tables in use that are there, in the order in which everybody locks them."""
    rows = connection.execute(QUERIES["select_relations"], {"schema": live}).fetchall()
    there = {name for (name,) in rows}
    return [table for table in TABLES if table in there]
