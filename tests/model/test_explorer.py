"""The explorer sees every schedule of a scope, once, however the work is divided."""

from collections.abc import Collection, Iterator

import pytest

from domain.events.turn import TurnCompleted
from domain.options import ThreadSettings
from domain.thread import Thread
from tests.model import shapes
from tests.model.actors import ROWS
from tests.model.explorer import Report, explore
from tests.model.forking import Fork, forked
from tests.model.real import History
from tests.model.schedule import told
from tests.model.world import Scope, State, World

SMALL = Scope("small", {"prompts": 2, "trouble": 1})
# Between them each command takes effect.
EVERY_COMMAND = (
    Scope("items", {"prompts": 1, "items": 1, "approvals": 1, "failures": 1, "trouble": 1}),
    Scope("changes", {"prompts": 2, "changes": 1, "compactions": 1, "rewinds": 1}),
    Scope("rewinds", {"prompts": 2, "rewinds": 1, "compactions": 1, "failures": 1}),
    Scope("from nothing", {"prompts": 2, "trouble": 1}, from_nothing=True),
)
SCOPES = (
    Scope("no steers", {"prompts": 3}, ThreadSettings(steerable=False)),
    Scope("discard", {"prompts": 2, "trouble": 1}, ThreadSettings(queue_on_interrupt="discard")),
)


def lawful(scope: Scope) -> Report:
    """What the explorer saw of that scope: everything, and nothing wrong."""
    report = explore(scope)
    assert report.breach is None, told(scope, report.breach)
    assert report.complete
    assert report.strays == 0, "a fork that is none of the threads explored"
    return report


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
def test_no_schedule_breaks_a_law(scope: Scope) -> None:
    lawful(scope)


def test_every_command_is_given_and_takes_effect_somewhere() -> None:
    """A row that never does anything would be covered in name only."""
    effective = {number for scope in EVERY_COMMAND for number in lawful(scope).effective}
    assert [row.says for number, row in enumerate(ROWS) if number not in effective] == []


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


def test_a_thread_is_forked_between_an_end_of_each_kind_and_its_drain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if the thread is then one that was found before: to its next turn all ends are alike."""
    ends: set[str] = set()

    def noting(history: History, thread: Thread, names: Collection[str]) -> Iterator[Fork]:
        last = [e.event for e in history if e.event.command_id == history[-1].event.command_id]
        ends.update(event.status for event in last[:-1] if isinstance(event, TurnCompleted))
        yield from forked(history, thread, names)

    monkeypatch.setattr(shapes, "forked", noting)
    lawful(Scope("ends", {"prompts": 2, "failures": 1}))
    assert ends == {"completed", "failed", "interrupted"}
