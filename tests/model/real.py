"""One command on the real service, over one thread's history.

The log and the memory of the process keep the promises of `domain.ports` in the fewest lines; all
that is decided, appended and answered comes from `domain/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain import ids
from domain.command import body_hash
from domain.errors import LeaseLost, Refused, TurnlogError
from domain.events.base import Event
from domain.events.thread import ThreadUnarchived
from domain.execution import Execution, Intent
from domain.options import ThreadSettings
from domain.outcome import Outcome
from domain.ports import CommandRecorded, Conflict, Fence, Recorded, Uncommitted
from domain.service import ThreadService
from domain.thread import Thread, fold
from tests.fixtures.clock import START, CountingEntropy, HandClock
from tests.strategies import Call, play

THREAD = "thr_1"
ANOTHER = "thr_3"
History = tuple[Recorded, ...]
# What a broken domain raises instead of answering.
ERRORS = (TurnlogError, AssertionError, LookupError, TypeError, ValueError)


class ThreadLog:
    """The log of one thread, and its active turn's lease, if one runs.

    `receipts` are commands recorded besides those of the history; `elsewhere` is another thread, if
    one was made.
    """

    def __init__(
        self,
        history: History,
        receipts: Mapping[str, History] | None = None,
        running: Fence | None = None,
    ) -> None:
        self.history = history
        self.elsewhere: History = ()
        self._receipts = receipts or {}
        self._running = running

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> History:
        first = entries[0].event
        if first.receipt is not None and self.read_command(first.command_id):
            raise CommandRecorded(command_id=first.command_id)
        here = first.thread_id == THREAD
        before = self.history if here else self.elsewhere
        if len(before) != expected_seq:
            raise Conflict(thread_id=first.thread_id)
        if fence is not None and fence.token != self._token(fence.turn_id):
            raise LeaseLost(turn_id=fence.turn_id, why="another has its lease")
        start = len(before) + 1
        recorded = tuple(
            Recorded(number, number, version, START, b"", event)
            for number, (event, version) in enumerate(entries, start)
        )
        if here:
            self.history += recorded
        else:
            self.elsewhere += recorded
        return recorded

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> History:
        return self.history[after_seq:upto_seq] if thread_id == THREAD else ()

    def read_command(self, command_id: str) -> History:
        found = self._receipts.get(command_id)
        if found is not None:
            return found
        return tuple(entry for entry in self.history if entry.event.command_id == command_id)

    def _token(self, turn_id: str) -> int | None:
        return self._running.token if self._running and self._running.turn_id == turn_id else None


class Memory:
    """What the process remembers of the thread, and what the log would tell it if asked."""

    def __init__(self, remembered: Thread | None, log: ThreadLog, current: Thread) -> None:
        self.state = remembered
        self._log, self._current = log, current

    def remembered(self, thread_id: str) -> Thread | None:
        return self.state if thread_id == THREAD else None

    def current(self, thread_id: str) -> Thread:
        return self._current if thread_id == THREAD else Thread(thread_id)

    def remember(self, thread: Thread) -> None:
        if thread.thread_id == THREAD:
            self.state = thread


class Service(ThreadService):
    """Knows the id of the thread that a `start` makes: the only one, or another if it is there."""

    def __init__(self, execution: Execution, new_thread: str) -> None:
        super().__init__(execution)
        self._new_thread = new_thread

    def new_id(self, prefix: ids.Prefix) -> str:
        return self._new_thread if prefix == "thr" else super().new_id(prefix)


class Done(NamedTuple):
    """What became of a command: its answer, what it appended, here or elsewhere, and the state that
    is remembered.

    An answer that is neither an outcome nor a refusal is an error nobody may get to see.
    """

    answer: Outcome | Refused | Exception
    appended: History
    remembered: Thread | None
    elsewhere: History = ()

    @property
    def refusal(self) -> type[Refused] | None:
        return type(self.answer) if isinstance(self.answer, Refused) else None


def do(
    call: Call,
    history: History,
    current: Thread,
    *,
    remembered: Thread | None,
    receipts: Mapping[str, History] | None = None,
    running: Fence | None = None,
) -> Done:
    """The command, given by a process that remembers this of the thread."""
    log = ThreadLog(history, receipts, running)
    memory = Memory(remembered, log, current)
    entropy = CountingEntropy(len(history))
    answer: Outcome | Exception
    try:
        service = Service(
            Execution(log, memory, HandClock(), entropy), ANOTHER if history else THREAD
        )
        answer = play(service, call)
    except ERRORS as error:
        answer = error
    return Done(answer, log.history[len(history) :], memory.state, log.elsewhere)


class _Noting(Execution):
    """Notes what is asked for instead of doing it."""

    def __init__(self) -> None:
        log = ThreadLog(())
        super().__init__(log, Memory(None, log, Thread(THREAD)), HandClock(), CountingEntropy())
        self.intent: Intent | None = None

    def run(self, intent: Intent) -> Outcome:
        self.intent = intent
        return Outcome(thread_id=intent.thread_id, command_id=intent.key)


def receipt_of(call: Call) -> str:
    """The hash of the command's body, as its first event keeps it."""
    noting = _Noting()
    play(ThreadService(noting), call)
    assert noting.intent is not None
    return body_hash(noting.intent.name, noting.intent.body)


def record_of(call: Call, key: str) -> History:
    """A record of that command. Of its events only the first one's receipt and thread matter."""
    event: Event = ThreadUnarchived(
        thread_id=THREAD, actor="user", command_id=key, at=START, receipt=receipt_of(call)
    )
    return (Recorded(1, 1, 1, START, b"", event),)


def first_thread(settings: ThreadSettings) -> tuple[History, Thread]:
    """A thread that was just created."""
    call = {"thread_id": THREAD, "settings": settings, "command_id": "cmd_create"}
    log = ThreadLog(())
    memory = Memory(None, log, Thread(THREAD))
    service = ThreadService(Execution(log, memory, HandClock(), CountingEntropy()))
    service.create(**call)  # type: ignore[arg-type]
    return log.history, fold(Thread(THREAD), (entry.event for entry in log.history))
