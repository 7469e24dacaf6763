"""The world: a thread's shape, two clients, a worker, a zombie, and what is left to spend.

A state is 33 bytes: the shape's key (8), the budgets (8), two clients (5 each), the worker (5), the
zombie's turn (1), and whether another process has the active turn's lease (1). An actor is its
stage, the row of its command, and references: what it brings and its aims. Clients are
interchangeable, so they stand in order.

A command nobody disturbs is one step: load, decide, append, answer. What can come between is a step
of its own and costs trouble: the client waits between deciding and appending (or crashes there, and
then repeats a command that left no trace: the same state), or the answer is lost (or the client
crashes before it comes) and the command is repeated later under its id. A worker can die, or stall
until another process takes its lease and then recovers its turn: then it is a zombie, which tries
everything a worker can do, in every state from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Literal, NamedTuple

from domain.options import ThreadSettings
from tests.model.actors import BUDGETS, ROWS, Budget, Who
from tests.model.judging import Fault
from tests.model.shapes import GONE, NEW, NOTHING, Effect, Refs, Shape, Shapes

State = bytes
Verb = Literal["does", "loses", "pauses", "resumes", "retries", "starts", "dies", "takes the lease"]
Actor = Literal["client 1", "client 2", "worker", "zombie", "another process"]

IDLE: Final = bytes(5)
BUSY: Final = 1  # a client that has decided and not appended; a worker on its turn
UNANSWERED: Final = 2  # the command is recorded, its answer never came

_BUDGETS_AT: Final = 8
_ACTORS_AT: Final = _BUDGETS_AT + len(BUDGETS)
_TROUBLE: Final = BUDGETS.index("trouble")


class Move(NamedTuple):
    """One step of the world. With `faults` it breaks a law and `to` is None."""

    actor: Actor
    verb: Verb
    row: int
    refs: Refs
    to: State | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Scope:
    """What is explored: every schedule within these budgets, from an empty thread on."""

    name: str
    budgets: Mapping[Budget, int]
    settings: ThreadSettings = ThreadSettings()
    depth: int | None = None
    table: bool = True  # compare with the contract's model, not with the laws alone


@dataclass
class Parts:
    """A state taken apart."""

    shape: Shape
    budgets: bytes
    clients: tuple[bytes, bytes]
    worker: bytes
    zombie: int
    rescue: int


@dataclass
class World:
    """All moves of all actors in a scope."""

    scope: Scope
    quiet: int = 0  # commands that were tried and changed nothing

    def __post_init__(self) -> None:
        self.shapes = Shapes(table=self.scope.table)
        self._client_rows = [n for n, row in enumerate(ROWS) if row.who == "client"]
        self._worker_rows = [n for n, row in enumerate(ROWS) if row.who == "worker"]
        self._recover = next(n for n, row in enumerate(ROWS) if row.who == "another process")
        self._spends = [BUDGETS.index(row.spends) if row.spends else None for row in ROWS]
        self._retryable = [row.retryable for row in ROWS]

    def first(self) -> State:
        """The state before anything happened."""
        shape = self.shapes.first(self.scope.settings)
        budgets = bytes(self.scope.budgets.get(name, 0) for name in BUDGETS)
        return shape.key + budgets + IDLE * 3 + bytes(2)

    def parts(self, state: State) -> Parts:
        """What that state is made of."""
        at = _ACTORS_AT
        return Parts(
            shape=self.shapes.known[state[:_BUDGETS_AT]],
            budgets=state[_BUDGETS_AT:at],
            clients=(state[at : at + 5], state[at + 5 : at + 10]),
            worker=state[at + 10 : at + 15],
            zombie=state[at + 15],
            rescue=state[at + 16],
        )

    def moves(self, state: State) -> Iterator[Move]:
        """Every step that changes the state or breaks a law, always in the same order."""
        now = self.parts(state)
        yield from self._client_moves(now, 0)
        if now.clients[0] != now.clients[1]:
            yield from self._client_moves(now, 1)
        yield from self._worker_moves(now)
        yield from self._recoveries(now)
        if now.zombie != NOTHING:
            yield from self._zombie_moves(now)

    # ── Clients ──────────────────────────────────────────────────────────────────────────────────

    def _client_moves(self, now: Parts, who: int) -> Iterator[Move]:
        client = now.clients[who]
        actor: Actor = "client 2" if who else "client 1"
        if client[0] == UNANSWERED:
            yield self._retry(now, actor, client)
        elif client[0] == BUSY:
            refs = (client[2], client[3], client[4])
            yield from self._command(now, actor, client[1], refs, resumed=True)
        else:
            for number, refs in self._menu(now.shape, "client"):
                yield from self._command(now, actor, number, refs)

    def _command(
        self, now: Parts, actor: Actor, number: int, refs: Refs, *, resumed: bool = False
    ) -> Iterator[Move]:
        budgets = self._spent(now.budgets, number)
        if budgets is None:
            return
        who = 1 if actor == "client 2" else 0
        effect = self.shapes.effect(now.shape, number, refs)
        verb: Verb = "resumes" if resumed else "does"
        if effect.faults:
            yield Move(actor, verb, number, refs, None, effect.faults)
            return
        if not effect.changes:
            self.quiet += 1
            if resumed:
                yield Move(actor, verb, number, refs, _with_client(now, who, IDLE))
            return
        yield Move(actor, verb, number, refs, _after(now, effect, budgets, who, IDLE))
        if not budgets[_TROUBLE]:
            return
        budgets = _less(budgets, _TROUBLE)
        if self._retryable[number]:
            kept = bytes([UNANSWERED, number, effect.own, *_renamed(refs[1:], effect)])
            yield Move(actor, "loses", number, refs, _after(now, effect, budgets, who, kept))
        if ROWS[number].aims and not resumed:
            paused = bytes([BUSY, number, *refs])
            spent = _less(now.budgets, _TROUBLE)
            yield Move(actor, "pauses", number, refs, _with_client(now, who, paused, spent))

    def _retry(self, now: Parts, actor: Actor, block: bytes) -> Move:
        number, refs = block[1], (block[2], block[3], block[4])
        faults = self.shapes.retry(now.shape, number, refs)
        if faults:
            return Move(actor, "retries", number, refs, None, faults)
        if actor == "worker":
            return Move(actor, "retries", number, refs, _with_worker(now, IDLE))
        after = _with_client(now, 1 if actor == "client 2" else 0, IDLE)
        return Move(actor, "retries", number, refs, after)

    # ── Workers ──────────────────────────────────────────────────────────────────────────────────

    def _worker_moves(self, now: Parts) -> Iterator[Move]:
        worker, active = now.worker, now.shape.active
        nothing: Refs = (NOTHING, NOTHING, NOTHING)
        if worker[0] == UNANSWERED:
            yield self._retry(now, "worker", worker)
        elif worker[0] == BUSY:
            for number, refs in self._menu(now.shape, "worker"):
                yield from self._work(now, number, refs)
        elif active != NOTHING and not now.rescue:
            began = bytes([BUSY, 0, NOTHING, active, NOTHING])
            yield Move("worker", "starts", 0, (NOTHING, active, NOTHING), _with_worker(now, began))
        if worker[0] and now.budgets[_TROUBLE]:
            spent = _less(now.budgets, _TROUBLE)
            yield Move("worker", "dies", 0, nothing, _with_worker(now, IDLE, spent))

    def _work(self, now: Parts, number: int, refs: Refs) -> Iterator[Move]:
        budgets = self._spent(now.budgets, number)
        if budgets is None:
            return
        effect = self.shapes.effect(now.shape, number, refs)
        if effect.faults:
            yield Move("worker", "does", number, refs, None, effect.faults)
            return
        if not effect.changes:
            self.quiet += 1
            return
        ended = ROWS[number].ends  # and so what a worker may want to repeat
        worker = IDLE if ended else _renamed_block(now.worker, effect)
        yield Move("worker", "does", number, refs, _after_work(now, effect, budgets, worker))
        if ended and budgets[_TROUBLE]:
            kept = bytes([UNANSWERED, number, NOTHING, *_renamed(refs[1:], effect)])
            spent = _less(budgets, _TROUBLE)
            yield Move("worker", "loses", number, refs, _after_work(now, effect, spent, kept))

    def _recoveries(self, now: Parts) -> Iterator[Move]:
        """Another process takes the active turn's lease, and ends the turn, if it does not die."""
        active = now.shape.active
        refs: Refs = (NOTHING, active, NOTHING)
        nobody: Actor = "another process"
        if active == NOTHING:
            return
        if not now.rescue:
            if now.budgets[_TROUBLE]:
                stalled = now.worker[0] == BUSY
                worker, zombie = (IDLE, active) if stalled else (now.worker, now.zombie)
                after = replace(now, worker=worker, zombie=zombie, rescue=1)
                taken = _whole(after, _less(now.budgets, _TROUBLE))
                yield Move(nobody, "takes the lease", self._recover, refs, taken)
            return
        if now.budgets[_TROUBLE]:
            spent = _less(now.budgets, _TROUBLE)
            yield Move(nobody, "dies", 0, refs, _whole(replace(now, rescue=0), spent))
        effect = self.shapes.effect(now.shape, self._recover, refs)
        to: State | None = None
        if effect.changes:
            worker = _renamed_block(now.worker, effect)
            to = _after_work(replace(now, rescue=0), effect, now.budgets, worker)
        yield Move(nobody, "does", self._recover, refs, to, effect.faults)

    def _zombie_moves(self, now: Parts) -> Iterator[Move]:
        """It may not do anything: whatever it does that is not refused breaks L14."""
        lost = now.zombie == now.shape.active
        for number in self._worker_rows:
            row = ROWS[number]
            items = [*now.shape.refs("open item"), GONE] if len(row.aims) > 1 else [NOTHING]
            for item in items:
                refs = (NEW if row.brings else NOTHING, now.zombie, item)
                effect = self.shapes.effect(now.shape, number, refs, lost)
                if effect.faults:
                    yield Move("zombie", "does", number, refs, None, effect.faults)
                self.quiet += 1

    # ── What there is to do ──────────────────────────────────────────────────────────────────────

    def _menu(self, shape: Shape, who: Who) -> list[tuple[int, Refs]]:
        """The commands that make sense to try: their aims are there."""
        found = shape.menus.get(who)
        if found is None:
            rows = self._client_rows if who == "client" else self._worker_rows
            found = shape.menus[who] = [(n, refs) for n in rows for refs in _choices(shape, n)]
        return found

    def _spent(self, budgets: bytes, number: int) -> bytes | None:
        """The budgets after that command; None if they do not allow it."""
        spends = self._spends[number]
        if spends is None:
            return budgets
        return _less(budgets, spends) if budgets[spends] else None


def _choices(shape: Shape, number: int) -> Iterator[Refs]:
    row = ROWS[number]
    own = NEW if row.brings else NOTHING
    for aims in product(*(shape.refs(aim) for aim in row.aims.values())):
        if len(set(aims)) == len(aims):
            first, second = (*aims, NOTHING, NOTHING)[:2]
            yield (own, first, second)


def _less(budgets: bytes, place: int) -> bytes:
    return budgets[:place] + bytes([budgets[place] - 1]) + budgets[place + 1 :]


def _renamed(refs: tuple[int, ...], effect: Effect) -> bytes:
    return bytes(refs).translate(effect.rename)


def _renamed_block(block: bytes, effect: Effect) -> bytes:
    return block[:2] + block[2:].translate(effect.rename) if block[0] else block


def _after(now: Parts, effect: Effect, budgets: bytes, who: int, block: bytes) -> State:
    """The world after a client's command, with that client as `block`."""
    assert effect.target is not None
    other = _renamed_block(now.clients[1 - who], effect)
    clients = other + block if other < block else block + other
    worker = _renamed_block(now.worker, effect)
    rest = bytes((effect.rename[now.zombie], now.rescue))
    return effect.target + budgets + clients + worker + rest


def _after_work(now: Parts, effect: Effect, budgets: bytes, worker: bytes) -> State:
    """The world after a command about a turn, with that worker."""
    assert effect.target is not None
    one, other = sorted(_renamed_block(client, effect) for client in now.clients)
    rest = bytes((effect.rename[now.zombie], now.rescue))
    return effect.target + budgets + one + other + worker + rest


def _with_client(now: Parts, who: int, block: bytes, budgets: bytes | None = None) -> State:
    one, other = now.clients[1 - who], block
    if other < one:
        one, other = other, one
    return _joined(now, budgets or now.budgets, one + other, now.worker)


def _with_worker(now: Parts, worker: bytes, budgets: bytes | None = None) -> State:
    one, other = now.clients
    return _joined(now, budgets or now.budgets, one + other, worker)


def _whole(now: Parts, budgets: bytes) -> State:
    one, other = now.clients
    return _joined(now, budgets, one + other, now.worker)


def _joined(now: Parts, budgets: bytes, clients: bytes, worker: bytes) -> State:
    return now.shape.key + budgets + clients + worker + bytes((now.zombie, now.rescue))
