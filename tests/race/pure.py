"""The model: one thread, its log and its leases as a value, and the domain on top of it.

A fork reads the thread's history and makes another thread, in which nobody else does anything: of
that only the receipt is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.errors import LeaseLost
from domain.ports import CommandRecorded, Conflict, Fence, Recorded, Uncommitted
from domain.thread import Thread, fold
from tests.fixtures.clock import START
from tests.race.calls import Operation, do, line_of


@dataclass(frozen=True, slots=True)
class Held:
    """The last lease of a turn."""

    token: int
    runs: bool = True


Fork = tuple[str, str | None, int]
"""Its command, the receipt, and how many events it has."""


def fork_of(recorded: Sequence[Recorded]) -> Fork:
    """What there is to know of the fork that has those events."""
    first = recorded[0].event
    return first.command_id, first.receipt, len(recorded)


@dataclass(frozen=True, eq=False)
class State:
    """A thread and what answers may depend on besides. `digest` stands for the whole history;
    `forks` are those made of it."""

    thread: Thread
    history: tuple[Recorded, ...] = ()
    commands: Mapping[str, tuple[Recorded, ...]] = field(default_factory=dict)
    leases: Mapping[str, Held] = field(default_factory=dict)
    digest: bytes = b""
    forks: frozenset[Fork] = frozenset()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, State)
            and self.digest == other.digest
            and self.leases == other.leases
            and self.forks == other.forks
        )

    def after(self, recorded: tuple[Recorded, ...]) -> State:
        """With those events."""
        events = [entry.event for entry in recorded]
        told = "\n".join(event.model_dump_json() for event in events)
        return replace(
            self,
            thread=fold(self.thread, events),
            history=self.history + recorded,
            commands={**self.commands, events[0].command_id: recorded},
            digest=hashlib.sha256(self.digest + told.encode()).digest(),
        )

    def forked(self, recorded: tuple[Recorded, ...]) -> State:
        """With the receipt of a fork that has those events."""
        commands = {**self.commands, recorded[0].event.command_id: recorded}
        return replace(self, commands=commands, forks=self.forks | {fork_of(recorded)})

    def with_lease(self, turn_id: str, held: Held) -> State:
        """With that as the turn's last lease."""
        return replace(self, leases={**self.leases, turn_id: held})


@dataclass(frozen=True)
class Known:
    """A thread's history and its forks as they are in the end, when nobody is there any more.

    Both only grow. So a state whose history is not the beginning of that one, or that has a fork
    which is not there, is none that the thread was in.
    """

    lines: Sequence[str]
    forks: frozenset[Fork]

    def leads_on(self, before: State, after: State) -> bool:
        """Whether a step to that state leads to what is known, if all before it did."""
        begin, end = len(before.history), len(after.history)
        new = [line_of(entry) for entry in after.history[begin:]]
        return new == list(self.lines[begin:end]) and after.forks <= self.forks


class Model:
    """A place to do one operation: its log, its leases, and a memory that is always empty."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.log = self
        self.threads = self

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        first = entries[0].event
        if first.command_id in self.state.commands:
            raise CommandRecorded(command_id=first.command_id)
        thread = self.state.thread
        is_fork = first.thread_id != thread.thread_id
        if expected_seq != (0 if is_fork else thread.seq):
            raise Conflict(thread_id=first.thread_id)
        if fence is not None:
            self._check(fence)
        recorded = tuple(
            Recorded(0, seq, version, START, b"", event)
            for seq, (event, version) in enumerate(entries, expected_seq + 1)
        )
        self.state = self.state.forked(recorded) if is_fork else self.state.after(recorded)
        return recorded

    def _check(self, fence: Fence) -> None:
        held = self.state.leases.get(fence.turn_id)
        if fence.token != (held.token if held and held.runs else None):
            raise LeaseLost(turn_id=fence.turn_id, why="")

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> Sequence[Recorded]:
        return self.state.history[after_seq:upto_seq]

    def read_command(self, command_id: str) -> Sequence[Recorded]:
        return self.state.commands.get(command_id, ())

    def remembered(self, thread_id: str) -> Thread | None:
        return None

    def current(self, thread_id: str) -> Thread:
        known = self.state.thread
        return known if thread_id == known.thread_id else Thread(thread_id)

    def remember(self, thread: Thread) -> None:
        known = self.state.thread
        assert thread == known or thread.thread_id != known.thread_id

    def acquire(self, turn_id: str, thread_id: str) -> int | None:
        held = self.state.leases.get(turn_id)
        if held is not None and held.runs:
            return None
        token = held.token + 1 if held else 1
        self.state = self.state.with_lease(turn_id, Held(token))
        return token

    def lapse(self, turn_id: str, token: int) -> None:
        if self.state.leases.get(turn_id) == Held(token):
            self.state = self.state.with_lease(turn_id, Held(token, runs=False))


def step(state: State, operation: Operation) -> tuple[str, State]:
    """The answer to an operation that nothing disturbs, and the state after it."""
    model = Model(state)
    answer = do(operation, model, _no_pause)
    return answer, model.state


def _no_pause(_seconds: float) -> None:
    raise AssertionError("nobody is there to wait for")


def tells(operation: Operation) -> bool:
    """Whether its answer says if it changed anything: that of a lapse is always the same."""
    return operation.method != "lapse"
