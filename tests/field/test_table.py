"""docs/field-cases.md names tests that exist, and the tests here the cases they are about."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
OUT_OF_SCOPE = "out of scope: "
PROMPT_CASES, STORE_CASES = 79, 42  # as the collection has them: its first numbers have gaps


@dataclass(frozen=True)
class Case:
    """A row of the page. Its tests are named `function`, or `folder/file.py::function`."""

    number: str
    symptom: str
    here: str
    tests: tuple[str, ...]

    @property
    def key(self) -> tuple[bool, int]:
        return (self.number.startswith("E"), int(self.number.removeprefix("E")))


@cache
def cases() -> tuple[Case, ...]:
    lines = (DOCS / "field-cases.md").read_text(encoding="utf-8").splitlines()
    rows = [re.fullmatch(r"\| \[(E?\d+)\]\(\S+\) \| (.*) \| (.*) \| (.*) \|", r) for r in lines]
    return tuple(
        Case(row[1], row[2], row[3], tuple(re.findall(r"`([^`]+)`", row[4]))) for row in rows if row
    )


def functions(file: Path) -> Iterator[str]:
    """The tests in a file, those in classes included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test_"
        ):
            yield node.name


@cache
def told_here() -> tuple[str, ...]:
    """The tests of this folder that tell a case, as the page names them."""
    files = sorted(set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__)})
    return tuple(name for file in files for name in functions(file))


def numbers(test: str) -> list[str]:
    """The cases whose numbers are in the name."""
    found = re.match(r"test_((?:e?\d+_)+)", test)
    return found[1].upper().strip("_").split("_") if found else []


def test_the_page_has_each_number_once_and_in_order() -> None:
    keys = [case.key for case in cases()]
    assert keys == sorted(set(keys))
    assert len(keys) == PROMPT_CASES + STORE_CASES
    stores = [case.number for case in cases() if case.number.startswith("E")]
    assert stores == [f"E{number}" for number in range(1, STORE_CASES + 1)]
    lines = (DOCS / "field-cases.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("| [")]) == len(keys), "a row is odd"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.number)
def test_a_case_names_a_law_and_a_test_or_says_why_it_has_none(case: Case) -> None:
    assert case.symptom
    if case.here.startswith(OUT_OF_SCOPE):
        assert case.here != OUT_OF_SCOPE
        assert case.tests == ()
        return
    assert case.tests
    laws = (DOCS / "ordering.md").read_text(encoding="utf-8")
    named = re.findall(r"\b[LD]\d+\b", case.here)
    assert re.match(r"[LD]\d+\b", case.here)
    assert [law for law in named if f"\n- {law} " not in laws] == []


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.number)
def test_the_tests_of_a_case_exist(case: Case) -> None:
    for test in case.tests:
        file, _, function = test.rpartition("::")
        if file:
            assert function in functions(TESTS / file), test
        else:
            assert test in told_here()
            assert case.number in numbers(test), "another case's"


def test_every_test_here_is_on_the_page_by_each_of_its_numbers() -> None:
    named = {(case.number, test) for case in cases() for test in case.tests}
    told = {(number, test) for test in told_here() for number in numbers(test)}
    assert told - named == set()
    assert [test for test in told_here() if not numbers(test)] == [], "whose case is it?"
    assert len(set(told_here())) == len(told_here()), "two have one name"
