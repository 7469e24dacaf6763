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
- A command is decided on what its process remembers, which may be old. Each is given three times:
  by a process that knows the thread, by one that has missed the last command, and by one that has
  missed all. `execution.py` must make the same of them, as it asks the log whenever it cannot
  append to what it knows. So a race is a command that comes later, and needs no state of its own;
  what is kept of a client that waits is what it has chosen to do.
- A worker's command is given three times: with the lease, with one that has passed on, without; and
  in every state by zombies of all turns that are over. They change nothing, so that any number of
  them is as one.
- A command that a client can repeat is repeated at once, with its own record there; and if its
  answer was lost, whenever the client wakes up. That later record is a stand-in, as of what was
  recorded only the receipt and the thread decide.
- A thread is forked wherever its last command lets it be: when its form is new, and between an end
  and its drain also when it is not. The fork has the form of a thread that is explored
  (`Report.strays` are those that have not), so what can come of it is explored as well.

None of this is taken on trust alone: `test_schedule.py` runs random schedules for real, without any
sharing, and compares each state; and every counterexample is run for real before it is shown.

Not seen here: L12 beyond the fold (read models: `tests/projections`, `turnlog verify`), L13 beyond
one thread (the store's numbers, and who may read them when: `tests/contracts`, `tests/adapters`),
whether the store asks for the lease in the append's transaction (L14: `tests/contracts`), and what
happens inside one append (`tests/faults`).
"""

from __future__ import annotations

import marshal
import multiprocessing
import pickle
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NamedTuple

from tests.model.judging import Fault
from tests.model.shapes import Shape
from tests.model.world import Scope, State, World, bare

_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024
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
    bare: int = 0  # those that differ in more than what is left to spend; at the end only
    moves: int = 0
    quiet: int = 0
    shapes: int = 0
    commands: int = 0
    schedules: int = 0
    cpu: float = 0  # seconds
    memory: int = 0  # bytes, at most

    def __add__(self, other: Count) -> Count:
        mine, theirs = vars(self), vars(other)
        return Count(**{name: mine[name] + theirs[name] for name in mine})


class Parcel(NamedTuple):
    """What one shard has for another: states with their ways, and the shapes it may not know."""

    states: bytes
    shapes: bytes


@dataclass
class Level:
    """One shard's part of one level. `shapes` and `forks` are the forms that are new to it,
    `effective` the commands that have taken effect so far."""

    parcels: list[Parcel]
    breach: Breach | None
    count: Count
    shapes: set[bytes]
    forks: set[bytes]
    effective: set[int]


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
        self._forks: set[bytes] = set()
        self._moves = self._schedules = self._bare = 0
        self._began = time.process_time()

    def first(self) -> list[Parcel]:
        """The first state, for whichever shard it falls to."""
        return self._packed({self.world.first(): (b"", 1)})

    def level(self, parcels: list[Parcel]) -> Level:
        """Enters those states that are new, and takes every move from them."""
        breach: Breach | None = None
        following: dict[State, Way] = {}
        visited = self.visited
        entered = self._entered(parcels)
        if not entered:
            self._bare = len({bare(state) for state in visited})
        shapes = {state[:8] for state in entered} - self._mine
        self._mine |= shapes
        for state, (path, ways) in entered.items():
            moves = self.world.moves(state)
            self._schedules += ways
            self._moves += len(moves)
            for number, move in enumerate(moves):
                to = move.to
                if to is None:
                    found = Breach(path + number.to_bytes(2, "big"), move.faults)
                    breach = min(breach, found) if breach else found
                elif to not in visited:
                    known = following.get(to)
                    if known:
                        following[to] = (known[0], known[1] + ways)
                    else:
                        following[to] = (path + number.to_bytes(2, "big"), ways)
        forks = self.world.shapes.forks - self._forks
        self._forks |= forks
        parcels, effective = self._packed(following), self.world.shapes.effective
        return Level(parcels, breach, self._count(), shapes, forks, effective)

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
            bare=self._bare,
            moves=self._moves,
            quiet=world.quiet,
            shapes=len(self._mine),
            commands=world.shapes.commands,
            schedules=self._schedules,
            cpu=time.process_time() - self._began,
            memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT,
        )


@dataclass
class Report:
    """What an exploration saw. `complete` when no schedule of the scope was left out.

    `forks` are the forms of all forks, `strays` how many of them no thread that was seen has,
    `effective` the commands (in `ROWS`) that took effect somewhere.
    """

    scope: Scope
    count: Count
    depth: int
    complete: bool
    breach: Breach | None
    seconds: float
    forks: int
    strays: int
    effective: frozenset[int]

    def __str__(self) -> str:
        count = self.count
        how_far = "of any length" if self.complete else f"of up to {self.depth} steps"
        bare = f"{count.bare:,} but for what is left to spend, " if self.complete else ""
        strays = f", {self.strays} of them of no thread" if self.complete and self.strays else ""
        return (
            f"{self.scope.name}: {count.states:,} states of the world ({bare}{count.shapes:,} of"
            f" the thread), {count.moves + count.quiet:,} transitions ({count.quiet:,} change"
            f" nothing), {count.commands:,} commands given to the service; all schedules"
            f" {how_far}, {count.schedules:,} shortest ones, the longest with {self.depth} steps;"
            f" {self.forks:,} kinds of forks{strays}; {self.seconds:.0f} s ({count.cpu:.0f} s of"
            f" CPU, {count.memory / 1e6:,.0f} MB)"
        )


Progress = Callable[[int, Count, float], None]


def explore(scope: Scope, *, processes: int = 1, progress: Progress | None = None) -> Report:
    """Every schedule of the scope, until a law breaks or none is left."""
    began = time.monotonic()
    depth, breach, count, left = 0, None, Count(), True
    shapes: set[bytes] = set()
    forks: set[bytes] = set()
    effective: set[int] = set()
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
            shapes.update(*(lv.shapes for lv in levels))
            forks.update(*(lv.forks for lv in levels))
            effective.update(*(lv.effective for lv in levels))
            left = count.states > before.states
            depth += left
            if progress:
                progress(depth, count, time.monotonic() - began)
    # A level that is empty ends the search; one that is not judged schedules a step longer.
    steps = depth if left else depth - 1
    seconds = time.monotonic() - began
    strays = len(forks - shapes)
    did = frozenset(effective)
    return Report(scope, count, steps, not left, breach, seconds, len(forks), strays, did)


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
