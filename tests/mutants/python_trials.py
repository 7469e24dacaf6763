"""Mutants of the domain, and the tests that enter the function that a mutant is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from tests.mutants.edit import ROOT, Edit, tell
from tests.mutants.laws_quick import Verdicts
from tests.mutants.options import Options
from tests.mutants.python import mutants
from tests.mutants.swapping import Functions, Module, Place
from tests.mutants.trial import Result, Trials

TESTS: Final = (
    "tests/domain",
    # It breaks the product itself, and takes long.
    "--ignore=tests/domain/test_machine_can_fail.py",
    "tests/projections/test_replay.py",
    "tests/projections/test_timeline.py",
    "tests/projections/test_verify.py",
    "tests/adapters/test_codec.py",
    "tests/adapters/test_threads.py",
    "tests/adapters/test_audit.py",
    "tests/adapters/memory",
    "tests/adapters/importers/test_history.py",
)
# What a mutant may cost most comes first, in case the time runs out.
_FIRST: Final = ("domain/decide/", "domain/thread", "domain/turn", "domain/inbox", "domain/exec")


def run(trials: Trials, options: Options) -> Iterator[Result]:
    """All mutants of the files that are asked for."""
    modules = {module.file: module for module in map(Module.at, (ROOT / "domain").rglob("*.py"))}
    failed = set(trials.measure(trials.items, lambda _edit: True, ROOT / "domain"))
    if failed:
        tell(f"Left out, as they fail without a mutant: {sorted(failed)}")
    functions, laws = Functions(modules), Verdicts()
    ways = _tests_by_function(trials, modules, failed)
    files = sorted(modules, key=lambda file: (not file.startswith(_FIRST), file))
    edits = (edit for file in files for edit in mutants(modules[file]) if options.wants(edit))
    yield from trials.judge(
        edits,
        lambda edit: ways.get(_place(modules, edit), ()),
        lambda edit: edit is not None and functions.swap(edit),
        processes=options.processes,
        seconds=options.seconds,
        quickly=lambda edit: laws.notices(edit.file),
    )


def _place(modules: dict[str, Module], edit: Edit) -> Place:
    first = modules[edit.file].function_at(edit.line)
    assert first is not None
    return edit.file, first


def _tests_by_function(
    trials: Trials, modules: dict[str, Module], failed: set[str]
) -> dict[Place, Sequence[pytest.Item]]:
    found: dict[Place, list[pytest.Item]] = {}
    for item in trials.items:
        if item.nodeid in failed:
            continue
        places: set[Place] = set()
        for path, line in trials.known.entered[item.nodeid]:
            file = path.removeprefix(f"{ROOT}/")
            first = modules[file].function_at(line)
            if first is not None:  # else a module or the body of a class
                places.add((file, first))
        for place in places:
            found.setdefault(place, []).append(item)
    return {place: tuple(items) for place, items in found.items()}
