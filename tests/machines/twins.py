"""The service twice, on the store in memory and on PostgreSQL, which must answer and record alike.

On PostgreSQL there are two processes: each with a memory of its own, so each misses what the other
does until it has to look. Process 1 is behind a proxy that can lose its connections.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from adapters.cli.verifying import Verdict, verify_threads
from adapters.composition import Turnlog
from adapters.errors import StoreUnavailable
from adapters.importers.import_files import import_paths
from adapters.importers.report import ImportReport
from domain.outcome import Outcome
from domain.ports import Lease
from tests.fixtures.clock import HandClock
from tests.fixtures.faults import Fault
from tests.machines.chronicle import Chronicle
from tests.machines.process import MAX_EVENT_BYTES, Process
from tests.machines.reference import PROCESSES, Reference
from tests.machines.stage import Stage
from tests.machines.wishes import Answer, Wish, comparable, told

# How far the clock of who commands moves before each command: machines do not agree on the time.
CLOCK_SECONDS: Final = (1, 0, 3, -1, 2)
# The time that goes by in a test is nothing beside these, and never makes a difference.
LEASE_SECONDS: Final = 300_000.0
PASSING_SECONDS: Final = 110_000.0
TRIES: Final = 5


class Twins:
    """What is asked here is asked of both; the log is compared after everything."""

    def __init__(self, stage: Stage, tell: Callable[[str], None], *, watched: bool) -> None:
        self._stage, self._tell = stage, tell
        self._number = 0
        self._clock = HandClock()
        self.chronicle = Chronicle()
        self.reference = Reference(self._clock)
        self.asked: dict[str, tuple[Wish, Answer]] = {}
        self.leases: dict[str, list[Lease]] = {}
        with ExitStack() as stack:
            self.processes: list[Process] = []
            for number in range(PROCESSES):
                database = stage.proxy.database if number else stage.database
                process = Process(database, self._clock, watched=watched and number > 0)
                stack.callback(process.close)
                self.processes.append(process)
            self._stack = stack.pop_all()

    def next_number(self) -> int:
        """A number that nothing has yet."""
        self._number += 1
        return self._number

    # ── Commands ─────────────────────────────────────────────────────────────────────────────────

    def ask(self, wish: Wish, who: int) -> Answer:
        """One command, to that process."""
        number = self._begin()
        answer = self._ask(wish, who, number)
        return self._settle(wish, who, number, answer)

    def race(self, wish: Wish, who: int, meanwhile: Wish) -> None:
        """The other process gets in between the decision and its append.

        If that happens at all, it is as if it had asked first.
        """
        number, later = self._begin(), self._begin()
        answers: list[Answer] = []
        log = self.processes[who].log

        def interfere(_: object) -> None:
            log.before_append = None
            answers.append(self._ask(meanwhile, 1 - who, number))

        log.before_append = interfere
        answer = self._ask(wish, who, later)
        log.before_append = None
        if answers:
            self._agree(meanwhile, 1 - who, number, answers[0])
        self._settle(wish, who, later, answer)

    def lose(self, wish: Wish, fault: Fault) -> None:
        """One command, to process 1, which loses a connection if it comes to that.

        Its answer is that of an undisturbed one. If it could not even read it says so, and is asked
        again.
        """
        number = self._begin()
        self._stage.proxy.arm(fault)
        try:
            answer = self._insist(wish, number)
        finally:
            struck = self._stage.proxy.struck.is_set()
            self._stage.proxy.arm()
        self._tell(f"      {fault.kind} of its {fault.role}: {'yes' if struck else 'no'}")
        self._settle(wish, 1, number, answer)

    def _begin(self) -> int:
        number = self.next_number()
        self._clock.advance(CLOCK_SECONDS[number % len(CLOCK_SECONDS)])
        return number

    def _ask(self, wish: Wish, who: int, number: int) -> Answer:
        process = self.processes[who]
        process.draws.begin(number)
        return wish.said_to(process.service)

    def _insist(self, wish: Wish, number: int) -> Answer:
        for _ in range(TRIES):
            try:
                return self._ask(wish, 1, number)
            except StoreUnavailable as error:
                self._tell(f"      {type(error).__name__}, so once more")
        raise AssertionError("it never worked")

    def _settle(self, wish: Wish, who: int, number: int, answer: Answer) -> Answer:
        self._agree(wish, who, number, answer)
        self.compare_logs()
        return answer

    def _agree(self, wish: Wish, who: int, number: int, answer: Answer) -> None:
        expected = self.reference.ask(wish, who, number)
        self._tell(f"{number:4} process {who}: {wish}: {told(answer)}")
        assert comparable(answer) == comparable(expected)
        key = wish.key
        if key is not None and isinstance(answer, Outcome) and answer.seq and not answer.repeated:
            self.asked[key] = (wish, answer)

    def compare_logs(self) -> None:
        """What is new in both logs."""
        after = self.chronicle.head
        found = self._stage.recorder.select_log(after_position=after, limit=10_000)
        wanted = self.reference.recorder.select_log(after_position=after, limit=10_000)
        new = self.chronicle.take(found, wanted)
        if new:
            self._tell(f"      {', '.join(entry.topic for entry in new)}")

    # ── Leases ───────────────────────────────────────────────────────────────────────────────────

    def acquire(self, turn_id: str, thread_id: str, who: int) -> None:
        """That process wants to work on the turn."""
        taken = (turn_id, thread_id, f"process {who}", LEASE_SECONDS)
        found = self.processes[who].turnlog.leases.acquire(*taken)
        self._tell(f"     process {who} takes the lease of {turn_id}: {found is not None}")
        assert found == self.reference.leases.acquire(*taken)
        if found is not None:
            self.leases.setdefault(turn_id, []).append(found)

    def renew(self, lease: Lease, who: int) -> None:
        """By the one who has it, or had it before."""
        found = self.processes[who].turnlog.leases.renew(lease, LEASE_SECONDS)
        self._tell(f"     renews lease {lease.token} of {lease.turn_id}: {found}")
        assert found == self.reference.leases.renew(lease, LEASE_SECONDS)

    def give_back(self, lease: Lease, who: int) -> None:
        """Likewise."""
        self._tell(f"     gives back lease {lease.token} of {lease.turn_id}")
        self.processes[who].turnlog.leases.release(lease)
        self.reference.leases.release(lease)

    def pass_time(self) -> None:
        """For all leases."""
        self._tell(f"     {PASSING_SECONDS:g} s go by")
        self._stage.pass_time(PASSING_SECONDS)
        self.reference.lease_clock.advance(PASSING_SECONDS)

    def compare_leases(self) -> None:
        """Both stores know the same of every turn that ever had one."""
        for turn_id in self.leases:
            found = self.processes[0].turnlog.leases.find(turn_id)
            wanted = self.reference.leases.find(turn_id)
            assert found is not None
            assert wanted is not None
            assert (found.holder, found.token) == (wanted.holder, wanted.token)
            assert abs(found.seconds_left - wanted.seconds_left) < PASSING_SECONDS / 10

    # ── Imports, and the process ─────────────────────────────────────────────────────────────────

    def bring(self, path: Path, who: int) -> ImportReport:
        """Imports a file on both sides."""
        turnlog: Turnlog = self.processes[who].turnlog
        found = turnlog.import_paths([str(path)], lambda _: None)
        wanted = import_paths([path], self.reference.log, max_event_bytes=MAX_EVENT_BYTES)
        file = found.files[0]
        self._tell(f"     imports: {file.new} new, {file.known} known, {file.problem}")
        assert found == wanted
        assert file.problem is None
        self.compare_logs()
        return found

    def restart(self, who: int) -> None:
        """That process ends, and another one takes its place."""
        self._tell(f"     process {who} starts anew")
        self.processes[who].expect(self.chronicle.entries)
        self.processes[who].restart()

    def look(self, thread_id: str, who: int) -> None:
        """That process reads a thread; from here on it knows it."""
        process = self.processes[who]
        assert process.turnlog.threads.current(thread_id) == self.chronicle.state(thread_id)
        assert process.turnlog.active_turns() == self.reference.active.active_turns()

    def check_memories(self) -> None:
        """What a process remembers of a thread is what its events said, up to there."""
        for process in self.processes:
            for thread_id in self.chronicle.thread_ids:
                known = process.turnlog.threads.remembered(thread_id)
                if known is not None:
                    assert known == self.chronicle.state(thread_id, known.seq)

    def verify(self, who: int) -> None:
        """All that `turnlog verify` looks at. Brings the tables up to the log's end."""
        verdict = Verdict()
        verify_threads(self.processes[who].turnlog, None, verdict, lambda *_: None)
        assert verdict.findings == []
        assert verdict.threads == len(self.chronicle.thread_ids)
        assert verdict.events == self.chronicle.head

    def expect_readers(self) -> None:
        """Who reads along has seen everything, in order."""
        for process in self.processes:
            process.expect(self.chronicle.entries)

    def close(self) -> None:
        """End both processes."""
        self._stack.close()
