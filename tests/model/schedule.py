"""A schedule run for real: on one growing history, with nothing shared, and told line by line.

The explorer's states are only followed beside it, to know what its numbers mean; after every step
both must have come to the same form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.events.item import ItemStarted
from domain.laws import violations
from tests.domain.render import lines
from tests.domain.world import label, turn_names
from tests.model.actors import ROWS, Row
from tests.model.explorer import Breach
from tests.model.forking import forked
from tests.model.judging import Fault, judged_again
from tests.model.real import History
from tests.model.shapes import FIRST, build, first_shape, give
from tests.model.world import BUSY, UNANSWERED, Move, Parts, Scope, World
from tests.strategies import Call

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
    zombie: str = ""
    given: int = 0
    brought: int = 0

    def __post_init__(self) -> None:
        self.state = self.world.first()
        self.shape = first_shape(self.world.scope.settings)
        self.appended = self.shape.history  # also by a step that broke a law

    def moves(self) -> list[Move]:
        """What can happen now."""
        return list(self.world.moves(self.state))

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
            return Step("worker", f"starts {self._label(self.worker)}")
        if move.verb == "dies":
            if move.actor == "worker":
                self.worker, self.finishing = "", None
            return Step(move.actor, "dies")
        if move.verb == "takes the lease":
            self.zombie, self.worker = self.worker or self.zombie, ""
            turn = self._label(self._real(move.refs[1]))
            return Step(move.actor, f"takes the lease of {turn}, which has run out")
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
        named = {argument: self._real(ref) for argument, ref in aims}
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
        turn_id = {"worker": self.worker, "zombie": self.zombie}.get(move.actor)
        if turn_id:
            chosen.named["turn_id"] = turn_id
            chosen.call, _ = build(ROWS[move.row], chosen.named, chosen.key)
        lost = move.actor == "zombie" and turn_id == self._active()
        said = f"{self._words(ROWS[move.row], chosen)} {_SAYS.get(move.verb, '')}".strip()
        if ROWS[move.row].ends and move.actor == "worker":
            self.worker = ""
        if move.verb == "loses":
            chosen.stage, self.finishing = UNANSWERED, chosen
        return self._give(move.actor, said, chosen, lost=lost)

    def _give(self, who: str, said: str, chosen: Chosen, *, lost: bool = False) -> Step:
        before = self.shape.history
        given = give(
            self.shape, ROWS[chosen.row], chosen.call, lost=lost, table=self.world.scope.table
        )
        faults = given.faults
        if given.after is not None:
            self.shape = given.after
            faults = tuple(forked(given.after.history, given.after.thread))
        done = given.done
        if any(fault.raced for fault in faults):
            done, said = given.stale, f"{said}, decided before the step before"
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
        return turn_names(self.shape.history).get(turn_id, turn_id)

    def _words(self, row: Row, chosen: Chosen) -> str:
        names = [label(chosen.key)] if row.brings == "input_id" else []
        for argument, name in chosen.named.items():
            names.append(self._label(name) if argument == "turn_id" else self._item(name))
        return " ".join([row.says, *names])

    def _item(self, name: str) -> str:
        """An item by its kind; a prompt or an approval by its letter."""
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
    story = [f"{number:3}. {step}" for number, step in enumerate(done, 1)]
    verdicts = [f"{fault.law} is broken: {fault.what}" for fault in faults]
    text = "\n".join([*story, *verdicts])
    for turn_id, name in turn_names(rehearsal.appended).items():
        text = text.replace(turn_id, f"turn {name}").replace("turn turn", "turn")
    return text.replace("inp_", "")
