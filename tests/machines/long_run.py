"""Two processes on one log in memory, with a model of each thread, for as long as one likes.

The laws are checked over whole histories, which takes as long as they are. So that is done when a
history has grown by a part, and at the end: what breaks a law once is seen then, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from adapters.audit import audit_thread
from adapters.event_log import RecordedLog
from adapters.memory.recorder import MemoryLogRecorder
from adapters.thread_states import decode_state, encode_state
from adapters.threads import CachedThreads
from domain.errors import CommandConflict, Refused
from domain.execution import Execution
from domain.outcome import Outcome
from domain.ports import Recorded
from domain.service import ThreadService
from domain.thread import Thread
from projections.replay import replay
from tests.domain.model import Model, Running, Waiting
from tests.fixtures.clock import CountingEntropy, HandClock
from tests.machines.deeds import Deed
from tests.machines.wishes import Wish, told
from tests.strategies import aim

BEGINNING: Final = ("thr_1", "thr_2")
MOST_THREADS: Final = 6
GROWTH: Final = 8  # an eighth more
LEAST_GROWTH: Final = 200  # events
REMEMBERED: Final = 400  # commands that may be repeated


class MemorySnapshots:
    """Snapshots as bytes, as the database keeps them."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load(self, thread_id: str) -> Thread | None:
        data = self._kept.get(thread_id)
        return decode_state(data) if data else None

    def save(self, thread: Thread) -> bool:
        self._kept[thread.thread_id] = encode_state(thread)
        return True


def _silently(_line: str) -> None:
    """Nobody listens."""


class LongRun:
    """Does deeds. AssertionError, or whatever else comes, when something is not as it must be."""

    def __init__(self, tell: Callable[[str], None] = _silently) -> None:
        self.deeds: list[Deed] = []
        self._tell = tell
        self._recorder = MemoryLogRecorder()
        self._log = RecordedLog(self._recorder)
        self._clock, self._snapshots = HandClock(), MemorySnapshots()
        self._number = 0
        self._services = [self._process(), self._process()]
        self._recorded: list[tuple[Wish, Outcome]] = []
        self._judged: dict[str, int] = {}
        self._models: dict[str, Model] = {}
        for thread_id in BEGINNING:
            self._services[0].create(thread_id=thread_id)
            self._models[thread_id] = Model()

    @property
    def events(self) -> int:
        """So many are in the log."""
        return self._recorder.head()

    def do(self, deed: Deed) -> None:
        """One thing, and the checks that follow it."""
        self.deeds.append(deed)
        self._clock.advance(deed.pick % 3)
        every = list(self._models)
        thread_id = every[deed.at % len(every)]
        match deed.what:
            case "move":
                self._move(deed, thread_id)
            case "again" | "misuse":
                self._repeat(deed)
            case "fork":
                self._fork(deed, thread_id)
            case "forget":
                self._services[deed.who] = self._process()
        self._judge_if_grown(thread_id)

    def judge(self) -> None:
        """All that holds of every history."""
        for thread_id in self._models:
            self._judge(thread_id)

    def _process(self) -> ThreadService:
        """One that has nothing in memory."""
        self._number += 1
        threads = CachedThreads(self._log, self._snapshots)
        entropy = CountingEntropy(self._number)
        return ThreadService(Execution(self._log, threads, self._clock, entropy))

    def _move(self, deed: Deed, thread_id: str) -> None:
        self._number += 1
        # (Who looks knows the thread; so the look is the other one's, every other time.)
        thread = self._services[deed.pick % 2].thread(thread_id)
        call = aim(deed.move, thread, self._number)
        wish = Wish.of(call)
        before = self.events
        answer = wish.said_to(self._services[deed.who])
        self._tell(f"{deed.who} {wish}: {told(answer)}")
        model = self._models[thread_id]
        refusal = model.do(call)
        assert (type(answer) if isinstance(answer, Refused) else None) is refusal
        if isinstance(answer, Refused):
            assert self.events == before
            return
        _learn(model, call.method, answer)
        if answer.seq is not None and wish.key is not None:
            self._recorded.append((wish, answer))
            del self._recorded[:-REMEMBERED]
        self._compare(thread_id)

    def _repeat(self, deed: Deed) -> None:
        if not self._recorded:
            return
        wish, outcome = self._recorded[deed.pick % len(self._recorded)]
        said = wish if deed.what == "again" else wish.otherwise(deed.pick)
        if said is None:
            return
        before = self.events
        answer = said.said_to(self._services[deed.who])
        self._tell(f"{deed.who} {said}: {told(answer)}")
        if deed.what == "again":
            assert answer == outcome
            assert isinstance(answer, Outcome)
            assert answer.repeated
        else:
            assert isinstance(answer, CommandConflict)
        assert self.events == before

    def _fork(self, deed: Deed, thread_id: str) -> None:
        """Also of forks. The model of the new thread begins with what is there."""
        if len(self._models) >= MOST_THREADS:
            return
        history = self._log.read_thread(thread_id)
        seq = 1 + deed.pick * (len(history) - 1) // 1_000
        outcome = self._services[deed.who].fork(thread_id, at_seq=seq)
        self._tell(f"{deed.who} fork of {thread_id} at {seq}: {outcome.thread_id}")
        assert self._log.read_thread(thread_id) == history
        thread = self._services[deed.who].thread(outcome.thread_id)
        assert (thread.turn, thread.inbox, thread.archived) == (None, (), False)
        self._models[outcome.thread_id] = Model(
            policy=thread.settings.queue_on_interrupt,
            steerable=thread.settings.steerable,
            model=thread.settings.options.model,
            failures=thread.failures,
            context=[turn.turn_id if turn.prompted else None for turn in thread.context],
        )
        self._judge(outcome.thread_id)

    def _compare(self, thread_id: str) -> None:
        """The thread is what the model says."""
        thread, model = self._services[0].thread(thread_id), self._models[thread_id]
        waiting = [Waiting(p.input_id, p.text, p.delivery, p.state) for p in thread.inbox]
        assert waiting == model.inbox
        assert (thread.archived, thread.failures) == (model.archived, model.failures)
        assert len(thread.context) == len(model.context)
        assert _slot(thread) == model.slot
        settings = thread.settings
        assert (settings.queue_on_interrupt, settings.steerable) == (model.policy, model.steerable)
        assert settings.options.model == model.model

    def _judge_if_grown(self, thread_id: str) -> None:
        seq = self._services[0].thread(thread_id).seq
        judged = self._judged.get(thread_id, 0)
        if seq - judged >= max(LEAST_GROWTH, judged // GROWTH):
            self._judge(thread_id)

    def _judge(self, thread_id: str) -> None:
        """Numbers, chain, laws, fold and snapshot; and what every process remembers of it."""
        entries = self._recorder.select_thread(thread_id)
        audit = audit_thread(thread_id, entries, self._snapshots.load(thread_id))
        assert audit.findings == (), audit.findings[:5]
        self._judged[thread_id] = len(entries)
        afresh = CachedThreads(self._log).current(thread_id)
        for service in self._services:
            assert service.thread(thread_id) == afresh
        _check_rows(audit.history, afresh)


def _check_rows(history: Sequence[Recorded], thread: Thread) -> None:
    """The rows of the read models say of what waits and runs what the state says."""
    rows = replay(history)
    assert rows.thread is not None
    assert rows.thread.active_turn_id == (thread.turn.turn_id if thread.turn else None)
    assert [p.input_id for p in rows.inbox] == [p.input_id for p in thread.inbox]
    in_context = [turn.turn_id for turn in rows.turns if turn.in_context]
    assert in_context == [turn.turn_id for turn in thread.context]


def _learn(model: Model, method: str, outcome: Outcome) -> None:
    """The ids that the service chose."""
    assert not outcome.repeated
    slot = model.slot
    if slot is not None and slot.turn_id is None:
        assert outcome.started_turn_id is not None
        slot.turn_id = outcome.started_turn_id
    if method == "start_item":
        assert slot is not None
        slot.items.extend(outcome.item_ids)
    if method == "take_steers":
        assert [steer.input_id for steer in outcome.delivered] == model.delivered


def _slot(thread: Thread) -> Running | None:
    turn = thread.turn
    if turn is None:
        return None
    return Running(
        turn.input_id,
        turn.steerable,
        turn.interrupt,
        turn.turn_id,
        [item.item_id for item in turn.open_items],
        {approval.approval_id: approval.item_id for approval in turn.open_approvals},
    )
