"""Random schedules run for real, with nothing shared: what the explorer makes of them is so.

After each step the real thread has the form the explorer's state says, and every law holds over the
whole real history.
"""

import random
from collections.abc import Sequence

import pytest

from domain.options import ThreadSettings
from tests.model.schedule import Rehearsal, Step
from tests.model.world import Scope, World

WIDE = Scope(
    "wide",
    {
        "prompts": 5,
        "trouble": 4,
        "compactions": 1,
        "rewinds": 2,
        "items": 2,
        "approvals": 2,
        "changes": 3,
        "failures": 4,
    },
)
SETTINGS = {
    "as usual": ThreadSettings(),
    "continue": ThreadSettings(queue_on_interrupt="continue"),
    "no steers": ThreadSettings(steerable=False, queue_on_interrupt="discard"),
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_random_schedule_is_what_the_explorer_takes_it_for(seed: int, settings: str) -> None:
    chance = random.Random(f"{seed} {settings}")
    rehearsal = Rehearsal(World(Scope("wide", WIDE.budgets, SETTINGS[settings])))
    story: list[Step] = []
    while (moves := rehearsal.moves()) and len(story) < 30:
        try:
            story.append(rehearsal.step(chance.randrange(len(moves))))
        except AssertionError:
            print("\n".join(map(str, story)))  # noqa: T201  (the way there)
            raise
    assert len(story) > 5


def test_every_schedule_of_three_steps_is_too() -> None:
    """Not chosen by chance, and each from the beginning."""
    world = World(Scope("short", {"prompts": 2, "trouble": 1, "changes": 1, "compactions": 1}))
    paths: list[tuple[int, ...]] = [()]
    for _ in range(3):
        paths = [(*path, number) for path in paths for number in range(_played(world, path))]
    for path in paths:
        _played(world, path)
    assert len(paths) > 500


def _played(world: World, path: Sequence[int]) -> int:
    """The schedule of that path, for real; the number of moves there are then."""
    rehearsal = Rehearsal(world)
    for number in path:
        rehearsal.step(number)
    return len(rehearsal.moves())
