"""Which troubles are told, how often, and when they are said to be over."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.errors import TurnlogError
from projections.troubles import REMIND_SECONDS, Troubles


class Lost(TurnlogError):
    """Lost: {why}."""


class Busy(TurnlogError):
    """Busy."""


@dataclass
class Told:
    """What was told, with a clock that is set by hand."""

    now: float = 0.0
    trouble: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def troubles(self) -> Troubles:
        return Troubles(
            lambda: self.now,
            lambda error: self.trouble.append(error.message),
            lambda error: self.over.append(error.message),
        )


def test_a_trouble_is_told_once_and_again_after_minutes() -> None:
    told = Told()
    troubles = told.troubles()
    while told.now < 2.5 * REMIND_SECONDS:
        troubles.meet(Busy())
        told.now += 1
    assert told.trouble == ["Busy."] * 3


def test_a_trouble_that_says_something_else_is_told_but_not_at_every_turn() -> None:
    told = Told()
    troubles = told.troubles()
    for _ in range(10):
        troubles.meet(Lost(why="cut"))
        troubles.meet(Lost(why="refused"))
    assert told.trouble == ["Lost: cut.", "Lost: refused."]


def test_the_end_is_told_once_with_what_it_was_last() -> None:
    told = Told()
    troubles = told.troubles()
    troubles.meet(Lost(why="cut"))
    troubles.meet(Lost(why="refused"))
    troubles.meet(Busy())
    troubles.end(Lost)
    troubles.end(Lost)
    assert told.over == ["Lost: refused."]
    troubles.end(TurnlogError)
    assert told.over == ["Lost: refused.", "Busy."]


def test_what_comes_back_after_its_end_is_told_again() -> None:
    told = Told()
    troubles = told.troubles()
    troubles.meet(Busy())
    troubles.end(TurnlogError)
    troubles.meet(Busy())
    assert told.trouble == ["Busy.", "Busy."]


def test_nobody_needs_to_listen() -> None:
    troubles = Troubles(lambda: 0.0)
    troubles.meet(Busy())
    troubles.end(TurnlogError)
