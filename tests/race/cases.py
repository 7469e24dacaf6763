"""Races as values: two calls, the two orders they can have, and how each order is forced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from domain.errors import LeaseLost, Refused
from tests.race.arena import Act, Point

Told = tuple[str, ...] | type[Refused]
"""What one call does: the events it appends, or the refusal it gets."""

Who = Literal["one", "other"]


@dataclass(frozen=True)
class Order:
    """What comes of a race in one order."""

    first: Told
    second: Told


@dataclass(frozen=True)
class Race:
    """Two calls after that past. `stops` says which of them is stopped while the other comes;
    `takes_lease` that they take the lease first, one after the other."""

    name: str
    past: tuple[Act, ...]
    one: Act
    other: Act
    one_first: Order
    other_first: Order
    stops: tuple[Who, ...] = ("one", "other")
    takes_lease: bool = False


@dataclass(frozen=True)
class Case:
    """A race in which one call is stopped at a point, and the other comes meanwhile."""

    race: Race
    stops: Who
    point: Point

    def __str__(self) -> str:
        return f"{self.race.name}, {self.stops} stopped, {self.point.name.lower()}"

    @property
    def acts(self) -> tuple[Act, Act]:
        """Of who is stopped, and of who comes meanwhile."""
        race = self.race
        return (race.one, race.other) if self.stops == "one" else (race.other, race.one)

    @property
    def orders(self) -> tuple[Order, Order]:
        """Where who is stopped is first, and where who comes meanwhile is."""
        orders = self.race.one_first, self.race.other_first
        return orders if self.stops == "one" else (orders[1], orders[0])


@dataclass(frozen=True)
class Batch:
    """A race whose calls are decided on the same state, and written in one batch."""

    race: Race
    first: Who

    def __str__(self) -> str:
        return f"{self.race.name}, {self.first} first"

    @property
    def acts(self) -> tuple[Act, Act]:
        """In the order in which they are written."""
        race = self.race
        return (race.one, race.other) if self.first == "one" else (race.other, race.one)

    @property
    def order(self) -> Order:
        return self.race.one_first if self.first == "one" else self.race.other_first


def batches(races: Iterable[Race]) -> Iterator[Batch]:
    """Every race in which both append something if they are first."""
    for race in races:
        firsts = race.one_first.first, race.other_first.first
        if not race.takes_lease and all(map(asks_the_log, firsts)):
            yield Batch(race, "one")
            yield Batch(race, "other")


def cases(races: Iterable[Race]) -> Iterator[Case]:
    """Every race, at every point to which who is stopped comes."""
    for race in races:
        for who in race.stops:
            for point in Point:
                case = Case(race, who, point)
                if point in _points_of(case.orders[0].first):
                    yield case


def _points_of(told: Told) -> tuple[Point, ...]:
    """A call that is refused by its decision comes to no append; one that has lost its lease hears
    so from the append itself."""
    if isinstance(told, tuple):
        return tuple(Point)
    return (Point.LOADED, Point.DECIDED) if told is LeaseLost else (Point.LOADED,)


def asks_the_log(told: Told) -> bool:
    """Whether a call that does this appends something, or tries to."""
    return told is LeaseLost or (isinstance(told, tuple) and told != ())
