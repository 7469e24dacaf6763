"""The world: a thread's shape, two clients, a worker, and what is left to spend.

A state is 31 bytes: the shape's key (8), the budgets (8), two clients (5 each) and the worker (5).
An actor is its stage, the row of its command, and references: what it brings and its aims. Clients
are interchangeable, so they stand in order.

A command nobody disturbs is one step: load, decide, append, answer. What can come between is a step
of its own and costs trouble: the client waits between deciding and appending (or crashes there, and
then repeats a command that left no trace: the same state), or the answer is lost (or the client
crashes before it comes) and the command is repeated later under its id. A worker can die, or stall
until another process has taken its lease and recovers its turn.

Who has lost a turn's lease, or works on a turn that is over, is a zombie. Zombies change nothing
(else L14 is broken), so they need no state: in every state there is one on every turn that ever
was, for each command a worker or a rescuer can give, and so there are any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Final, Literal, NamedTuple

from domain.options import ThreadSettings
from tests.model.actors import BUDGETS, ROWS, Budget, Who
from tests.model.judging import Fault
from tests.model.shapes import GONE, NEW, NOTHING, Effect, Menu, Option, Refs, Shape, Shapes

State = bytes
Verb = Literal["does", "loses", "pauses", "resumes", "retries", "starts", "dies"]
Actor = Literal["client 1", "client 2", "worker", "zombie", "another process"]

IDLE: Final = bytes(5)
BUSY: Final = 1  # a client that has decided and not appended; a worker on its turn
UNANSWERED: Final = 2  # the command is recorded, its answer never came

_BUDGETS_AT: Final = 8
_ACTORS_AT: Final = _BUDGETS_AT + len(BUDGETS)
_TROUBLE: Final = BUDGETS.index("trouble")
_CLIENTS: Final[tuple[Actor, Actor]] = ("client 1", "client 2")


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
    """What is explored: every schedule within these budgets, from an empty thread on.

    With `from_nothing` there is no thread at the beginning, and somebody has to make it.
    """

    name: str
    budgets: Mapping[Budget, int]
    settings: ThreadSettings = ThreadSettings()
    depth: int | None = None
    table: bool = True  # compare with the contract's model, not with the laws alone
    from_nothing: bool = False


class Parts(NamedTuple):
    """A state taken apart."""

    shape: Shape
    budgets: bytes
    clients: tuple[bytes, bytes]
    worker: bytes


@dataclass
class World:
    """All moves of all actors in a scope."""

    scope: Scope
    quiet: int = 0  # commands that were tried and changed nothing
    _spent: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    _masks: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes = Shapes(table=self.scope.table)
        rows = list(enumerate(ROWS))
        self._rows: dict[Who, list[int]] = {
            who: [n for n, row in rows if row.who == who] for who in ("client", "worker")
        }
        (self._recover,) = [n for n, row in rows if row.who == "another process"]
        self._spends = [BUDGETS.index(row.spends) if row.spends else None for row in ROWS]

    def first(self) -> State:
        """The state before anything happened."""
        shape = self.shapes.first(self.scope.settings, from_nothing=self.scope.from_nothing)
        budgets = bytes(self.scope.budgets.get(name, 0) for name in BUDGETS)
        return shape.key + budgets + IDLE * 3

    def parts(self, state: State) -> Parts:
        """What that state is made of."""
        at = _ACTORS_AT
        return Parts(
            self.shapes.known[state[:_BUDGETS_AT]],
            state[_BUDGETS_AT:at],
            (state[at : at + 5], state[at + 5 : at + 10]),
            state[at + 10 :],
        )

    def moves(self, state: State) -> list[Move]:
        """Every step that changes the state or breaks a law, always in the same order."""
        now = self.parts(state)
        moves = self._client_moves(now, 0)
        if now.clients[0] != now.clients[1]:
            moves += self._client_moves(now, 1)
        moves += self._worker_moves(now)
        moves += self._recoveries(now)
        moves += self._zombie_moves(now.shape)
        return moves

    # ── Clients ──────────────────────────────────────────────────────────────────────────────────

    def _client_moves(self, now: Parts, who: int) -> list[Move]:
        client = now.clients[who]
        if client[0] == UNANSWERED:
            return [self._retry(now, _CLIENTS[who], client)]
        if client[0] == BUSY:
            return self._resumed(now, who, client)
        menu = self._menu(now, "client")
        self.quiet += menu.quiet
        moves: list[Move] = []
        for option in menu.options:
            self._command(now, who, option, "does", moves)
        return moves

    def _resumed(self, now: Parts, who: int, client: bytes) -> list[Move]:
        number, refs = client[1], (client[2], client[3], client[4])
        spends = self._spends[number]
        moves: list[Move] = []
        if spends is not None and not now.budgets[spends]:
            return moves
        effect = self.shapes.effect(now.shape, number, refs)
        if effect.changes or effect.faults:
            self._command(now, who, Option(number, refs, effect, spends), "resumes", moves)
        else:
            self.quiet += 1
            to = _with_client(now, who, IDLE, now.budgets)
            moves.append(Move(_CLIENTS[who], "resumes", number, refs, to))
        return moves

    def _command(self, now: Parts, who: int, option: Option, verb: Verb, moves: list[Move]) -> None:
        number, refs, effect, spends = option
        actor = _CLIENTS[who]
        if effect.target is None:
            moves.append(Move(actor, verb, number, refs, None, effect.faults))
            return
        budgets = now.budgets if spends is None else self._less(now.budgets, spends)
        other = _renamed_block(now.clients[1 - who], effect)
        worker = _renamed_block(now.worker, effect)
        # Who is idle stands first: that is the smallest there is.
        done = effect.target + budgets + IDLE + other + worker
        moves.append(Move(actor, verb, number, refs, done))
        if not budgets[_TROUBLE]:
            return
        row = ROWS[number]
        if row.retryable:
            kept = bytes([UNANSWERED, number, effect.own, *_renamed(refs[1:], effect)])
            clients = other + kept if other < kept else kept + other
            lost = effect.target + self._less(budgets, _TROUBLE) + clients + worker
            moves.append(Move(actor, "loses", number, refs, lost))
        if (row.aims or row.begins) and verb == "does":
            paused = bytes([BUSY, number, *refs])
            to = _with_client(now, who, paused, self._less(now.budgets, _TROUBLE))
            moves.append(Move(actor, "pauses", number, refs, to))

    def _retry(self, now: Parts, actor: Actor, block: bytes) -> Move:
        number, refs = block[1], (block[2], block[3], block[4])
        faults = self.shapes.retry(now.shape, number, refs)
        if faults:
            return Move(actor, "retries", number, refs, None, faults)
        if actor == "worker":
            return Move(actor, "retries", number, refs, _with_worker(now, IDLE, now.budgets))
        after = _with_client(now, _CLIENTS.index(actor), IDLE, now.budgets)
        return Move(actor, "retries", number, refs, after)

    # ── Workers ──────────────────────────────────────────────────────────────────────────────────

    def _worker_moves(self, now: Parts) -> list[Move]:
        worker, active = now.worker, now.shape.active
        moves: list[Move] = []
        if worker[0] == UNANSWERED:
            moves.append(self._retry(now, "worker", worker))
        elif worker[0] == BUSY:
            menu = self._menu(now, "worker")
            self.quiet += menu.quiet
            for option in menu.options:
                self._work(now, option, moves)
        elif active != NOTHING:
            to = _with_worker(now, bytes([BUSY, 0, NOTHING, active, NOTHING]), now.budgets)
            moves.append(Move("worker", "starts", 0, (NOTHING, active, NOTHING), to))
        if worker[0] and now.budgets[_TROUBLE]:
            to = _with_worker(now, IDLE, self._less(now.budgets, _TROUBLE))
            moves.append(Move("worker", "dies", 0, (NOTHING, NOTHING, NOTHING), to))
        return moves

    def _work(self, now: Parts, option: Option, moves: list[Move]) -> None:
        number, refs, effect, spends = option
        if effect.target is None:
            moves.append(Move("worker", "does", number, refs, None, effect.faults))
            return
        budgets = now.budgets if spends is None else self._less(now.budgets, spends)
        clients = _renamed_clients(now, effect)
        ended = ROWS[number].ends  # and so what a worker may want to repeat
        worker = IDLE if ended else _renamed_block(now.worker, effect)
        to = effect.target + budgets + clients + worker
        moves.append(Move("worker", "does", number, refs, to))
        if ended and budgets[_TROUBLE]:
            kept = bytes([UNANSWERED, number, NOTHING, *_renamed(refs[1:], effect)])
            to = effect.target + self._less(budgets, _TROUBLE) + clients + kept
            moves.append(Move("worker", "loses", number, refs, to))

    def _recoveries(self, now: Parts) -> list[Move]:
        """Another process has taken the active turn's lease, which ran out, and ends the turn.

        One that dies in between has changed nothing that a thread or a client can see.
        """
        active = now.shape.active
        if active == NOTHING or not now.budgets[_TROUBLE]:
            return []
        refs: Refs = (NOTHING, active, NOTHING)
        effect = self.shapes.effect(now.shape, self._recover, refs)
        to: State | None = None
        if effect.target is not None:
            # Whoever worked on it is a zombie now.
            worker = IDLE if now.worker[0] == BUSY else _renamed_block(now.worker, effect)
            budgets = self._less(now.budgets, _TROUBLE)
            to = effect.target + budgets + _renamed_clients(now, effect) + worker
        elif not effect.faults:
            self.quiet += 1
            return []
        return [Move("another process", "does", self._recover, refs, to, effect.faults)]

    def _zombie_moves(self, shape: Shape) -> list[Move]:
        """They may not do anything: what they do that is not refused breaks L14.

        On the active turn they were tried with each command of the worker (`Trial.fenced`).
        """
        if shape.zombies is None:
            tried = [
                (number, (NEW if ROWS[number].brings else NOTHING, turn, item))
                for number in (*self._rows["worker"], self._recover)
                for turn in shape.ended
                for item in ((GONE,) if len(ROWS[number].aims) > 1 else (NOTHING,))
            ]
            found = [(n, refs, self.shapes.effect(shape, n, refs)) for n, refs in tried]
            wrong = [(n, refs, effect.faults) for n, refs, effect in found if effect.faults]
            shape.zombies = (wrong, len(tried))
        wrong, number_tried = shape.zombies
        self.quiet += number_tried
        return [Move("zombie", "does", n, refs, None, faults) for n, refs, faults in wrong]

    # ── What there is to do ──────────────────────────────────────────────────────────────────────

    def _menu(self, now: Parts, who: Who) -> Menu:
        """The commands that can be paid and make sense to try, as their aims are there."""
        mask = self._masks.get(now.budgets)
        if mask is None:
            left = (bool(n) << place for place, n in enumerate(now.budgets) if place != _TROUBLE)
            mask = self._masks[now.budgets] = sum(left)
        menu = now.shape.menus.get((who, mask))
        if menu is None:
            menu = now.shape.menus[who, mask] = self._found(now, who)
        return menu

    def _found(self, now: Parts, who: Who) -> Menu:
        options: list[Option] = []
        quiet = 0
        for number in self._rows[who]:
            spends = self._spends[number]
            if spends is not None and not now.budgets[spends]:
                continue
            for refs in _choices(now.shape, number):
                effect = self.shapes.effect(now.shape, number, refs)
                if effect.changes or effect.faults:
                    options.append(Option(number, refs, effect, spends))
                else:
                    quiet += 1
        return Menu(options, quiet)

    def _less(self, budgets: bytes, place: int) -> bytes:
        less = self._spent.get((budgets, place))
        if less is None:
            less = budgets[:place] + bytes([budgets[place] - 1]) + budgets[place + 1 :]
            self._spent[budgets, place] = less
        return less


def bare(state: State) -> bytes:
    """The state but for what is left to spend."""
    return state[:_BUDGETS_AT] + state[_ACTORS_AT:]


def _choices(shape: Shape, number: int) -> Iterator[Refs]:
    row = ROWS[number]
    if row.begins and shape.thread.exists:
        return
    own = NEW if row.brings else NOTHING
    for aims in product(*(shape.refs(aim) for aim in row.aims.values())):
        if len(set(aims)) == len(aims):
            first, second = (*aims, NOTHING, NOTHING)[:2]
            yield (own, first, second)


def _renamed(refs: tuple[int, ...], effect: Effect) -> bytes:
    return bytes(refs).translate(effect.rename)


def _renamed_block(block: bytes, effect: Effect) -> bytes:
    return block[:2] + block[2:].translate(effect.rename) if block[0] else block


def _renamed_clients(now: Parts, effect: Effect) -> bytes:
    one = _renamed_block(now.clients[0], effect)
    other = _renamed_block(now.clients[1], effect)
    return other + one if other < one else one + other


def _with_client(now: Parts, who: int, block: bytes, budgets: bytes) -> State:
    other = now.clients[1 - who]
    clients = other + block if other < block else block + other
    return now.shape.key + budgets + clients + now.worker


def _with_worker(now: Parts, worker: bytes, budgets: bytes) -> State:
    return now.shape.key + budgets + now.clients[0] + now.clients[1] + worker
