"""Load, decide, append; and again if the thread moved on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from domain import ids
from domain.command import Command, body_hash
from domain.errors import (
    CommandConflict,
    InvalidArgument,
    Refused,
    ThreadContended,
    ThreadNotFound,
)
from domain.events.base import Event, TurnEvent
from domain.outcome import Outcome, outcome_of
from domain.ports import (
    Clock,
    CommandRecorded,
    Conflict,
    Entropy,
    EventLog,
    Fence,
    Pause,
    Recorded,
    Threads,
    Uncommitted,
)
from domain.thread import Thread, evolve

Decide = Callable[[Command, Thread], tuple[Event, ...]]

# Each lost attempt means that another writer of the thread got through, so this is not reached
# unless something hammers one thread; then the caller is told instead of starving.
MAX_ATTEMPTS: Final = 64
# A first conflict is decided again at once. Those who meet again and again wait, each for a random
# time that grows, so that they do not meet once more: the whole is over in a few seconds.
FIRST_PAUSE_SECONDS: Final = 0.001
LONGEST_PAUSE_SECONDS: Final = 0.05
MAX_ACTOR_LENGTH: Final = 200


@dataclass(frozen=True)
class Intent:
    """A command as it is asked for. `name` and `body` are what a retry must repeat.

    `key` is the command's id (a prompt's `input_id`); `retryable` says that the caller chose it, so
    that the same command may have been recorded before; `thread_chosen` that it chose the thread,
    so that the command in another thread is another command. `fence` is set for what a worker
    writes into its turn, and for nothing that users do: the turn's lease decides on it (L14).
    """

    name: str
    body: Mapping[str, object]
    thread_id: str
    decide: Decide
    actor: str
    key: str
    retryable: bool
    thread_chosen: bool = True
    fence: Fence | None = None


def _at_once(_seconds: float) -> None:
    """For a log in memory, where nothing takes time."""


class Execution:
    """Runs intents against the log. Safe to share between threads of a process."""

    def __init__(
        self,
        log: EventLog,
        threads: Threads,
        clock: Clock,
        entropy: Entropy,
        pause: Pause = _at_once,
    ) -> None:
        self._log = log
        self._threads = threads
        self._clock = clock
        self._entropy = entropy
        self._pause = pause

    def thread(self, thread_id: str) -> Thread:
        """The thread as it is now; `ThreadNotFound`."""
        return self._threads.current(ids.check("thr", thread_id)).known()

    def history(self, thread_id: str) -> Sequence[Recorded]:
        """All events of the thread so far; `ThreadNotFound`."""
        history = self._log.read_thread(ids.check("thr", thread_id))
        if not history:
            raise ThreadNotFound(thread_id=thread_id)
        return history

    def new_id(self, prefix: ids.Prefix) -> str:
        """A fresh id."""
        return ids.mint(prefix, self._clock.now(), self._entropy.bytes(), "")

    def run(self, intent: Intent) -> Outcome:
        """Decides on the remembered state first and asks the log only when it must.

        An append is accepted only at the `seq` it was decided on, so a decision that appends needs
        no fresh read. A refusal, or a decision to do nothing, is final only when it was made on the
        current state; and a retry of a recorded command is answered before either (L10), and before
        its worker's lease is looked at (`LeaseLost`, which is final, too).
        """
        receipt = body_hash(intent.name, intent.body)
        command = Command(
            intent.key, _checked_actor(intent.actor), self._clock.now(), self._entropy.bytes()
        )
        remembered = self._threads.remembered(ids.check("thr", intent.thread_id))
        for attempt in range(MAX_ATTEMPTS):
            thread = remembered or self._threads.current(intent.thread_id)
            try:
                events = intent.decide(command, thread.native())
            except Refused:
                if remembered is None:
                    if answer := self._answer(intent, receipt):
                        return answer
                    raise
                events = ()
            if not events and remembered is None:
                nothing = Outcome(thread_id=intent.thread_id, command_id=intent.key)
                return self._answer(intent, receipt) or nothing
            if events:
                try:
                    return self._append(_sealed(events, receipt), thread, intent.fence)
                except CommandRecorded:
                    # A fresh key can be there too: by our own append, if its answer was lost.
                    if answer := self._answer(replace(intent, retryable=True), receipt):
                        return answer
                except Conflict:
                    self._back_off(attempt)
            remembered = None
        raise ThreadContended(thread_id=intent.thread_id, attempts=MAX_ATTEMPTS)

    def _back_off(self, attempt: int) -> None:
        if attempt == 0:
            return
        longest = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
        self._pause(longest * self._entropy.bytes()[0] / 256)

    def _append(self, events: Sequence[Event], thread: Thread, fence: Fence | None) -> Outcome:
        entries, after = number(events, thread)
        recorded = self._log.append(entries, expected_seq=thread.seq, fence=fence)
        self._threads.remember(after)
        return outcome_of(recorded)

    def _answer(self, intent: Intent, receipt: str) -> Outcome | None:
        """The recorded outcome of that command; `CommandConflict` if it was another one (L10)."""
        recorded = self._log.read_command(intent.key) if intent.retryable else ()
        if not recorded:
            return None
        first = recorded[0].event
        elsewhere = intent.thread_chosen and first.thread_id != intent.thread_id
        if elsewhere or first.receipt != receipt:
            raise CommandConflict(key=intent.key)
        return replace(outcome_of(recorded), repeated=True)


def number(events: Sequence[Event], thread: Thread) -> tuple[list[Uncommitted], Thread]:
    """The events with their versions in their aggregates, and the thread after them."""
    entries: list[Uncommitted] = []
    for event in events:
        before, thread = thread, evolve(thread, event)
        if isinstance(event, TurnEvent):
            turn = thread.turn or before.turn
            assert turn is not None
            # The end frees the slot; its version is one more than the last the slot had.
            version = turn.version if thread.turn else turn.version + 1
        else:
            version = thread.version
        entries.append(Uncommitted(event, version))
    return entries, thread


def _sealed(events: tuple[Event, ...], receipt: str) -> tuple[Event, ...]:
    return (events[0].sealed(receipt), *events[1:])


def _checked_actor(actor: str) -> str:
    if not actor or len(actor) > MAX_ACTOR_LENGTH or not actor.isprintable():
        why = f"give 1 to {MAX_ACTOR_LENGTH} printable characters"
        raise InvalidArgument(what="The actor", why=why)
    return actor
