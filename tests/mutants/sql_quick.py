"""Mutants of the SQL that fills the read models, tried on kept logs: see sql_making.py."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from adapters.postgres import migrate
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from projections import registry
from tests.fixtures.server import external_url, with_database
from tests.mutants import installing, sql_appends
from tests.mutants.edit import Edit
from tests.mutants.options import Options
from tests.mutants.sql_cases import Case, make_schemas
from tests.mutants.sql_making import Made, NotSql, Texts, make
from tests.mutants.sql_targets import TARGETS, Target
from tests.mutants.trial import Result

_DATABASE: Final = "turnlog_mutants_cases"
Known = Callable[[Case], Made]
"""What the SQL itself makes of a case."""


def targets() -> list[Target]:
    """The files that this is for."""
    ours = (installing.read_models, installing.tables)
    return [t for t in TARGETS if t.install in ours]


def run(options: Options) -> Iterator[Result]:
    """All mutants of the files that fill the tables."""
    with _database() as connection:
        cases, now = make_schemas(connection), Texts.now()
        known = functools.cache(lambda case: make(connection, case, now))
        for target in targets():
            for edit in target.mutants():
                if options.wants(edit):
                    yield _tried(connection, target, edit, cases, known)


def run_append(options: Options) -> Iterator[Result]:
    """All mutants of the append."""
    (target,) = (target for target in TARGETS if target.install is installing.functions)
    with _database() as connection, connect(connection_database()) as other:
        other.execute(sql_appends.SHUT)
        other.execute(sql_appends.HELD)
        doings = sql_appends.script(connection, target.source)
        play = functools.partial(sql_appends.outcome, connection, doings=doings)
        expected = play(target.source)
        assert play(target.source) == expected, "time stands still"
        for edit in target.mutants():
            if options.wants(edit):
                yield _played(play, edit, target, expected)


def _played(
    play: Callable[[str], list[object]], edit: Edit, target: Target, expected: list[object]
) -> Result:
    try:
        found = play(edit.applied_to(target.source))
    except Exception as error:  # noqa: BLE001, an answer may be one that nobody understands
        wrong = (getattr(error, "sqlstate", None) or "").startswith("42")
        return Result(edit, "no mutant" if wrong else "killed", "the script of appends")
    return Result(edit, "survived" if found == expected else "killed", "the script of appends")


def _tried(
    connection: Connection, target: Target, edit: Edit, cases: Sequence[Case], known: Known
) -> Result:
    with target.installer(edit)(target.file, edit.applied_to(target.source)):
        texts = Texts.now(tables=target.install is installing.tables)
    name = Path(target.file).stem
    ways = [way for way in ("steps", "rebuild") if target.may_notice(way, edit)]
    worth = (case for case in cases if case.by in ways and case.may_notice(name))
    try:
        by = _told_apart(connection, worth, texts, known)
    except NotSql:
        return Result(edit, "no mutant")
    except TypeError:
        by = "an answer that is no number"
    return Result(edit, "killed" if by else "survived", by)


def _told_apart(
    connection: Connection, cases: Iterable[Case], texts: Texts, known: Known
) -> str | None:
    """The first case that the mutant makes something else of."""
    for case in cases:
        if make(connection, case, texts) != known(case):
            return f"{case.schema}, {case.by}, {len(case.cuts)} cuts"
    return None


def connection_database() -> Database:
    """Where the cases are."""
    url = external_url()
    assert url is not None
    return Database(with_database(url, _DATABASE))


@contextmanager
def _database() -> Iterator[Connection]:
    url = external_url()
    assert url is not None
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {_DATABASE} TEMPLATE template0 ENCODING 'UTF8'".encode())
    database = connection_database()
    migrate.upgrade(database)
    with connect(database) as connection:
        # Those who fill have them.
        for statement in registry.load_types():
            connection.execute(statement.encode())
        connection.execute("SET statement_timeout = '60s'")
        yield connection
