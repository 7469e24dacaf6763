"""Users and runners who send commands while faults strike, and repeat what was not answered."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from adapters.audit import audit_thread
from adapters.errors import StoreError
from adapters.recorder import LogRecorder
from domain.errors import Refused, ThreadContended, TurnlogError
from domain.events.prompt import PromptAdmitted
from domain.events.turn import TurnStatus
from domain.options import Delivery, QueuePolicy
from domain.outcome import Outcome
from domain.service import ThreadService
from domain.turn import Turn
from tests.faults.ledger import UNCERTAIN
from tests.fixtures.patience import PATIENCE

T = TypeVar("T")

STATUSES: Final[Sequence[TurnStatus]] = ("completed",) * 5 + ("failed",)
DELIVERIES: Final[Sequence[Delivery | None]] = (None, "queue", "queue", "steer", "interrupt")
POLICIES: Final[Sequence[QueuePolicy | None]] = (None, "hold", "continue", "discard")

_numbers = itertools.count(1)


@dataclass
class Answer:
    """What became of one prompt in the end, for who sent it."""

    thread_id: str
    outcome: Outcome | None = None
    refusal: TurnlogError | None = None
    was_uncertain: bool = False


class Postbox:
    """Every prompt that was sent, by its input_id."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.repeats = 0

    def send(self, thread_id: str, input_id: str, command: Callable[[], Outcome]) -> None:
        """Send a prompt until it is answered or refused."""
        answer = self.answers[input_id] = Answer(thread_id)
        try:
            answer.outcome = self.insist(command, answer)
        except (Refused, ThreadContended) as refusal:
            answer.refusal = refusal

    def insist(self, command: Callable[[], T], answer: Answer | None = None) -> T:
        """Repeat a command, or a read, until it is answered. Raises Refused, ThreadContended."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return command()
            except StoreError as error:
                if time.monotonic() > deadline:
                    raise AssertionError("it never worked") from error
                self.repeats += 1
                if answer is not None and isinstance(error, UNCERTAIN):
                    answer.was_uncertain = True

    def check(self, log: LogRecorder, threads: Sequence[str]) -> None:
        """All laws hold in these threads, and every prompt is in the log as its sender knows."""
        for thread_id in threads:
            audit = audit_thread(thread_id, log.select_thread(thread_id))
            assert audit.findings == (), audit.findings
            admitted = {
                (recorded.event.input_id, recorded.seq)
                for recorded in audit.history
                if isinstance(recorded.event, PromptAdmitted)
            }
            sent = {i: a for i, a in self.answers.items() if a.thread_id == thread_id}
            problems = list(_wrong(sent, admitted))
            assert problems == [], problems


def _wrong(sent: dict[str, Answer], admitted: set[tuple[str, int]]) -> Iterator[str]:
    for input_id, answer in sent.items():
        seqs = [seq for admitted_id, seq in admitted if admitted_id == input_id]
        if answer.outcome is not None:
            admission = answer.outcome.admission
            if admission is None or seqs != [admission.admitted_seq]:
                yield f"{input_id} was admitted as {admission}, and is in the log at {seqs}"
        elif answer.refusal is None:
            yield f"{input_id}: its sender was told nothing"
        elif seqs and not answer.was_uncertain:
            yield f"{input_id} was refused ({answer.refusal!r}), and is in the log at {seqs}"
    for input_id, seq in admitted:
        if input_id not in sent:
            yield f"nobody sent {input_id}, at {seq}"


class User:
    """Sends prompts to threads others use too, and ends turns, as a runner would."""

    def __init__(
        self, service: ThreadService, post: Postbox, threads: Sequence[str], random: Random
    ) -> None:
        self._service = service
        self._post = post
        self._threads = threads
        self._random = random

    def work(self, is_over: Callable[[], bool]) -> None:
        """Send and end until it is over."""
        while not is_over():
            self.step()

    def step(self) -> None:
        """One command, or two."""
        thread_id = self._random.choice(self._threads)
        turn = self._turn(thread_id)
        if turn is None or self._random.random() < 0.4:
            self._submit(thread_id)
            return
        try:
            match self._random.randrange(6):
                case 0:
                    self._steer(thread_id, turn.turn_id)
                case 1:
                    self._interrupt(thread_id, turn.turn_id)
                case _:
                    self._end(thread_id, turn)
        except (Refused, ThreadContended):
            pass  # somebody else was faster

    def drain(self, thread_id: str) -> None:
        """End turns until none is active."""
        while (turn := self._turn(thread_id)) is not None:
            self._end(thread_id, turn)

    def _turn(self, thread_id: str) -> Turn | None:
        return self._post.insist(lambda: self._service.thread(thread_id)).turn

    def _end(self, thread_id: str, turn: Turn) -> None:
        status: TurnStatus = "interrupted"
        if turn.interrupt is None:
            self._post.insist(lambda: self._service.take_steers(thread_id, turn.turn_id))
            status = self._random.choice(STATUSES)
        key = f"cmd_{next(_numbers)}"
        self._post.insist(
            lambda: self._service.finish(thread_id, turn.turn_id, status, command_id=key)
        )

    def _submit(self, thread_id: str) -> None:
        input_id = f"inp_{next(_numbers)}"
        how = self._random.choice(DELIVERIES)
        text = f"prompt {input_id} " + "x" * self._random.randrange(500)
        self._post.send(
            thread_id,
            input_id,
            lambda: self._service.submit(thread_id, text, delivery=how, input_id=input_id),
        )

    def _steer(self, thread_id: str, turn_id: str) -> None:
        input_id = f"inp_{next(_numbers)}"
        self._post.send(
            thread_id,
            input_id,
            lambda: self._service.steer(thread_id, turn_id, "and this", input_id=input_id),
        )

    def _interrupt(self, thread_id: str, turn_id: str) -> None:
        queued = self._random.choice(POLICIES)
        key = f"cmd_{next(_numbers)}"
        self._post.insist(
            lambda: self._service.interrupt(thread_id, turn_id, queued=queued, command_id=key)
        )
