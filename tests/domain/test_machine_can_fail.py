"""The state machine finds each mistake that is made on purpose, so it looks where it should.

The mistakes are those the explorer has to find, too (`tests/model/test_breakers.py`).
"""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from domain.errors import TurnlogError
from tests.domain.machine import Runtime
from tests.model.bugs import BUGS, TABLE, Bug

# The same examples in every run. The first failure ends the search.
SEARCH = settings(
    max_examples=200,
    stateful_step_count=12,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_hypothesis_finds_the_mistake(bug: Bug) -> None:
    with bug.made(), pytest.raises((AssertionError, TurnlogError)) as found:
        run_state_machine_as_test(Runtime, settings=SEARCH)
    # It may break another law before its own, or keep the service from answering.
    told = re.search(rf"L\d|{TABLE}", str(found.value))
    assert told or isinstance(found.value, TurnlogError), found.value
