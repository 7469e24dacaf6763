"""Mutants of SQL, on a server of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.queries import load_queries
from projections import registry
from tests.fixtures.server import RUN, external_url, with_database
from tests.mutants import installing
from tests.mutants.edit import Edit, tell
from tests.mutants.options import Options
from tests.mutants.sql_targets import SLOW, TARGETS, Target
from tests.mutants.trial import Result, Trials

TESTS: Final = sorted({test.partition("::")[0] for target in TARGETS for test in target.killers})
_NOT_SQL: Final = "42"  # the class of syntax errors, unknown names, wrong types
_VALUES: Final[dict[str, object]] = {
    "after": 0, "upto": 0, "position": 0, "first": "", "last": "", "types": [""], "numbers": [0]
}  # fmt: skip
_forever = ExitStack()


def run(trials: Trials, options: Options) -> Iterator[Result]:
    """All mutants of the targets that are asked for."""
    measured: dict[object, Sequence[pytest.Item]] = {}
    for target in TARGETS:
        edits = [edit for edit in target.mutants() if options.wants(edit)]
        if not edits:
            continue
        place, tests = _Place(target, trials, options), (target.killers, target.install)
        if tests not in measured:
            measured[tests] = place.items()
        items = measured[tests]
        yield from trials.judge(
            edits,
            lambda edit: [i for i in items if target.may_notice(i.nodeid, edit)],  # noqa: B023
            place.put,
            processes=options.processes,
            seconds=options.seconds,
        )


@dataclass(frozen=True)
class _Place:
    """Where the mutants of a file go."""

    target: Target
    trials: Trials
    options: Options

    def items(self) -> Sequence[pytest.Item]:
        """The tests that shall notice, without those that fail as it is.

        If they are not all to be measured, that they pass is shown by the first that survives.
        """
        wanted = [i for i in self.trials.items if i.nodeid.startswith(self.target.killers)]
        if not self.options.thorough:
            wanted = [item for item in wanted if not item.nodeid.endswith(SLOW)]
        measured = wanted if self.options.thorough else wanted[:1]
        failed = set(self.trials.measure(measured, self._put_itself, None))
        for item in wanted:
            if not self.options.thorough:
                self.trials.known.seconds[item.nodeid] = _guess(item.nodeid)
        self._make_scratch()
        if failed:
            tell(f"Left out, as they fail without a mutant: {sorted(failed)}")
        return [item for item in wanted if item.nodeid not in failed]

    def put(self, edit: Edit | None) -> bool:
        """Put the mutant in place for the rest of this process, if it is SQL."""
        assert edit is not None
        text = edit.applied_to(self.target.source)
        with connect(Database(self._scratch())) as connection:
            before = self._is_sql(connection, self.target.source)
            _forever.enter_context(self.target.installer(edit)(self.target.file, text))
            return self._is_sql(connection, text) or not before

    def _put_itself(self, _edit: Edit | None) -> bool:
        _forever.enter_context(self.target.install(self.target.file, self.target.source))
        return True

    def _is_sql(self, connection: psycopg.Connection[tuple[object, ...]], text: str) -> bool:
        name = Path(self.target.file).stem
        try:
            with connection.transaction(force_rollback=True):
                for statement, values in _statements(self.target, name, text):
                    connection.execute(statement.encode(), values, prepare=False)
        except psycopg.Error as error:
            return not (error.sqlstate or "").startswith(_NOT_SQL)
        return True

    @property
    def _run(self) -> str:
        return self.trials.items[0].config.stash[RUN].name

    def _scratch(self) -> str:
        url = external_url()
        assert url is not None
        return with_database(url, f"{self._run}_scratch")

    def _make_scratch(self) -> None:
        """A database for looking whether a mutant is SQL at all."""
        url = external_url()
        assert url is not None
        name = f"{self._run}_scratch"
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._run}_template"'.encode())


def _guess(nodeid: str) -> float:
    """How long it takes, until it is known: seconds."""
    size = re.search(r"in_steps_of_any_size\[(\d+)\]", nodeid)
    if size:
        return 0.3 + 8 / int(size[1])
    return 0.5 if "::test_an_event_" in nodeid else 1.0


def _statements(
    target: Target, name: str, text: str
) -> Iterator[tuple[str, dict[str, object] | None]]:
    """What the server is asked to understand."""
    if target.install is installing.functions:
        yield installing.functions_made_anew(text), None
    elif target.install is installing.tables:
        yield installing.tables_made_anew(), None
    elif target.install is installing.queries:
        yield "DEALLOCATE ALL", None  # what is prepared outlives its transaction
        for number, query in enumerate(load_queries(Path(target.file).name).values()):
            yield f"PREPARE q{number} AS {_numbered(query)}", None
    else:
        if name != "waiting":
            yield registry.load_sql(name), _VALUES
        if name != "counts":
            for made in registry.load_types():
                yield made, None
            yield f"CREATE TEMPORARY TABLE part ON COMMIT DROP AS {registry.load_part()}", _VALUES
            yield registry.load_fill(name), _VALUES


def _numbered(query: str) -> str:
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    return re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", query)
