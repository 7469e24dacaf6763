"""Breadth-first search through every schedule of a scope, each state of the world once.

States are equal when they differ only in names, counters and time, so each is kept in a canonical
form (`symmetry.py`, `world.py`) and entered once. Why no breach of a law can hide in what is not
entered again:

- What a command does is a function of the folded thread and its arguments, by the shape of the
  code: `decide(…, command, thread)`, pure. The canonical form keeps every field of the folded
  thread but `seq` and `version`, which are counted and decide nothing, and replaces ids by the
  order in which they appear. Ids are only ever compared, so a renamed thread gets a renamed answer.
  An id that the thread no longer names is to it like any unknown one, so actors that refer to
  such ids share one reference for all of them.
- A law reads the whole history, but of what was it needs only what `remembered.py` lists to judge
  what comes: at every step that is computed from the events, by the laws' own means, and compared
  with the fold. So it is a function of the canonical form, and two histories that lead to one form
  are one to every law from there on. That an ended id must not come back (L2, L9) needs no
  memory: no state names it, every command that may still carry one is given, and what it
  appends or answers is judged.
- What a step appends is judged at every pair of shape and command, not at every new shape only,
  with the predicates of `domain/laws.py` over a whole history that led there. So steps that lead
  to a known state are judged as well.
- A command is decided on what its process remembers, which may be old. Each is given twice, by a
  process that knows the thread and by one that has missed the last command: `execution.py` must
  make the same of both. So a race is a command that comes later, and needs no state of its own;
  what is kept of a client that waits is what it has chosen to do.
- A worker's command is given three times: with the lease, with one that has passed on, without.
- A command whose answer was lost is given again to a log that has a record of it. The record is a
  stand-in, as of what was recorded only the receipt and the thread decide.

None of this is taken on trust alone: `test_schedule.py` runs random schedules for real, without any
sharing, and compares each state; and every counterexample is run for real before it is shown.

Not seen here: L12 beyond the fold (read models: `tests/projections`, `turnlog verify`), L13 beyond
one thread (the store's numbers, and who may read them when: `tests/contracts`, `tests/adapters`),
and what happens inside one append (`tests/faults`).
"""

from __future__ import annotations

import marshal
import multiprocessing
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NamedTuple

from tests.model.judging import Fault
from tests.model.shapes import Shape
from tests.model.world import Scope, State, World

# What a state of the frontier carries: the numbers of the moves that lead to it (two bytes each),
# and how many shortest schedules do.
Way = tuple[bytes, int]


class Breach(NamedTuple):
    """A schedule that breaks a law with its last move."""

    path: bytes
    faults: tuple[Fault, ...]

    @property
    def depth(self) -> int:
        return len(self.path) // 2


@dataclass
class Count:
    """What a shard has seen so far."""

    states: int = 0
    moves: int = 0
    quiet: int = 0
    shapes: int = 0
    commands: int = 0
    schedules: int = 0
    cpu: float = 0  # seconds

    def __add__(self, other: Count) -> Count:
        mine, theirs = vars(self), vars(other)
        return Count(**{name: mine[name] + theirs[name] for name in mine})


class Parcel(NamedTuple):
    """What one shard has for another: states with their ways, and the shapes it may not know."""

    states: bytes
    shapes: bytes


@dataclass
class Level:
    """One shard's part of one level."""

    parcels: list[Parcel]
    breach: Breach | None
    count: Count


@dataclass
class Shard:
    """The part of all states whose shapes fall to this shard."""

    scope: Scope
    place: int
    of: int
    visited: set[State] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.world = World(self.scope)
        self._sent: list[set[bytes]] = [set() for _ in range(self.of)]
        self._mine: set[bytes] = set()
        self._moves = self._schedules = 0
        self._began = time.process_time()

    def first(self) -> list[Parcel]:
        """The first state, for whichever shard it falls to."""
        return self._packed({self.world.first(): (b"", 1)})

    def level(self, parcels: list[Parcel]) -> Level:
        """Enters those states that are new, and takes every move from them."""
        breach: Breach | None = None
        following: dict[State, Way] = {}
        for state, (path, ways) in self._entered(parcels).items():
            self._schedules += ways
            for number, move in enumerate(self.world.moves(state)):
                self._moves += 1
                longer = path + number.to_bytes(2, "big")
                if move.to is None:
                    found = Breach(longer, move.faults)
                    breach = min(breach, found) if breach else found
                elif move.to not in self.visited:
                    known = following.get(move.to)
                    more = (known[0], known[1] + ways) if known else (longer, ways)
                    following[move.to] = more
        return Level(self._packed(following), breach, self._count())

    def _entered(self, parcels: list[Parcel]) -> dict[State, Way]:
        entered: dict[State, Way] = {}
        for parcel in parcels:
            for shape in pickle.loads(parcel.shapes):
                self._learn(shape)
            for state, path, ways in marshal.loads(parcel.states):
                if state in entered:
                    shortest, before = entered[state]
                    entered[state] = (min(shortest, path), before + ways)
                elif state not in self.visited:
                    entered[state] = (path, ways)
        self.visited.update(entered)
        self._mine.update(state[:8] for state in entered)
        return entered

    def _learn(self, shape: Shape) -> None:
        self.world.shapes.known.setdefault(shape.key, shape)

    def _packed(self, states: dict[State, Way]) -> list[Parcel]:
        """The states, each to the shard that its shape falls to."""
        piles: list[list[tuple[State, bytes, int]]] = [[] for _ in range(self.of)]
        for state, (path, ways) in states.items():
            piles[state[0] % self.of].append((state, path, ways))
        return [self._parcel(to, pile) for to, pile in enumerate(piles)]

    def _parcel(self, to: int, pile: list[tuple[State, bytes, int]]) -> Parcel:
        new = {state[:8] for state, _, _ in pile} - self._sent[to]
        self._sent[to] |= new
        shapes = [self.world.shapes.known[key].bare() for key in sorted(new)]
        return Parcel(marshal.dumps(pile), pickle.dumps(shapes))

    def _count(self) -> Count:
        world = self.world
        return Count(
            states=len(self.visited),
            moves=self._moves,
            quiet=world.quiet,
            shapes=len(self._mine),
            commands=world.shapes.commands,
            schedules=self._schedules,
            cpu=time.process_time() - self._began,
        )


@dataclass
class Report:
    """What an exploration saw. `complete` when no schedule of the scope was left out."""

    scope: Scope
    count: Count
    depth: int
    complete: bool
    breach: Breach | None
    seconds: float

    def __str__(self) -> str:
        count = self.count
        how_far = "of any length" if self.complete else f"of up to {self.depth} steps"
        return (
            f"{self.scope.name}: {count.states:,} states of the world ({count.shapes:,} of the"
            f" thread), {count.moves + count.quiet:,} transitions ({count.quiet:,} change nothing),"
            f" {count.commands:,} commands given to the service; all schedules {how_far}, "
            f"{count.schedules:,} shortest ones, the longest with {self.depth} steps;"
            f" {self.seconds:.0f} s ({count.cpu:.0f} s of CPU)"
        )


Progress = Callable[[int, Count, float], None]


def explore(scope: Scope, *, processes: int = 1, progress: Progress | None = None) -> Report:
    """Every schedule of the scope, until a law breaks or none is left."""
    began = time.monotonic()
    depth, breach, count, left = 0, None, Count(), True
    with _shards(scope, processes) as run:
        parcels = Shard(scope, 0, processes).first()
        waiting = [[parcel] for parcel in parcels]
        while left and breach is None and depth != scope.depth:
            levels = run(waiting)
            waiting = [
                list(parcels) for parcels in zip(*(lv.parcels for lv in levels), strict=True)
            ]
            breach = min((lv.breach for lv in levels if lv.breach), default=None)
            before, count = count, sum((lv.count for lv in levels), Count())
            left = count.states > before.states
            depth += left
            if progress:
                progress(depth, count, time.monotonic() - began)
    # A level that is empty ends the search; one that is not judged schedules a step longer.
    steps = depth if left else depth - 1
    return Report(scope, count, steps, not left, breach, time.monotonic() - began)


Run = Callable[[list[list[Parcel]]], list[Level]]


@contextmanager
def _shards(scope: Scope, processes: int) -> Iterator[Run]:
    """Something that runs a level on all shards: here, or each in a process of its own."""
    if processes == 1:
        shard = Shard(scope, 0, 1)
        yield lambda waiting: [shard.level(waiting[0])]
        return
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    children = []
    for place in range(processes):
        here, there = context.Pipe()
        child = context.Process(target=_serve, args=(there, scope, place, processes), daemon=True)
        child.start()
        there.close()
        pipes.append(here)
        children.append(child)

    def run(waiting: list[list[Parcel]]) -> list[Level]:
        for pipe, parcels in zip(pipes, waiting, strict=True):
            pipe.send(parcels)
        return [pipe.recv() for pipe in pipes]

    try:
        yield run
    finally:
        for pipe in pipes:
            pipe.close()
        for child in children:
            child.join()


def _serve(pipe: Connection, scope: Scope, place: int, of: int) -> None:
    """A shard's process, until its pipe is closed."""
    shard = Shard(scope, place, of)
    while True:
        try:
            parcels = pipe.recv()
        except EOFError:
            return
        pipe.send(shard.level(parcels))
