"""Thousands of things to do, made of one number; and the shortest part of them that still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, get_args

from domain.options import SettingsChange, TurnOptions
from tests.strategies import DELIVERIES, EVERY, MODELS, OFTEN, POLICIES, STATUSES, Kind, Move

What = Literal["move", "again", "misuse", "fork", "forget"]

WHATS: Final[tuple[What, ...]] = get_args(What)
WEIGHTS: Final = (1_000, 40, 20, 2, 10)
KINDS: Final[tuple[Kind, ...]] = (*EVERY, *OFTEN)
TEXTS: Final = ("a", "two words", "", " \n", "a\0b", "\ud83d", "x" * 300, "日本語")
# Mostly the first thread, so that its history gets long.
PLACES: Final = (0, 0, 0, 0, 0, 0, 1, 2, 3, 4)
TRIALS: Final = 400
"""So many parts of a schedule are tried to find a short one."""


@dataclass(frozen=True)
class Deed:
    """One thing that is done to the thread of that number (of those there are), by process `who`.

    It is aimed when it is done, so any part of a schedule is a schedule.
    """

    what: What
    at: int
    who: int
    pick: int
    move: Move


def random_deeds(seed: int, count: int) -> list[Deed]:
    """The same ones for the same seed."""
    random = Random(seed)
    return [_deed(random) for _ in range(count)]


def _deed(random: Random) -> Deed:
    (what,) = random.choices(WHATS, WEIGHTS)
    at, who = random.choice(PLACES), random.randrange(2)
    return Deed(what, at, who, random.randrange(1_000), _move(random))


def _move(random: Random) -> Move:
    model, cleared = random.choice(MODELS)
    return Move(
        kind=random.choice(KINDS),
        pick=random.randrange(8),
        wrong=random.randrange(8) == 7,
        text=random.choice(TEXTS),
        delivery=random.choice(DELIVERIES),
        queued=random.choice(POLICIES),
        status=random.choice(STATUSES),
        settings=SettingsChange(
            options=TurnOptions(model=model),
            cleared=cleared,
            queue_on_interrupt=random.choice(POLICIES),
            steerable=random.choice((True, None, False)),
        ),
    )


def shortest(deeds: Sequence[Deed], fails: Callable[[Sequence[Deed]], bool]) -> Sequence[Deed]:
    """A part of the deeds that fails and of which nothing can be left out, if that is found soon.

    Larger pieces are left out first (Zeller's delta debugging).
    """
    piece, trials = len(deeds) // 2, 0
    while piece and trials < TRIALS:
        start, smaller = 0, False
        while start < len(deeds) and trials < TRIALS:
            rest = [*deeds[:start], *deeds[start + piece :]]
            trials += 1
            if fails(rest):
                deeds, smaller = rest, True
            else:
                start += piece
        piece = piece if smaller and piece == 1 else piece // 2
    return deeds
