"""Random schedules run for real, with nothing shared: what the explorer makes of them is so.

After each step the real thread has the form the explorer's state says, and every law holds over the
whole real history.
"""

import random
from collections.abc import Iterator

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
    """Not chosen by chance."""
    world = World(Scope("short", {"prompts": 2, "trouble": 1, "changes": 1, "compactions": 1}))
    schedules = [Rehearsal(world)]
    for _ in range(3):
        schedules = [longer for schedule in schedules for longer in _longer(schedule)]
    assert len(schedules) > 500


def _longer(schedule: Rehearsal) -> Iterator[Rehearsal]:
    """That schedule with one more step, in every way there is."""
    for number in range(len(schedule.moves())):
        longer = schedule.copied()
        longer.step(number)
        yield longer
