"""Mutants of the SQL that fills the read models, tried on kept logs: see sql_cases.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
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
from tests.mutants.sql_cases import (
    Case,
    Made,
    NotSql,
    Texts,
    fills_make,
    make_schemas,
    steps_make,
)
from tests.mutants.sql_targets import TARGETS, Target
from tests.mutants.trial import Result

_DATABASE: Final = "turnlog_mutants_cases"
Known = tuple[Case, Made, Made | None]
"""What the SQL itself makes of a case, in steps and (if that is asked) in a fill."""


def targets() -> list[Target]:
    """The files that this is for."""
    return [t for t in TARGETS if t.install is installing.read_models and "counts" not in t.file]


def run(options: Options) -> Iterator[Result]:
    """All mutants of the files that fill the tables."""
    with _database() as connection:
        cases, now = make_schemas(connection), Texts.now()
        known = [
            (case, steps_make(connection, case, now), _filled(connection, case, now))
            for case in cases
        ]
        for target in targets():
            for edit in target.mutants():
                if options.wants(edit):
                    yield _tried(connection, target, edit, known)


def run_append(options: Options) -> Iterator[Result]:
    """All mutants of the append."""
    (target,) = (target for target in TARGETS if target.install is installing.functions)
    with _database() as connection, connect(connection_database()) as other:
        other.execute(sql_appends.SHUT)
        other.execute(sql_appends.HELD)
        doings = sql_appends.script(connection, target.source)
        play = partial(sql_appends.outcome, connection, doings=doings)
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


def _tried(connection: Connection, target: Target, edit: Edit, known: Sequence[Known]) -> Result:
    with target.installer(edit)(target.file, edit.applied_to(target.source)):
        texts = Texts.now()
    try:
        by = _told_apart(connection, known, texts, target, edit)
    except NotSql:
        return Result(edit, "no mutant")
    return Result(edit, "killed" if by else "survived", by)


def _told_apart(
    connection: Connection, known: Sequence[Known], texts: Texts, target: Target, edit: Edit
) -> str | None:
    """The first case that the mutant makes something else of."""
    steps, fills = (target.may_notice(what, edit) for what in ("steps", "rebuild"))
    for case, by_steps, by_fill in known:
        if steps and steps_make(connection, case, texts) != by_steps:
            return f"{case.schema}, {len(case.cuts)} steps"
        if fills and by_fill is not None and _filled(connection, case, texts) != by_fill:
            return f"{case.schema}, filled"
    return None


def _filled(connection: Connection, case: Case, texts: Texts) -> Made | None:
    return fills_make(connection, case, texts) if case.fills else None


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
