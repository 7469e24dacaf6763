"""What others have added to the read models in use, and how the rebuilt ones get it.

Indexes are made before the swap, while the old tables serve. The rest costs little on tables that
are full, and is made within the swap.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import psycopg

from adapters.postgres.connection import Connection
from adapters.postgres.errors import BUSY, reason
from adapters.postgres.queries import load_queries
from adapters.postgres.transactions import configure
from domain.errors import TurnlogError
from projections.errors import IndexRefused, SwapRefused
from projections.registry import FORMER_INDEXES, TABLES, index_names

QUERIES: Final = load_queries("belongings.sql")

INDEX_SETTINGS: Final = {"maintenance_work_mem": "256MB"}

# The server is gone, has become a standby, has no room, is stopping, or is broken: whatever was
# asked of it, it would not have done it.
_SERVER_IS_TO_BLAME: Final = ("08", "25", "28", "53", "57", "58", "XX")


class Index(NamedTuple):
    """Of a table in one schema, and not of that in another: statements that make it there, and that
    drop it here."""

    table: str
    name: str
    make: str
    drop: str


class Belonging(NamedTuple):
    """Something else of a table, in words, and the statement that makes it."""

    what: str
    statement: str


class Indexes:
    """Those of others on the tables in `live`, which those in `made` are to have. `make` may be
    called by several threads at once."""

    def __init__(self, live: str, made: str) -> None:
        self._live, self._made = live, made
        # The server may write what it has read with other words (a cast here rather than there), so
        # what was made need not look like what it was made of.
        self._done: set[Index] = set()

    def forget(self) -> None:
        """The tables in `made` are new ones."""
        self._done.clear()

    def missing(self, connection: Connection) -> Sequence[Index]:
        """Those that are yet to be made."""
        unlike = _unlike(connection, self._live, self._made)
        return [index for index in unlike if index not in self._done]

    def drop_unwanted(self, connection: Connection) -> None:
        """Drop those that were made for nothing: the tables in use have them no more."""
        unlike = _unlike(connection, self._live, self._made)
        good = {(index.table, index.name) for index in unlike if index in self._done}
        for index in _unlike(connection, self._made, self._live):
            if (index.table, index.name) not in good:
                connection.execute(index.drop.encode(), prepare=False)

    def make(self, connection: Connection, index: Index) -> None:
        """Make it, in a transaction of its own. Raises IndexRefused, and psycopg.Error when the
        server is gone or has no time or room for it."""

        def refusal(why: str) -> TurnlogError:
            return IndexRefused(index=index.name, table=index.table, why=why)

        with _refused(refusal), connection.transaction():
            configure(connection, INDEX_SETTINGS, local=True)
            connection.execute(index.make.encode(), prepare=False)
        self._done.add(index)


def _unlike(connection: Connection, here: str, there: str) -> Sequence[Index]:
    """Those that the tables in the schema `here` have, and those in `there` lack or have written in
    another way."""
    ours = [*index_names(), *FORMER_INDEXES]
    values = {"here": here, "there": there, "tables": list(TABLES), "ours": ours}
    rows = connection.execute(QUERIES["select_indexes"], values, prepare=False)
    return [Index(*row) for row in rows]


def belongings(connection: Connection, live: str, made: str) -> Sequence[Belonging]:
    """What else the tables in `live` have of others and those in `made` lack, in an order in which
    it can be made. Raises SwapRefused for what could only be lost."""
    values = {"live": live, "tables": list(TABLES)}
    publications = connection.execute(QUERIES["select_publications"], values, prepare=False)
    if found := "; ".join(what for (what,) in publications):
        # Its subscribers would not get the rows of the new table, whatever we do.
        raise SwapRefused(why=found)
    query = QUERIES["select_belongings"]
    rows = connection.execute(query, {**values, "made": made}, prepare=False)
    return [Belonging(*row) for row in rows]


def restore(connection: Connection, kept: Sequence[Belonging]) -> None:
    """Make all that for the tables that have taken the place of the old ones, inside the caller's
    transaction. Raises SwapRefused."""
    for what, statement in kept:

        def refusal(why: str, what: str = what) -> TurnlogError:
            return SwapRefused(why=f"{what} cannot be made for the new ones ({why})")

        with _refused(refusal):
            connection.execute(statement.encode(), prepare=False)


@contextlib.contextmanager
def _refused(refusal: Callable[[str], TurnlogError]) -> Iterator[None]:
    """What the server has against the statement inside becomes that error."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate
        if state is None or state in BUSY or state[:2] in _SERVER_IS_TO_BLAME:
            raise
        raise refusal(reason(error)) from error
