"""Shapes: the thread's part of the world, one for each canonical form, and what commands do to it.

A shape keeps one history that leads to it. A command's effect on it is found once, by giving it to
the real service there, and judged then (`judging.py`); in any other world of the same shape its
effect is the same but for names.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, NamedTuple

from domain.events.turn import TurnCompleted
from domain.options import ThreadSettings
from domain.ports import Fence, Lease
from domain.thread import Thread, fold
from tests.domain.model import Model
from tests.model.actors import AIMS, ROWS, Row, Who
from tests.model.forking import forked
from tests.model.judging import Fault, Trial, judged, judged_again
from tests.model.real import THREAD, Done, History, do, first_thread, record_of
from tests.model.symmetry import form_of
from tests.strategies import Call

# A reference of an actor to something in its thread: a byte.
NOTHING: Final = 0  # it names nothing
GONE: Final = 1  # to something the thread's state no longer names
NEW: Final = 2  # to what the command itself brings
FIRST: Final = 3  # to the shape's first name; the others follow

Refs = tuple[int, int, int]  # what the command brings, and its aims

_PREFIXES: Final = {"turn_id": "turn", "item_id": "item", "approval_id": "appr"}


class Effect(NamedTuple):
    """What a command does to a shape: where it leads and what the names there were before.

    `rename` is a table for `bytes.translate`, `own` what the command brought, afterwards. With
    `faults` it broke a law, and leads nowhere.
    """

    target: bytes | None
    rename: bytes = b""
    own: int = NOTHING
    faults: tuple[Fault, ...] = ()

    @property
    def changes(self) -> bool:
        return self.target is not None


class Option(NamedTuple):
    """A command with its effect, and the place of the budget it takes from."""

    number: int
    refs: Refs
    effect: Effect
    spends: int | None


class Menu(NamedTuple):
    """What there is to do: the commands with an effect, and the number of those without."""

    options: list[Option]
    quiet: int


@dataclass
class Shape:
    """A thread as far as decisions can tell it from others, by an example.

    `past` is what processes may remember that have not seen the last command, or any.
    """

    key: bytes
    names: tuple[str, ...]
    history: History
    thread: Thread
    past: tuple[Thread, ...]
    model: bytes | None  # the contract's model of it
    effects: dict[tuple[int, Refs], Effect] = field(default_factory=dict)
    retries: dict[tuple[int, Refs], tuple[Fault, ...]] = field(default_factory=dict)
    menus: dict[tuple[Who, int], Menu] = field(default_factory=dict)
    zombies: tuple[list[tuple[int, Refs, tuple[Fault, ...]]], int] | None = None

    def bare(self) -> Shape:
        """The shape alone, for somebody else who finds out about its commands anew."""
        return replace(self, effects={}, retries={}, menus={}, zombies=None)

    def refs(self, aim: str) -> list[int]:
        """References to what that aim may name now."""
        return [FIRST + self.names.index(name) for name in AIMS[aim](self.thread)]

    @cached_property
    def active(self) -> int:
        """The reference to the active turn, or NOTHING."""
        turn = self.thread.turn
        return FIRST + self.names.index(turn.turn_id) if turn else NOTHING

    @property
    def ended(self) -> list[int]:
        """References to the turns that are over: those in the context, and to one that is not."""
        named = [FIRST + self.names.index(turn.turn_id) for turn in self.thread.context]
        return [*(ref for ref in named if ref != self.active), GONE]

    def name(self, ref: int, argument: str) -> str:
        """The example's name for a reference."""
        if ref >= FIRST:
            return self.names[ref - FIRST]
        prefix = _PREFIXES.get(argument, "inp")
        return f"{prefix}_new{len(self.history)}" if ref == NEW else f"{prefix}_gone"


class Given(NamedTuple):
    """A command that was really given: what became of it, what is wrong, and the thread after.

    `stale` is what became of it for processes that remembered the thread as it was once.
    """

    done: Done
    stale: tuple[Done, ...]
    faults: tuple[Fault, ...]
    after: Shape | None


def first_shape(settings: ThreadSettings, *, from_nothing: bool = False) -> Shape:
    """An empty thread's, or that of none."""
    history, thread = ((), Thread(THREAD)) if from_nothing else first_thread(settings)
    form = form_of(thread)
    model = Model(
        policy=settings.queue_on_interrupt,
        steerable=settings.steerable,
        exists=not from_nothing,
    )
    return Shape(form.key, form.names, history, thread, (), pickle.dumps(model))


def give(shape: Shape, row: Row, call: Call, *, table: bool = True) -> Given:
    """The command on the shape's example. With `table` compared with the contract's model too."""

    def attempt(remembered: Thread, token: int | None = 2) -> Done:
        return _attempt(shape, row, call, remembered, token)

    done = attempt(shape.thread)
    stale = tuple(attempt(remembered) for remembered in shape.past)
    # What is refused or does nothing does so before anybody looks at the lease.
    tokens = (1, None) if row.leased and done.appended else ()
    fenced = tuple(attempt(shape.thread, held) for held in tokens)
    trial = Trial(row, call, done, stale, fenced, shape.history, shape.thread)
    faults, model = judged(trial, shape.model if table else None)
    if faults or not done.appended:
        return Given(done, stale, faults, None)
    thread = fold(shape.thread, (entry.event for entry in done.appended))
    form = form_of(thread)
    history = (*shape.history, *done.appended)
    # One command earlier, and the first of all.
    past = (shape.thread, *shape.past[-1:])
    after = Shape(form.key, form.names, history, thread, past, model)
    return Given(done, stale, (), after)


def _attempt(shape: Shape, row: Row, call: Call, remembered: Thread, token: int | None) -> Done:
    """Given by who holds the turn's lease if `token` is 2, and by who has lost it if it is 1."""
    if not row.leased:
        return do(call, shape.history, shape.thread, remembered=remembered)
    turn_id = str(call.arguments["turn_id"])
    lease = Lease(turn_id, THREAD, "worker", token, 60) if token else None
    leased = Call(call.method, THREAD, {**call.arguments, "lease": lease})
    running = Fence(turn_id, 2)
    return do(leased, shape.history, shape.thread, remembered=remembered, running=running)


class Shapes:
    """All shapes found so far, by key, and the forms of all their forks."""

    def __init__(self, *, table: bool) -> None:
        self._table = table
        self.known: dict[bytes, Shape] = {}
        self.forks: set[bytes] = set()
        self.effective: set[int] = set()  # the commands that took effect somewhere
        self.commands = 0  # really given
        self._misused: set[tuple[bytes, int]] = set()

    def first(self, settings: ThreadSettings, *, from_nothing: bool) -> Shape:
        """An empty thread's, or that of none."""
        shape = first_shape(settings, from_nothing=from_nothing)
        return self.known.setdefault(shape.key, shape)

    def effect(self, shape: Shape, number: int, refs: Refs) -> Effect:
        """What that command does to that shape."""
        found = shape.effects.get((number, refs))
        if found is None:
            found = shape.effects[number, refs] = self._find(shape, ROWS[number], refs)
            if found.changes:
                self.effective.add(number)
        return found

    def retry(self, shape: Shape, number: int, refs: Refs) -> tuple[Fault, ...]:
        """What is wrong with the answer to that command when it is recorded already."""
        found = shape.retries.get((number, refs))
        if found is None:
            self.commands += 1
            call, key = call_of(shape, ROWS[number], refs)
            record = record_of(call, key)
            misuse = (shape.key, number) not in self._misused
            self._misused.add((shape.key, number))
            found = judged_again(call, key, record, shape.history, shape.thread, misuse=misuse)
            shape.retries[number, refs] = found
        return found

    def _find(self, shape: Shape, row: Row, refs: Refs) -> Effect:
        self.commands += 1
        call, _ = call_of(shape, row, refs)
        given = give(shape, row, call, table=self._table)
        if given.after is None:
            return Effect(None, faults=given.faults)
        now = {name: FIRST + place for place, name in enumerate(given.after.names)}
        own = now.get(str(call.arguments[row.brings]), GONE) if row.brings else NOTHING
        table = bytearray(range(256))
        for place, name in enumerate(shape.names):
            table[FIRST + place] = now.get(name, GONE)
        new = given.after.key not in self.known
        if new:
            self.known[given.after.key] = given.after
        # Between an end and its drain a thread can be forked as it is nowhere else.
        drains = row.ends and not isinstance(given.done.appended[-1].event, TurnCompleted)
        if (new or drains) and (faults := tuple(self._forked(given.after))):
            return Effect(None, faults=faults)
        return Effect(given.after.key, bytes(table), own)

    def _forked(self, shape: Shape) -> Iterator[Fault]:
        for fork in forked(shape.history, shape.thread, shape.names):
            yield from fork.faults
            self.forks |= fork.forms


def call_of(shape: Shape, row: Row, refs: Refs) -> tuple[Call, str]:
    """The command on the shape's example, and the id it is retried by."""
    aims = zip(row.aims, refs[1:], strict=False)
    named = {argument: shape.name(ref, argument) for argument, ref in aims}
    own = shape.name(refs[0], row.brings) if row.brings else None
    return build(row, named, own or f"cmd_{len(shape.history)}")


def build(row: Row, named: Mapping[str, str], key: str) -> tuple[Call, str]:
    """The command with these names for its aims, and with that id of its own."""
    arguments: dict[str, object] = dict(named)
    if "input_ids" in named:
        arguments["input_ids"] = [named["input_ids"]]
    if row.brings:
        arguments[row.brings] = key
        if row.brings == "input_id":
            arguments["text"] = key
    elif row.retryable:
        arguments["command_id"] = key
    for name, value in row.fixed.items():
        arguments[name] = value.format(**named) if isinstance(value, str) else value
    return Call(row.method, THREAD, arguments), key
