"""Putting a mutant of SQL in the place of what this process would run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.queries import load_queries
from projections import registry
from tests.fixtures import database as databases
from tests.mutants.edit import ROOT

Install = Callable[[str, str], AbstractContextManager[None]]
"""Given a file (from the root) and the text it is to have, for as long as the block lasts."""

_TRIGGER: Final = re.compile(r"^CREATE TRIGGER .*?;$", re.MULTILINE | re.DOTALL)


@contextmanager
def read_models(file: str, text: str) -> Iterator[None]:
    """A file of projections/sql, for steps and fills."""
    with _read_as(file, text), _loaded_anew():
        yield


@contextmanager
def steps_only(file: str, text: str) -> Iterator[None]:
    """The same for steps alone: a fill replaces the condition on the range by its own."""
    fills = {name: registry.load_fill(name) for name in (*registry.STEPS, "waiting")}
    with _read_as(file, text), _loaded_anew(), pytest.MonkeyPatch.context() as patch:
        for module in list(sys.modules.values()):
            if getattr(module, "load_fill", None) is registry.load_fill:
                patch.setattr(module, "load_fill", fills.__getitem__)
        yield


@contextmanager
def tables(file: str, text: str) -> Iterator[None]:
    """The tables, in every new database and in every rebuild."""
    with read_models(file, text), _in_new_databases(tables_made_anew()):
        yield


def tables_made_anew() -> str:
    """Drops the tables and makes them, as empty as they were."""
    drop = f"DROP TABLE {', '.join(registry.TABLES)};"
    state = f"INSERT INTO read_models (position, definition) VALUES (0, '{registry.definition()}')"
    return f"{drop} {registry.load_sql('tables')}; {state}"


@contextmanager
def functions(file: str, text: str) -> Iterator[None]:
    """The functions of a migration, in every new database."""
    with _in_new_databases(functions_made_anew(text)):
        yield


def functions_made_anew(text: str) -> str:
    """What puts the functions of a migration's text in the place of those there are."""
    begin, end = functions_part(text)
    # The trigger is there already; a function that is replaced loses its search path.
    made = _TRIGGER.sub(
        "", text[begin:end].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    )
    return made + text[end : text.index("REVOKE ALL")]


def functions_part(text: str) -> tuple[int, int]:
    """Where in the migration the functions are."""
    return text.index("CREATE FUNCTION"), text.index("DO $$")


@contextmanager
def queries(file: str, text: str) -> Iterator[None]:
    """Named queries of adapters/postgres/sql, wherever they were loaded to."""
    before = load_queries(Path(file).name)
    with _read_as(file, text), pytest.MonkeyPatch.context() as patch:
        after = load_queries.__wrapped__(Path(file).name)
        changed = {before[name]: after[name] for name in before if before[name] != after[name]}
        for module in list(sys.modules.values()):
            if not getattr(module, "__name__", "").startswith("adapters."):
                continue
            for name, value in list(vars(module).items()):
                if isinstance(value, str) and value in changed:
                    patch.setattr(module, name, changed[value])
                elif isinstance(value, MappingProxyType) and value == before:
                    patch.setattr(module, name, after)
        yield


@contextmanager
def _read_as(file: str, text: str) -> Iterator[None]:
    path, real = ROOT / file, Path.read_text

    def read_text(self: Path, encoding: str | None = None) -> str:
        return text if self == path else real(self, encoding)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", read_text)
        yield


@contextmanager
def _loaded_anew() -> Iterator[None]:
    """What was loaded is forgotten, but for the number by which tables are known to be ours."""
    registry.definition()
    caches = (registry._sections, registry.load_sql, registry.load_fill)
    try:
        for cache in caches:
            cache.cache_clear()
        yield
    finally:
        for cache in caches:
            cache.cache_clear()


@contextmanager
def _in_new_databases(statements: str) -> Iterator[None]:
    real = databases._fresh

    @contextmanager
    def fresh(server_url: str, run: str, template: str) -> Iterator[Database]:
        with real(server_url, run, template) as made:
            if template != "template0":
                with connect(made) as connection:
                    connection.execute(statements.encode())
            yield made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(databases, "_fresh", fresh)
        yield
