"""The model: one thread, its log and its leases as a value, and the domain on top of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.errors import LeaseLost
from domain.ports import CommandRecorded, Conflict, Fence, Recorded, Uncommitted
from domain.thread import Thread, fold
from tests.fixtures.clock import START
from tests.race.calls import Operation, do


@dataclass(frozen=True, slots=True)
class Held:
    """The last lease of a turn."""

    token: int
    runs: bool = True


@dataclass(frozen=True, eq=False)
class State:
    """A thread and what answers may depend on besides. `digest` stands for the whole history."""

    thread: Thread
    history: tuple[Recorded, ...] = ()
    commands: Mapping[str, tuple[Recorded, ...]] = field(default_factory=dict)
    leases: Mapping[str, Held] = field(default_factory=dict)
    digest: bytes = b""

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, State) and self.digest == other.digest and self.leases == other.leases
        )

    def after(self, recorded: tuple[Recorded, ...]) -> State:
        """With those events."""
        events = [entry.event for entry in recorded]
        told = "\n".join(event.model_dump_json() for event in events)
        commands = {**self.commands, events[0].command_id: recorded}
        return State(
            fold(self.thread, events),
            self.history + recorded,
            commands,
            self.leases,
            hashlib.sha256(self.digest + told.encode()).digest(),
        )

    def with_lease(self, turn_id: str, held: Held) -> State:
        """With that as the turn's last lease."""
        return replace(self, leases={**self.leases, turn_id: held})


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
        if expected_seq != self.state.thread.seq:
            raise Conflict(thread_id=first.thread_id)
        if fence is not None:
            self._check(fence)
        recorded = tuple(
            Recorded(0, seq, version, START, b"", event)
            for seq, (event, version) in enumerate(entries, expected_seq + 1)
        )
        self.state = self.state.after(recorded)
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
        return self.state.thread

    def remember(self, thread: Thread) -> None:
        assert thread == self.state.thread

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
