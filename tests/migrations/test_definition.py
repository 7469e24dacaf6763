"""What changes gets a new number: by it older code knows that read models are newer than it, and
every code which snapshots are of use to it."""

from __future__ import annotations

import pytest

from projections import registry
from projections.registry import NUMBER, definition, is_newer
from tests.migrations.definition import current, noted

HOW_TO = (
    "the tables of the read models, or how they are filled, changed: raise NUMBER in "
    "projections/registry.py, then note it with: python -m tests.migrations.definition"
)


HOW_TO_FOLD = (
    "a kept log folds to another state: raise FOLD_VERSION in domain/thread.py (unless the state "
    "only has more fields, or there are more logs), then note it with: "
    "python -m tests.migrations.definition"
)


def test_a_number_belongs_to_one_definition_of_the_read_models() -> None:
    assert current()["read models"] == noted()["read models"], HOW_TO


def test_a_version_of_the_fold_makes_the_same_states_for_ever() -> None:
    assert current()["states"] == noted()["states"], HOW_TO_FOLD


@pytest.mark.parametrize(
    ("made_by", "newer"),
    [
        (definition(), False),
        (f"{NUMBER + 1}.ab", True),
        (f"{NUMBER}.ab", False),
        (f"{NUMBER - 1}.ab", False),
        ("99ab", False),  # of before there were numbers
        ("", False),
    ],
)
def test_a_higher_number_is_newer(made_by: str, newer: bool) -> None:
    assert is_newer(made_by) is newer


def test_the_definition_begins_with_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "NUMBER", NUMBER + 1)
    newer = definition.__wrapped__()
    assert newer == f"{NUMBER + 1}.{definition().partition('.')[2]}"
