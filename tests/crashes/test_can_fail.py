"""Defects that show only when a process dies at the wrong moment, each found by these tests."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import pytest

from domain.errors import TurnlogError
from tests.crashes import broken, test_commands, test_tables, test_turns
from tests.crashes.site import Site

IDLE = "submit to an idle thread"


class Trials(Protocol):
    def run(self) -> list[str]: ...


class Make(Protocol):
    def __call__(self, *, site: Site, where: str) -> Trials: ...


DEFECTS: dict[str, tuple[str, Make]] = {
    "a prompt is sent again under another id": (
        "after append_batch 1",
        partial(test_commands.Trials, work=broken.fresh_id, name=IDLE),
    ),
    "a command is two appends": (
        "after append_batch 1",
        partial(test_commands.Trials, work=broken.in_two_appends, name=IDLE),
    ),
    "a turn whose worker was lost is run again": (
        "after engine starts 1",
        partial(test_turns.Trials, work=broken.lost_turns_run_again, prompt="stop"),
    ),
    "the old tables are dropped before the new ones are in place": (
        "after COMMIT DROP TABLE 1",
        partial(test_tables.Rebuilds, work=broken.dropped_before),
    ),
}
"""Each with the point at which it is found."""


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found_where_it_shows(defect: str, site: Site) -> None:
    where, trials = DEFECTS[defect]
    with pytest.raises((AssertionError, TurnlogError)) as found:
        trials(site=site, where=where).run()
    assert any(where in note for note in found.value.__notes__), found.value.__notes__
