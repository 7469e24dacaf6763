"""One process that dies at a named point, and the one that carries on."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

from adapters.composition import OpenDatabase, Turnlog
from tests.crashes.effects import COMMIT, LATE, is_known
from tests.crashes.process import SETTINGS, Given, Stage, Work, live
from tests.crashes.wire import DEADLY, Fate, Wire
from tests.fixtures.patience import PATIENCE

FULL: Final = "TURNLOG_TEST_CRASHES" in os.environ
"""Every point there is; else those that leave another world behind than the point before."""
TWICE: Final = os.environ.get("TURNLOG_TEST_CRASHES") == "twice"
"""And who carries on dies as well, at every point of that."""

WORKS: Final = ("commands", "turns", "tables", "imports")
"""The modules with what processes do."""

Asked = Callable[[str, Given], None]
"""What somebody else does when the process asks for it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The so-manieth of that name in the life of a process; perhaps inside of a transaction."""

    name: str
    number: int
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process dies."""

    fate: Fate
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.fate} {self.name} {self.number}"


@dataclass
class World:
    """What was done outside of the database, in order, by whichever process: (name, detail)."""

    done: list[tuple[str, Any]] = field(default_factory=list)

    def of(self, name: str) -> list[Any]:
        """The details of what is called that."""
        return [detail for done, detail in self.done if done == name]


class Life:
    """The life of one process: who lets it die, and what it did."""

    def __init__(self, *points: Point | None) -> None:
        self._fates = {(p.name, p.number): p.fate for p in points if p is not None}
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.is_over = False
        self.effects: list[Effect] = []
        self.unknown: set[str] = set()
        self._born = threading.Event()
        self._process_id = 0

    def begins(self, process_id: int) -> None:
        """The process is there."""
        self._process_id = process_id
        self._born.set()

    def comes(self, name: str, *, inside: bool = False) -> Fate:
        """See `wire.Gate`."""
        with self._lock:
            if self.is_over:
                return "gone"
            self._note(name)
            self._counts[name] += 1
            effect = Effect(name, self._counts[name], inside)
            self.effects.append(effect)
            fate = self._fates.get((name, effect.number), "goes on")
            self.is_over = fate in DEADLY
            return fate

    def see(self, name: str) -> None:
        """See `wire.Gate`."""
        self._note(name)

    def kill(self) -> None:
        """See `wire.Gate`."""
        assert self._born.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process_id, signal.SIGKILL)

    def _note(self, name: str) -> None:
        if not is_known(name):
            self.unknown.add(name)


def points(effects: Sequence[Effect], where: str = "", *, full: bool = FULL) -> Iterator[Point]:
    """Every point at which a process can die that does that; or only those that say `where`.

    What a process knew is gone with it. So before something the world is as it is after what came
    before that, and `full` makes a difference only for who does not believe it: then a process dies
    before everything, and after each statement of a transaction, not only at its commit; and what
    a server can still be at when a process is dead is done late.
    """
    begun: set[str] = set()
    for effect in effects:
        is_first = not begun or (effect.name.startswith(COMMIT) and effect.name not in begun)
        begun.add(effect.name)
        for fate in _fates(effect, is_first=is_first, full=full):
            point = Point(fate, effect.name, effect.number)
            if where in str(point):
                yield point


def _fates(effect: Effect, *, is_first: bool, full: bool) -> Sequence[Fate]:
    if effect.inside:
        return ("before", "after") if full else ()
    if full and effect.name in LATE:
        return "before", "after", "late"
    return ("before", "after") if full or is_first else ("after",)


class Stand:
    """Starts processes on a database, one after the other."""

    def __init__(self, user: Turnlog, asked: Asked) -> None:
        self._user = user
        self._asked = asked
        self._context = multiprocessing.get_context("forkserver")
        # Each is forked from one that has everything imported, and nothing else. (That of pytest is
        # because a new process runs the file that runs us, which imports it.)
        self._context.set_forkserver_preload(
            ["pytest", *(f"tests.crashes.{name}" for name in WORKS)]
        )

    def live(
        self,
        work: Work,
        given: Given,
        world: World,
        point: Point | None = None,
        mishap: Point | None = None,
    ) -> tuple[Life, Wire]:
        """One process, to its end. Fails if that is not the end that it was to have.

        It dies at the `point`, and loses a connection before that at the `mishap`.
        """
        life = Life(point, mishap)
        wire = Wire(self._user.database, life)
        ours, its = self._context.Pipe()
        process = self._context.Process(
            target=live, args=(work, wire.database.url, given, its), daemon=True
        )
        process.start()
        its.close()
        assert process.pid is not None
        life.begins(process.pid)
        try:
            self._converse(ours, life, given, world)
        finally:
            process.kill()
            process.join(PATIENCE)
            ours.close()
            wire.settle()
        assert point is None or life.is_over, f"it never came to {point}"
        assert not life.unknown, f"name these in tests/crashes/effects.py: {life.unknown}"
        return life, wire

    def carry_on(self, work: Work, given: Given, world: World) -> Sequence[Effect]:
        """A new process does it, and lives. What it does, if that is known.

        It has nothing in memory. Unless all is asked for, it is one only so far, for what costs is
        its connections: it is here, and takes those of the user. So the work must be of a kind that
        changes nothing but what it is given.
        """
        if FULL:
            return self.live(work, given, world)[0].effects
        user = self._user
        with contextlib.closing(Turnlog(SETTINGS, OpenDatabase(user.database), user.pool)) as new:
            work(new, given, Here(world, lambda what: self._asked(what, given)))
        return ()

    def _converse(self, line: Pipe, life: Life, given: Given, world: World) -> None:
        while True:
            assert line.poll(PATIENCE), "nothing came of the process"
            try:
                kind, what, detail = line.recv()
            except (EOFError, OSError):
                assert life.is_over, "the process died by itself"
                return
            if kind == "done":
                assert not life.is_over, "the process outlived its death"
                return
            if kind == "failed":
                raise AssertionError(f"the process failed: {what}")
            if kind == "ask":
                self._asked(what, given)
            elif kind == "effect" and not self._happens(life, what, detail, world):
                life.kill()
                continue  # until the line ends
            with contextlib.suppress(OSError):
                line.send("done")

    def _happens(self, life: Life, what: str, detail: Any, world: World) -> bool:
        """Whether the process goes on after it."""
        fate = life.comes(what)
        if fate in ("goes on", "after"):
            world.done.append((what, detail))
        return fate == "goes on"


class Here(Stage):
    """The world outside for work in this process, which goes on whatever it does."""

    def __init__(self, world: World, asked: Callable[[str], None]) -> None:
        self._world = world
        self._asked = asked

    def effect(self, name: str, detail: Any = None) -> None:
        self._world.done.append((name, detail))

    def ask(self, what: str) -> None:
        self._asked(what)


def names(effects: Sequence[Effect]) -> list[str]:
    """Their names in order, without what is inside of a transaction."""
    return [effect.name for effect in effects if not effect.inside]


def commits(name: str) -> str:
    """The name of the commit of a transaction whose last effect is called that."""
    return f"{COMMIT} {name}"
