"""That mutants are made, put in place, and told from what they are mutants of.

How many of the product's own mutants the tests kill is measured by `make mutants`.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.postgres.connection import connect
from adapters.postgres.session import LogOutOfStep
from domain.predicates import record
from projections import registry
from tests.fixtures.database import DatabaseFactory
from tests.mutants import sql, sql_appends, sql_cases, sql_making
from tests.mutants.edit import ROOT, Edit
from tests.mutants.laws_quick import Verdicts
from tests.mutants.options import parsed
from tests.mutants.report import Report
from tests.mutants.sql_targets import TARGETS, Target
from tests.mutants.swapping import Functions, Module
from tests.mutants.trial import Result
from tests.projections.story import STORY
from tests.projections.tables import Tables, tables_of

OPERATORS = [
    ("SELECT a = 1", {"SELECT a <> 1", "SELECT a = 2"}),
    ("SELECT a FROM t WHERE b < c", {"SELECT a FROM t WHERE b <= c", "SELECT a FROM t WHERE true"}),
    ("SELECT a AND b", {"SELECT a OR b", "SELECT true AND b", "SELECT a AND true"}),
    (
        "SELECT a OR b AND c",
        {
            *("SELECT a AND b AND c", "SELECT false OR b AND c", "SELECT a OR false"),
            *("SELECT a OR b OR c", "SELECT a OR true AND c", "SELECT a OR b AND true"),
        },
    ),
    ("SELECT a IS NULL", {"SELECT a IS NOT NULL"}),
    ("SELECT a IS NOT NULL", {"SELECT a IS NULL"}),
    ("SELECT a IS DISTINCT FROM b", {"SELECT a IS NOT DISTINCT FROM b"}),
    ("SELECT max(a) - b", {"SELECT min(a) - b", "SELECT max(a) + b"}),
    ("SELECT count(*)", set()),
    ("SELECT coalesce(a, f(b, c))", {"SELECT (a)", "SELECT (f(b, c))"}),
    ("SELECT a FROM t ORDER BY b", {"SELECT a FROM t ORDER BY b DESC"}),
    ("SELECT a FROM t ORDER BY b DESC", {"SELECT a FROM t ORDER BY b ASC"}),
    (
        "SELECT a FROM t LEFT JOIN u ON true",
        {"SELECT a FROM t JOIN u ON true", "SELECT a FROM t LEFT JOIN u ON false"},
    ),
    ("SELECT a IN ('b', 'c')", {"SELECT a IN ('c')", "SELECT a IN ('b')"}),
    (
        "SELECT CASE WHEN a THEN b ELSE c END",
        {"SELECT CASE WHEN false THEN b ELSE c END", "SELECT CASE WHEN a THEN b ELSE NULL END"},
    ),
    ("UPDATE t SET a = b, c = d", {"UPDATE t SET  c = d", "UPDATE t SET a = b"}),
    ("SELECT a FOR UPDATE", {"SELECT a "}),
    ("BEGIN a := b; EXIT; END", {"BEGIN NULL; EXIT; END", "BEGIN a := b; NULL; END"}),
    ("-- a = 1\nSELECT 'a = b'", {"-- a = 1\nSELECT 'another'"}),
]


@pytest.mark.parametrize(("source", "expected"), OPERATORS)
def test_sql_is_changed_in_one_place(source: str, expected: set[str]) -> None:
    found = {edit.applied_to(source) for edit in sql.mutants("some.sql", source)}
    assert found == expected


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: Path(target.file).name)
def test_every_mutant_is_another_text(target: Target) -> None:
    made = target.mutants()
    assert len(made) > 5
    assert len({edit.applied_to(target.source) for edit in made}) == len(made)
    assert all(edit.before != edit.after for edit in made)


@pytest.fixture
def tables(database_factory: DatabaseFactory) -> Iterator[Tables]:
    with database_factory() as database, tables_of(database) as opened:
        yield opened


def one(file: str, before: str, after: str) -> tuple[Target, Edit]:
    """A mutant of the product, by what it changes."""
    target = next(target for target in TARGETS if target.file.endswith(file))
    found = [e for e in target.mutants() if (e.before, e.after) == (before, after)]
    return target, found[0]


def test_a_mutant_of_a_read_model_is_told_from_it_and_goes_away(tables: Tables) -> None:
    STORY.append_to(tables.recorder)
    target, edit = one("context.sql", "false", "true")
    definition = registry.definition()
    with target.installer(edit)(target.file, edit.applied_to(target.source)):
        assert registry.definition() == definition
        tables.apply(1_000)
        assert tables.differences()
    tables.empty_tables()
    tables.apply(1_000)
    assert not tables.differences()


def test_a_mutant_of_the_append_is_in_new_databases(database_factory: DatabaseFactory) -> None:
    target, edit = one("0006_fenced_appends.up.sql", "thread_seq[t] := seqs[e]", "NULL")
    with (
        target.install(target.file, edit.applied_to(target.source)),
        database_factory() as database,
        tables_of(database) as tables,
        pytest.raises(LogOutOfStep),
    ):
        STORY.append_to(tables.recorder)


def test_a_mutant_of_a_query_is_in_place_as_long_as_it_should(tables: Tables) -> None:
    STORY.append_to(tables.recorder)
    target, edit = one("log.sql", "position > %(after)s", "true")
    assert len(tables.recorder.select_log(after_position=3, limit=2)) == 2
    with target.install(target.file, edit.applied_to(target.source)):
        assert tables.recorder.select_log(after_position=3, limit=1)[0].id == 1
    assert tables.recorder.select_log(after_position=3, limit=1)[0].id == 4


def test_what_the_tables_hold_tells_a_mutant_apart(database_factory: DatabaseFactory) -> None:
    ways = list(itertools.islice(sql_cases.cases(), 2))
    target, edit = one("context.sql", "false", "true")
    with database_factory() as database, connect(database) as connection:
        for statement in registry.load_types():
            connection.execute(statement.encode())
        sql_cases.put(connection, *ways[0])
        now, anew = sql_making.Texts.now(), sql_making.Texts.now(tables=True)
        made = [sql_making.make(connection, case, now) for case, _ in ways]
        assert made[0] == made[1]
        with target.installer(edit)(target.file, edit.applied_to(target.source)):
            texts = sql_making.Texts.now()
        assert all(sql_making.make(connection, case, texts) not in made for case, _ in ways)
        assert [sql_making.make(connection, case, anew) for case, _ in ways] == made


def test_what_appends_are_answered_tells_a_mutant_apart(database_factory: DatabaseFactory) -> None:
    target, edit = one("0006_fenced_appends.up.sql", "thread_hash[t] := hashes[e]", "NULL")
    with database_factory() as database, connect(database) as connection:
        doings = sql_appends.script(connection, target.source, batches=8)
        outcome = sql_appends.outcome(connection, target.source, doings)
        assert sql_appends.outcome(connection, target.source, doings) == outcome
        mutant = edit.applied_to(target.source)
        assert sql_appends.outcome(connection, mutant, doings) != outcome


def doubled(number: int) -> int:
    return number * 2


def test_a_function_runs_other_code_whoever_refers_to_it() -> None:
    module = Module.at(Path(__file__))
    elsewhere, place = doubled, module.source.index("number * 2")
    edit = Edit.of(module.file, module.source, (place, place + 10), "number * 3", "by hand")
    functions = Functions({module.file: module})
    assert doubled(2) == 4
    assert functions.swap(edit)
    assert elsewhere(2) == 6
    same = Edit.of(module.file, module.source, (place, place + 10), "(number * 2)", "by hand")
    assert not functions.swap(same)


def test_a_law_that_says_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    laws = Verdicts(["broken"])
    assert laws.notices("domain/predicates/record.py") is None
    law = record.numbers_have_no_gap
    monkeypatch.setattr(law, "__code__", (lambda _: iter(())).__code__)
    assert laws.notices("domain/predicates/record.py") is not None
    assert laws.notices("domain/predicates/turns.py") is None, "it is none of its laws"
    assert laws.notices("domain/thread.py") is None, "which needs its tests"


def test_a_report_says_what_to_try_again_and_can_be_gone_on_with(tmp_path: Path) -> None:
    edits = [Edit("some.py", place, place, "x", "by hand", 1, "") for place in range(3)]
    first = Report(tmp_path, "python")
    first.add(Result(edits[0], "killed", "a test"))
    first.add(Result(edits[1], "survived"))
    where = ["python", "--report", str(tmp_path)]
    again = parsed([*where, "--retry", str(tmp_path / "python.jsonl")])
    going_on = parsed([*where, "--go-on"])
    assert Report(tmp_path, "python", go_on=True).results == first.results
    assert Report(tmp_path, "python").results == []
    assert [edit for edit in edits if again.wants(edit)] == [edits[1]]
    assert [edit for edit in edits if going_on.wants(edit)] == [edits[2]]


TRIALS = """
from pathlib import Path
import pytest
from tests.mutants.edit import Edit
from tests.mutants.trial import Trials

VALUE = [1]

def put(edit):
    VALUE[:] = [edit.line]
    return edit.line > 0

def run(trials):
    import sys
    sys.modules["values_under_test"] = sys.modules["__main__"]
    assert trials.measure(trials.items, lambda _: True, None) == ["test_values.py::test_is_new"]
    items = [item for item in trials.items if "new" not in item.name]
    edits = [Edit("some.py", 0, 0, "", "by hand", line, "") for line in (2, 0, 1, 3)]
    found = trials.judge(edits, lambda _: items, put, processes=1, seconds=9)
    for result in found:
        print("result", result.edit.line, result.verdict, result.by)

arguments = ["-q", "-s", "-c", "/dev/null", "--rootdir=.", "-p", "no:cacheprovider"]
arguments += ["-p", "tests.fixtures.properties", "test_values.py"]
pytest.main(arguments, plugins=[Trials(run, Path("memory"))])
"""
TESTS = """
import sys

def value():
    return sys.modules["__main__"].VALUE[0]

def test_is_small():
    assert value() < 3

def test_is_odd():
    assert value() % 2

def test_is_new():
    assert value() != 1
"""


def test_each_mutant_is_tried_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_values.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-c", TRIALS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("result")]
    assert found == [
        "result 2 killed test_values.py::test_is_odd",
        "result 0 no mutant None",
        "result 1 survived None",
        "result 3 killed test_values.py::test_is_small",
    ], done.stdout + done.stderr
