"""The explorer sees every schedule of a scope, once, however the work is divided."""

from collections.abc import Iterator

import pytest

from domain.options import ThreadSettings
from tests.model.actors import ROWS
from tests.model.explorer import explore
from tests.model.schedule import told
from tests.model.world import Scope, State, World

SMALL = Scope("small", {"prompts": 2, "trouble": 1})
SCOPES = (
    Scope("items", {"prompts": 1, "items": 1, "approvals": 1, "failures": 1, "trouble": 1}),
    Scope("changes", {"prompts": 2, "changes": 1, "compactions": 1, "rewinds": 1}),
    Scope("rewinds", {"prompts": 2, "rewinds": 1, "compactions": 1, "failures": 1}),
    Scope("three failures", {"prompts": 4, "failures": 3}, depth=10),
    Scope("no steers", {"prompts": 3}, ThreadSettings(steerable=False)),
    Scope("discard", {"prompts": 2, "trouble": 1}, ThreadSettings(queue_on_interrupt="discard")),
)


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
def test_no_schedule_breaks_a_law(scope: Scope) -> None:
    report = explore(scope)
    assert report.breach is None, told(scope, report.breach)
    assert report.complete == (scope.depth is None)


def test_two_processes_see_what_one_sees() -> None:
    one, two = explore(SMALL), explore(SMALL, processes=2)
    assert (one.depth, one.complete) == (two.depth, two.complete)
    for count in ("states", "moves", "shapes", "schedules"):
        assert getattr(one.count, count) == getattr(two.count, count), count


def test_states_are_those_a_plain_search_finds() -> None:
    """The same search in ten lines: no shards, no levels, no ways."""
    world = World(SMALL)
    seen: set[State] = set()
    waiting = [world.first()]
    while waiting:
        state = waiting.pop()
        if state not in seen:
            seen.add(state)
            waiting.extend(move.to for move in world.moves(state) if move.to is not None)
    assert len(seen) == explore(SMALL).count.states


def test_a_depth_ends_the_search() -> None:
    report = explore(Scope("shallow", SMALL.budgets, depth=3))
    assert (report.depth, report.complete) == (3, False)
    assert "up to 3 steps" in str(report)


def test_every_command_is_given_and_takes_effect_somewhere() -> None:
    """A row that never does anything would be covered in name only."""
    effective = {number for scope in SCOPES[:2] for number in _effective(scope)}
    assert {row.says for number, row in enumerate(ROWS) if number not in effective} == set()


def _effective(scope: Scope) -> Iterator[int]:
    world = World(scope)
    seen = {world.first()}
    waiting = list(seen)
    while waiting and len(seen) < 20_000:
        new = {m.to for state in waiting for m in world.moves(state) if m.to is not None} - seen
        seen |= new
        waiting = sorted(new)
    for shape in world.shapes.known.values():
        yield from (number for (number, _, _), effect in shape.effects.items() if effect.changes)
