"""The SQL that is mutated: which files, which parts of them, and which tests shall notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.mutants import installing, sql
from tests.mutants.edit import ROOT, Edit
from tests.mutants.installing import Install

_READ_MODEL_TESTS: Final = (
    "tests/projections/test_agreement.py",
    # The others of that file take minutes.
    "tests/projections/test_broken_logs.py::test_an_event_",
)
SLOW: Final = "test_a_story_is_told_the_same_wherever_it_is_cut_in_two"
_LOG_TESTS: Final = (
    "tests/adapters/postgres/test_library_contract.py",
    "tests/adapters/postgres/test_log.py",
    "tests/adapters/postgres/test_batches.py",
    "tests/adapters/postgres/test_fences.py",
    "tests/adapters/postgres/test_group_commit.py",
    "tests/adapters/postgres/test_agreement.py",
    "tests/adapters/postgres/test_visibility.py",
    "tests/adapters/postgres/test_subscriptions.py",
    "tests/adapters/postgres/test_unknown_outcome.py",
    "tests/adapters/postgres/test_append_only.py",
    "tests/adapters/postgres/test_rows.py",
)
_LEASE_TESTS: Final = (
    "tests/adapters/runner/test_leases.py",
    "tests/adapters/postgres/test_fences.py",
)


@dataclass(frozen=True)
class Target:
    """A file of SQL, how it is put in place, and how the ids of tests begin that shall notice."""

    file: str
    killers: tuple[str, ...]
    install: Install

    @property
    def source(self) -> str:
        return (ROOT / self.file).read_text(encoding="utf-8")

    def mutants(self) -> list[Edit]:
        start, end = 0, len(self.source)
        if self.install is installing.functions:
            start, end = installing.functions_part(self.source)
        if self.install is installing.tables:
            end = self.source.index("-- indexes --")  # without them it is only slower
        return [
            edit
            for edit in sql.mutants(self.file, self.source, start, end)
            if not any(edit.start < stop and edit.end > begin for begin, stop in self._left_out())
        ]

    def installer(self, edit: Edit) -> Install:
        if self.install is installing.read_models and any(
            begin <= edit.start < stop for begin, stop in _spans(_RANGE, self.source)
        ):
            return installing.steps_only
        return self.install

    def may_notice(self, nodeid: str, edit: Edit) -> bool:
        """Whether the test runs the part of the file that the mutant is in."""
        fills = any(word in nodeid for word in _FILLING)
        if any(begin <= edit.start < stop for begin, stop in _spans(_FILL_ONLY, self.source)):
            return fills
        if any(begin <= edit.start < stop for begin, stop in _spans(_STEP_ONLY, self.source)):
            return not fills
        return True

    def _left_out(self) -> Iterator[tuple[int, int]]:
        """What nothing reads: a fill's range, which is replaced; comments; planner settings."""
        yield from _spans(_COMMENT_ON, self.source)
        yield from _spans(_SETTING, self.source)
        for begin, stop in _spans(_FILL_ONLY, self.source):
            for first, last in _spans(_RANGE, self.source):
                if begin <= first and last <= stop:
                    yield first, last


_RANGE: Final = re.compile(r"l\.position > %\(after\)s AND l\.position <= %\(upto\)s")
_FILL_ONLY: Final = re.compile(
    r"-- fill only --.*?(?=-- (?:both|step only|types) --|\Z)", re.DOTALL
)
_STEP_ONLY: Final = re.compile(r"-- step only --.*?(?=-- (?:both|fill only) --|\Z)", re.DOTALL)
_FILLING: Final = ("_by_parts_", "rebuild")
_COMMENT_ON: Final = re.compile(r"^COMMENT ON .*?;$", re.MULTILINE | re.DOTALL)
_SETTING: Final = re.compile(r"^SET \w+ = \w+$", re.MULTILINE)


def _spans(pattern: re.Pattern[str], source: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in pattern.finditer(source))


def _read_model(name: str) -> Target:
    return Target(f"projections/sql/{name}.sql", _READ_MODEL_TESTS, installing.read_models)


_FUNCTIONS: Final = "adapters/postgres/migrations/versions/sql/0006_fenced_appends.up.sql"
_QUERIES: Final = "adapters/postgres/sql"

TARGETS: Final = (
    *map(_read_model, ("context", "waiting", "counts", "threads", "approvals", "items")),
    *map(_read_model, ("turns", "prompts")),
    Target("projections/sql/tables.sql", _READ_MODEL_TESTS, installing.tables),
    Target(_FUNCTIONS, _LOG_TESTS, installing.functions),
    Target(f"{_QUERIES}/log.sql", _LOG_TESTS, installing.queries),
    Target(f"{_QUERIES}/leases.sql", _LEASE_TESTS, installing.queries),
)
