"""What the world must provide. Every port lists the errors its callers have to expect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from domain.errors import TurnlogError
from domain.events.approval import ApprovalDecision, CancelReason
from domain.events.base import Event, ItemKind, Json, Usage
from domain.events.turn import TurnKind
from domain.options import TurnOptions
from domain.thread import Thread


class Conflict(TurnlogError):
    """Thread {thread_id} has moved on since the decision was made."""


class CommandRecorded(TurnlogError):
    """Command {command_id} is in the log already."""


class Uncommitted(NamedTuple):
    """An event to append, and its version in its aggregate."""

    event: Event
    version: int


class Recorded(NamedTuple):
    """An event in the log: `position` in all, `seq` in its thread, `version` in its aggregate."""

    position: int
    seq: int
    version: int
    recorded_at: datetime
    hash: bytes
    event: Event


class Fence(NamedTuple):
    """What an append into a turn asks of the turn's lease, when it is written (L14).

    With a token: that the lease of this token runs. Without: that nobody's lease runs.
    """

    turn_id: str
    token: int | None = None


class EventLog(Protocol):
    """The log, one thread at a time. Calls block; numbers are allocated by the store (L13)."""

    def append(
        self,
        entries: Sequence[Uncommitted],
        *,
        expected_seq: int,
        fence: Fence | None = None,
    ) -> tuple[Recorded, ...]:
        """All of one command's events of one thread, or none of them.

        `CommandRecorded` if the command's receipt is there already; `Conflict` unless the thread is
        still at `expected_seq`, or while somebody is just taking the lease; `LeaseLost` unless the
        lease is as the `fence` asks, and passes on only when the events are there for all to see;
        `TooLarge`; the adapter's own errors when the store fails.
        """
        ...

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> Sequence[Recorded]:
        """The thread's events in `seq` order; empty for an unknown thread. `CorruptEvent`."""
        ...

    def read_command(self, command_id: str) -> Sequence[Recorded]:
        """The events of one command, in order; empty if it left none."""
        ...


class Threads(Protocol):
    """Folded threads. What is remembered may be old; what is current was read just now."""

    def remembered(self, thread_id: str) -> Thread | None:
        """The last state seen in this process, without asking the log."""
        ...

    def current(self, thread_id: str) -> Thread:
        """The thread as the log has it now; with `seq` 0 if it does not exist."""
        ...

    def remember(self, thread: Thread) -> None:
        """This state was just appended."""
        ...


class Clock(Protocol):
    """The time, and nothing else."""

    def now(self) -> datetime:
        """Now, in UTC."""
        ...


class Pause(Protocol):
    """Lets that time pass."""

    def __call__(self, seconds: float, /) -> None: ...


class Entropy(Protocol):
    """Randomness for ids."""

    def bytes(self) -> bytes:
        """Sixteen fresh random bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a turn until it runs out.

    `token` is 1 for the first holder a turn ever has, and grows each time the lease passes on: with
    a larger one somebody has worked on the turn before and did not end it.
    """

    turn_id: str
    thread_id: str
    holder: str
    token: int
    seconds_left: float


class Leases(Protocol):
    """Who works on which turn, by the store's clock. Calls block; the store's errors pass."""

    def acquire(self, turn_id: str, thread_id: str, holder: str, seconds: float) -> Lease | None:
        """The lease, if nobody holds it or it has run out; else None, also for its own holder."""
        ...

    def renew(self, lease: Lease, seconds: float) -> bool:
        """Whether the lease was still ours, not run out, and now runs for another `seconds`."""
        ...

    def release(self, lease: Lease) -> None:
        """Lets the lease run out now, if it is still ours. Its token stays known."""
        ...

    def find(self, turn_id: str) -> Lease | None:
        """The turn's last lease, alive (`seconds_left` above 0) or run out; None if it had none."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the context, as the model sees it.

    `role` is user, assistant, tool or system; `kind` the item it comes from. A tool message is a
    call with its answer: `summary` and `detail` say what was asked, `text` and `result` what came
    back, and `error` why it failed or was cut short.
    """

    role: str
    kind: ItemKind
    text: str
    item_id: str
    summary: str = ""
    detail: Json | None = None
    result: Json | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TurnContext:
    """All an engine is given to run a turn. The last user message is the prompt that opened it."""

    thread_id: str
    turn_id: str
    kind: TurnKind
    options: TurnOptions
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class ItemBegan:
    """The engine began an item. `key` is the engine's own name for it until it ends."""

    key: str
    kind: ItemKind
    summary: str
    detail: Json | None = None


@dataclass(frozen=True, slots=True)
class ItemEnded:
    """The item of that key is over; with an `error` it failed."""

    key: str
    text: str | None = None
    result: Json | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ItemNoted:
    """An item that is over as soon as it is known, such as a message that came whole."""

    kind: ItemKind
    summary: str
    text: str | None = None
    detail: Json | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens used since the last report."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """The engine asks whether it may. `key` is its own name for the question, to wait for the
    answer by; `item` the key of the open item that waits for it, if one does.
    """

    key: str
    summary: str
    detail: Json | None = None
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an approval: `by` is who approved or denied it, `note` what they said to it.

    Nobody will answer one that is `cancelled`; `reason` says why: the turn is to stop or has ended
    (`interrupt`, `end`), or its item has (`item`).
    """

    decision: ApprovalDecision | Literal["cancelled"]
    by: str | None = None
    note: str | None = None
    reason: CancelReason | None = None


@dataclass(frozen=True, slots=True)
class StepBoundary:
    """Between two steps: the engine can take new input now, by `take_input`."""


# What an engine reports. A report that cannot be recorded (of another class, with fields of other
# types, with details that are no JSON) ends its turn as failed.
EngineEvent = ItemBegan | ItemEnded | ItemNoted | Used | ApprovalAsked | StepBoundary


class TurnHandle(Protocol):
    """The runner's side of one running turn, as the engine sees it. Each turn has its own (D18)."""

    @property
    def interrupted(self) -> bool:
        """Whether this turn was asked to stop."""
        ...

    async def wait_interrupted(self) -> None:
        """Returns when this turn is asked to stop."""
        ...

    async def wait_input(self) -> None:
        """Returns when a steer may wait for the next step boundary; for an engine that is idle."""
        ...

    def take_input(self) -> tuple[Message, ...]:
        """The steers delivered since it was last called; they are in the log already."""
        ...

    async def wait_answer(self, key: str) -> Answer:
        """What became of the approval asked for under that key, once it is in the log.

        An interrupt cancels it. Again the same when it is called again; `LookupError` if nothing
        was asked for under that key.
        """
        ...


class EngineTurn(Protocol):
    """One turn in the engine."""

    def run(self, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        """What happens, as it happens; an exception ends the turn as failed with its message.

        The iterator's end is the turn's end, unless a steer arrived meanwhile: then `run` is called
        again on the same object, with the steers in `take_input`. After an interrupt it must end
        soon; what does not is cancelled. Items it leaves open are closed.
        """
        ...

    async def close(self) -> None:
        """Gives up what `start` took. Called once, however the turn ended."""
        ...


class Engine(Protocol):
    """Runs turns, several at once.

    `steerable` is for the settings of threads it is to serve: an engine that is not must not be
    given turns that are.
    """

    @property
    def name(self) -> str: ...

    @property
    def steerable(self) -> bool: ...

    async def start(self, context: TurnContext) -> EngineTurn:
        """Makes ready for this turn, or raises: the turn then ends by `start_failed`."""
        ...


class EngineCannotStart(TurnlogError):
    """The engine {engine} could not start: {why}."""
