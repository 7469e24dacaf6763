"""Both stores side by side: whatever is appended, leased and read, they must answer alike."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from adapters.memory.leases import MemoryLeases
from adapters.memory.recorder import MemoryLogRecorder
from adapters.postgres.batch import Append
from adapters.postgres.connection import Pool
from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.session import WriterSession
from adapters.records import AppendRefused, LogEntry, LogRecord
from domain.ports import Fence, Lease
from tests.contracts.chain import broken_links
from tests.contracts.records import RECEIPT, record
from tests.fixtures.clock import START, HandClock

THREADS = ("thr_a", "thr_b", "thr_c")
STREAMS = ("own", "turn_1", "turn_2")
COMMANDS = ("cmd_1", "cmd_2", "cmd_3", "cmd_4")
TURNS = ("turn_1", "turn_2")
# The time that goes by in a test is nothing beside these, and never makes a difference.
LEASE_SECONDS = 300_000.0
PASSING_SECONDS = 110_000.0

mostly_right = st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1])
threads = st.sampled_from(THREADS)
bounds = st.integers(0, 12)
upper_bounds = st.none() | bounds


@dataclass(frozen=True)
class Event:
    """One event to append: `off` is how far its version is from the right one."""

    stream: str
    off: int


@dataclass(frozen=True)
class Plan:
    """One append: `seq_off` is how far its expected seq is from the right one; None: not given.

    `lease` is a turn, and how far the token is from the last one given; None: no token.
    """

    thread: str
    events: list[Event]
    seq_off: int | None
    command: str | None
    lease: tuple[str, int | None] | None


plans = st.builds(
    Plan,
    thread=threads,
    events=st.lists(
        st.builds(Event, stream=st.sampled_from(STREAMS), off=mostly_right), min_size=1, max_size=4
    ),
    seq_off=st.none() | mostly_right,
    command=st.none() | st.sampled_from(COMMANDS),
    lease=st.none() | st.tuples(st.sampled_from(TURNS), st.none() | mostly_right),
)

Answer = list[LogEntry] | tuple[type[AppendRefused], dict[str, object]]


class Agreement(RuleBasedStateMachine):
    """Drives a PostgreSQL log and one in memory.

    All examples share one database, for making one takes longer than an example. So each has names
    of its own, and positions are compared from where the example began.
    """

    examples = itertools.count()

    def __init__(
        self, log: PostgresLogRecorder, session: WriterSession, leases: PostgresLeases, pool: Pool
    ) -> None:
        super().__init__()
        self.postgres, self.session, self.pool = log, session, pool
        self.clock = HandClock()
        self.leases = leases, MemoryLeases(self.clock)
        self.held: dict[str, list[Lease]] = {turn: [] for turn in TURNS}
        self.memory = MemoryLogRecorder(leases=self.leases[1])
        self.start = log.head()
        self.example = f"x{next(self.examples)}"

    @rule(plan=plans)
    def append(self, plan: Plan) -> None:
        append = self.carry_out([plan])[0]
        expected = self.append_to_memory(append)
        try:
            found: Answer = self.postgres.append(append.records, append.expected_seq, append.fence)
        except AppendRefused as error:
            found = type(error), error.details
        self.agree(found, expected)

    @rule(given=st.lists(plans, min_size=2, max_size=6))
    def append_batch(self, given: list[Plan]) -> None:
        """A batch must do what its appends would do one after the other."""
        batch = self.carry_out(given)
        expected = [self.append_to_memory(append) for append in batch]
        outcomes = self.session.write(batch)
        for append, outcome, wanted in zip(batch, outcomes, expected, strict=True):
            if isinstance(outcome, Exception):
                assert isinstance(outcome, AppendRefused), outcome
                assert (type(outcome), outcome.details) == wanted
            else:
                found = outcome.entries(append.records)
                self.agree(found, wanted)

    @rule(turn=st.sampled_from(TURNS), holder=st.sampled_from(("one", "two")))
    def acquire(self, turn: str, holder: str) -> None:
        found, wanted = (
            leases.acquire(self.name(turn), "thr", holder, LEASE_SECONDS) for leases in self.leases
        )
        assert found == wanted
        if found is not None:
            self.held[turn].append(found)

    @rule(turn=st.sampled_from(TURNS), data=st.data())
    def renew_or_release(self, turn: str, data: st.DataObject) -> None:
        """By the one who has it, or by one who had it before."""
        if not self.held[turn]:
            return
        lease = data.draw(st.sampled_from(self.held[turn]))
        if data.draw(st.booleans()):
            found, wanted = (leases.renew(lease, LEASE_SECONDS) for leases in self.leases)
            assert found == wanted
        else:
            for leases in self.leases:
                leases.release(lease)

    @rule()
    def pass_time(self) -> None:
        self.clock.advance(PASSING_SECONDS)
        with self.pool.connection() as connection:
            query = "UPDATE leases SET expires_at = expires_at - make_interval(secs => %s)"
            connection.execute(query, [PASSING_SECONDS])

    @invariant()
    def both_know_the_same_leases(self) -> None:
        for turn in TURNS:
            found, wanted = (leases.find(self.name(turn)) for leases in self.leases)
            if found is None or wanted is None:
                assert found is wanted
                continue
            assert (found.holder, found.token) == (wanted.holder, wanted.token)
            assert abs(found.seconds_left - wanted.seconds_left) < PASSING_SECONDS / 10

    @rule(thread=threads, after=bounds, upto=upper_bounds, limit=upper_bounds)
    def read_thread(self, thread: str, after: int, upto: int | None, limit: int | None) -> None:
        name = self.name(thread)
        found, wanted = (
            log.select_thread(name, after_seq=after, upto_seq=upto, limit=limit)
            for log in (self.postgres, self.memory)
        )
        self.agree(found, wanted)

    @rule(thread=threads, gt=upper_bounds, lte=upper_bounds, limit=upper_bounds)
    def read_stream(self, thread: str, gt: int | None, lte: int | None, limit: int | None) -> None:
        for desc in (False, True):
            found, wanted = (
                log.select_events(self.name(thread), gt=gt, lte=lte, desc=desc, limit=limit)
                for log in (self.postgres, self.memory)
            )
            self.agree(found, wanted)

    @rule(after=bounds, upto=upper_bounds, limit=bounds)
    def read_log(self, after: int, upto: int | None, limit: int) -> None:
        end = None if upto is None else self.start + upto
        found = self.postgres.select_log(
            after_position=self.start + after, upto_position=end, limit=limit
        )
        wanted = self.memory.select_log(after_position=after, upto_position=upto, limit=limit)
        self.agree(found, wanted)

    @rule(command=st.sampled_from(COMMANDS))
    def read_command(self, command: str) -> None:
        name = self.name(command)
        found, wanted = self.postgres.select_command(name), self.memory.select_command(name)
        self.agree(found, wanted)

    @invariant()
    def both_hold_the_same(self) -> None:
        found = self.postgres.select_log(after_position=self.start, limit=10_000)
        wanted = self.memory.select_log(limit=10_000)
        assert self.postgres.head() - self.start == self.memory.head() == len(wanted)
        self.agree(found, wanted)
        assert broken_links(found) == broken_links(wanted) == []

    def carry_out(self, given: list[Plan]) -> list[Append]:
        """The plans as appends, as if each one before were accepted."""
        seqs: Counter[str] = Counter()
        versions: Counter[str] = Counter()
        appends = []
        for plan in given:
            thread = self.name(plan.thread)
            expected = len(self.memory.select_thread(thread)) + seqs[thread] + (plan.seq_off or 0)
            batch: list[LogRecord] = []
            for event in plan.events:
                stream = thread if event.stream == "own" else self.name(event.stream)
                last = self.memory.select_events(stream, desc=True, limit=1)
                version = last[0].originator_version if last else 0
                version += versions[stream] + 1 + event.off
                versions[stream] += 1
                batch.append(record(thread, max(version, 0), stream_id=stream))
            seqs[thread] += len(batch)
            if plan.command is not None:
                command = self.name(plan.command)
                batch = [replace(r, command_id=command) for r in batch]
                batch[0] = replace(batch[0], receipt=RECEIPT)
            expected_seq = None if plan.seq_off is None else max(expected, 0)
            appends.append(Append(batch, expected_seq, fence=self.fence(plan)))
        return appends

    def fence(self, plan: Plan) -> Fence | None:
        if plan.lease is None:
            return None
        turn, off = plan.lease
        return Fence(self.name(turn), None if off is None else max(len(self.held[turn]) + off, 0))

    def append_to_memory(self, append: Append) -> Answer:
        try:
            return self.memory.append(append.records, append.expected_seq, append.fence)
        except AppendRefused as error:
            return type(error), error.details

    def name(self, name: str) -> str:
        return f"{self.example}_{name}"

    def comparable(self, answer: Answer, start: int = 0) -> object:
        """Without what rightly differs: the time, with it the hash, and where positions begin."""
        if isinstance(answer, tuple):
            return answer
        return [replace(e, id=e.id - start, recorded_at=START, hash=b"") for e in answer]

    def agree(self, in_postgres: Answer, in_memory: Answer) -> None:
        """Both answers must say the same."""
        assert self.comparable(in_postgres, self.start) == self.comparable(in_memory)


def test_both_stores_answer_alike(database: Database, pool: Pool) -> None:
    session, leases = WriterSession(database), PostgresLeases(database, pool)
    with PostgresLogRecorder(database, pool) as log:
        run_state_machine_as_test(
            lambda: Agreement(log, session, leases, pool),  # type: ignore[arg-type]
            settings=settings(stateful_step_count=20),
        )
    session.close()
