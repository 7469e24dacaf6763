"""A schedule run for real: on one growing history, with nothing shared, and told line by line.

The explorer's states are only followed beside it, to know what its numbers mean; after every step
both must have come to the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.errors import TurnlogError
from domain.events.item import ItemStarted
from domain.laws import violations
from domain.thread import Thread, fold
from tests.domain.render import lines
from tests.domain.world import turn_names
from tests.model.actors import ROWS, Row
from tests.model.explorer import Breach
from tests.model.forking import forked
from tests.model.judging import Fault, agree, judged_again
from tests.model.real import THREAD, History
from tests.model.shapes import FIRST, build, first_shape, give
from tests.model.world import BUSY, UNANSWERED, Move, Parts, Scope, World
from tests.strategies import Call

# Ids that have no name: of what is in a fork, say.
_KINDS = {"turn": "turn", "item": "item", "appr": "approval", "thr": "thread"}
_UNNAMED = re.compile(rf"({'|'.join(_KINDS)})_[0-9a-f]{{32}}")
_SAYS = {
    "loses": "and the answer is lost",
    "pauses": "is decided, and waits",
    "resumes": "is appended now",
    "retries": "again, under the same id",
}


class Step(NamedTuple):
    """What one step did: who, what, what was appended, and what is wrong with it."""

    who: str
    what: str
    appended: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.who}: {self.what}", *(f"      {line}" for line in self.appended)])


@dataclass
class Chosen:
    """A command an actor has in mind, with the real names."""

    stage: int
    row: int
    named: dict[str, str]
    call: Call
    key: str


@dataclass
class Rehearsal:
    """A run of one schedule. The world may be shared: it only says what the moves are."""

    world: World
    clients: list[Chosen | None] = field(default_factory=lambda: [None, None])
    worker: str = ""  # its turn
    finishing: Chosen | None = None  # the worker's command without an answer
    given: int = 0
    brought: int = 0

    def __post_init__(self) -> None:
        self.state = self.world.first()
        scope = self.world.scope
        self.shape = first_shape(scope.settings, from_nothing=scope.from_nothing)
        self.appended = self.shape.history  # also by a step that broke a law

    def moves(self) -> list[Move]:
        """What can happen now."""
        return list(self.world.moves(self.state))

    def copied(self) -> Rehearsal:
        """The same, to go on with apart from this one."""
        other = copy(self)
        other.clients = [copy(chosen) for chosen in self.clients]
        other.finishing = copy(self.finishing)
        return other

    def step(self, number: int) -> Step:
        """The move of that number happens."""
        move, now = self.moves()[number], self.world.parts(self.state)
        done = self._step(move, now)
        if move.to is not None:
            assert not done.faults, (str(done), done.faults)
            self.state = move.to
            self._same()
        return done

    def _same(self) -> None:
        """What really happened is what the explorer takes it for."""
        assert self.shape.key == self.state[:8]
        assert violations(self.shape.history) == []
        known = self.world.parts(self.state).shape
        assert len(known.names) == len(self.shape.names)

    def _step(self, move: Move, now: Parts) -> Step:
        if move.actor in {"client 1", "client 2"}:
            return self._client(move, now)
        if move.verb == "starts":
            self.worker = self._real(move.refs[1])
            return Step("worker", f"takes {self._label(self.worker)}, and its lease")
        if move.verb == "dies":
            if move.actor == "worker":
                self.worker, self.finishing = "", None
            return Step(move.actor, "dies")
        if move.verb == "retries":
            assert self.finishing is not None
            chosen, self.finishing = self.finishing, None
            return self._again("worker", chosen)
        return self._works(move)

    # ── Clients ──────────────────────────────────────────────────────────────────────────────────

    def _client(self, move: Move, now: Parts) -> Step:
        place = self._who(now.clients[1 if move.actor == "client 2" else 0])
        who, chosen = f"client {place + 1}", self.clients[place]
        if move.verb == "retries":
            assert chosen is not None
            self.clients[place] = None
            return self._again(who, chosen)
        if chosen is None:
            chosen = self._choose(move)
        said = f"{self._words(ROWS[chosen.row], chosen)} {_SAYS.get(move.verb, '')}".strip()
        if move.verb == "pauses":
            chosen.stage = BUSY
            self.clients[place] = chosen
            return Step(who, said)
        chosen.stage = UNANSWERED
        self.clients[place] = chosen if move.verb == "loses" else None
        return self._give(who, said, chosen)

    def _who(self, block: bytes) -> int:
        """Which real client stands in that place of the explorer's state."""
        for place, chosen in enumerate(self.clients):
            if chosen is None:
                if not block[0]:
                    return place
                continue
            if (chosen.stage, chosen.row) != (block[0], block[1]):
                continue
            row = ROWS[chosen.row]
            own = [chosen.key] if row.brings else [""]
            names = [*own, *chosen.named.values()]
            refs = zip(block[2:], names, strict=False)
            if all(ref < FIRST or self._real(ref) == name for ref, name in refs):
                return place
        raise AssertionError(block)

    def _choose(self, move: Move) -> Chosen:
        row = ROWS[move.row]
        aims = zip(row.aims, move.refs[1:], strict=False)
        named = {argument: self.shape.name(ref, argument) for argument, ref in aims}
        self.given += 1
        key = f"cmd_given_{self.given}"
        if row.brings:
            prefix = "inp" if row.brings == "input_id" else "appr"
            key = f"{prefix}_{chr(ord('A') + self.brought)}"
            self.brought += 1
        call, _ = build(row, named, key)
        return Chosen(0, move.row, named, call, key)

    def _again(self, who: str, chosen: Chosen) -> Step:
        """A recorded command is repeated: its own events are in this very history."""
        history, thread = self.shape.history, self.shape.thread
        record = tuple(entry for entry in history if entry.event.command_id == chosen.key)
        faults = judged_again(chosen.call, chosen.key, record, history, thread, misuse=True)
        words = self._words(ROWS[chosen.row], chosen)
        return Step(who, f"{words} {_SAYS['retries']}", (), faults)

    # ── Workers ──────────────────────────────────────────────────────────────────────────────────

    def _works(self, move: Move) -> Step:
        chosen = self._choose(move)
        said = f"{self._words(ROWS[chosen.row], chosen)} {_SAYS.get(move.verb, '')}".strip()
        if move.actor == "zombie":
            said += ", though it lost that turn"
        if move.actor == "another process":
            said += ", whose lease has run out"
            self.worker = ""
        if ROWS[move.row].ends:
            self.worker = ""
        if move.verb == "loses":
            chosen.stage, self.finishing = UNANSWERED, chosen
        return self._give(move.actor, said, chosen)

    def _give(self, who: str, said: str, chosen: Chosen) -> Step:
        before = self.shape.history
        given = give(self.shape, ROWS[chosen.row], chosen.call, table=self.world.scope.table)
        faults = given.faults
        after = given.after
        if after is not None:
            self.shape = after
            forks = forked(after.history, after.thread, after.names)
            faults = tuple(fault for fork in forks for fault in fork.faults)
        done = given.done
        if any(fault.raced for fault in faults):
            done = next(stale for stale in given.stale if not agree(stale, done))
            said += ", by a process that remembers an older state"
        if done.refusal:
            said += f": {done.answer}"
        appended = tuple(_lines(before, done.appended))
        self.appended = (*before, *done.appended)
        return Step(who, said, appended, faults)

    # ── Names ────────────────────────────────────────────────────────────────────────────────────

    def _real(self, ref: int) -> str:
        return self.shape.names[ref - FIRST] if ref >= FIRST else "gone"

    def _active(self) -> str | None:
        turn = self.shape.thread.turn
        return turn.turn_id if turn else None

    def _label(self, turn_id: str) -> str:
        return f"turn {turn_names(self.shape.history).get(turn_id, turn_id)}"

    def _words(self, row: Row, chosen: Chosen) -> str:
        own = chosen.key.partition("_")[2]
        return row.says.format(own=own, **{a: self._name(n) for a, n in chosen.named.items()})

    def _name(self, name: str) -> str:
        """A turn by its prompt, an item by its kind; a prompt or an approval by its letter."""
        if name.startswith("turn_"):
            return self._label(name)
        begun = (entry.event for entry in self.shape.history)
        kinds = [e.kind for e in begun if isinstance(e, ItemStarted) and e.item_id == name]
        return kinds[0] if kinds else name.partition("_")[2]


def _lines(before: History, appended: History) -> Iterator[str]:
    try:
        yield from lines((*before, *appended), after_seq=len(before))
    except LookupError:  # of names that nothing has: a law is broken
        yield from (entry.event.name for entry in appended)


def told(scope: Scope, breach: Breach) -> str:
    """The counterexample, a line a step and one for each event; and the law it breaks."""
    rehearsal = Rehearsal(World(scope))
    path = breach.path
    numbers = [int.from_bytes(path[at : at + 2], "big") for at in range(0, len(path), 2)]
    done = [rehearsal.step(number) for number in numbers]
    faults = dict.fromkeys(done[-1].faults or breach.faults)
    head = f"The shortest schedule that breaks a law ({scope.name}):"
    story = [f"{number:3}. {step}" for number, step in enumerate(done, 1)]
    verdicts = [f"{fault.law} is broken: {fault.what}" for fault in faults]
    text = "\n".join([head, *story, *_outcome(rehearsal.appended), *verdicts])
    for turn_id, name in turn_names(rehearsal.appended).items():
        text = text.replace(turn_id, f"turn {name}").replace("urn turn", "urn")
    text = text.replace("turn_gone", "a turn long gone").replace("inp_", "")
    return _UNNAMED.sub(lambda found: f"its {_KINDS[found[1]]}", text)


def _outcome(history: History) -> Iterator[str]:
    """What the thread is then, if the events make one."""
    try:
        thread = fold(Thread(THREAD), (entry.event for entry in history))
    except TurnlogError:
        return
    waiting = [f"{prompt.input_id} {prompt.delivery} {prompt.state}" for prompt in thread.inbox]
    slot = thread.turn.turn_id if thread.turn else "free"
    yield f"     slot: {slot}; inbox: {', '.join(waiting) or 'empty'}"
