"""Group commit: how appends of many callers become batches."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from adapters.errors import StoreBusy
from adapters.postgres import writer
from adapters.postgres.batch import Append, Move, Outcome
from adapters.postgres.writer import AppendInterrupted, GroupWriter, WriterClosed
from adapters.postgres.writer import _Caller as Caller
from adapters.records import VersionConflict, Written
from tests.contracts.records import record
from tests.fixtures.patience import PATIENCE, eventually

WRITTEN = Written(1, [1], [bytes(32)], recorded_at=datetime(2025, 1, 1, tzinfo=UTC))


class Gate:
    """A BatchWriter that notes its batches and holds each until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.is_closed = False
        self.arrived = threading.Semaphore(0)
        self._open = threading.Semaphore(0)
        self.answer: Callable[[Append], Outcome] = lambda _: WRITTEN

    def write(self, appends: Sequence[Append], on_sent: Callable[[], None]) -> list[Outcome]:
        self.batches.append([append.records[0].thread_id for append in appends])
        self.arrived.release()
        on_sent()
        assert self._open.acquire(timeout=PATIENCE)
        return [self.answer(append) for append in appends]

    def close(self) -> None:
        self.is_closed = True

    def let_through(self, batches: int = 1) -> None:
        self._open.release(batches)

    def wait_for_batch(self) -> None:
        assert self.arrived.acquire(timeout=PATIENCE)


def append(name: str, size: int = 0) -> Append:
    return Append([record(name, data=b'{"a":"' + b"x" * size + b'"}')])


class Stage:
    """A writer over a gate, and callers."""

    def __init__(self, max_waiting: int = 100) -> None:
        self.gate = Gate()
        self.writer = GroupWriter(self.gate, max_waiting=max_waiting)

    def call(self, name: str, **how: int) -> Future[Written]:
        """Have it appended by a thread of its own, and return when it waits."""
        return self.submit(append(name, **how))

    def submit(self, given: Append) -> Future[Written]:
        calls = len(self.writer._waiting) + len(self.gate.batches)
        future: Future[Written] = Future()
        # A daemon: should it wait for ever, it is the test that fails.
        threading.Thread(target=self._write, args=(given, future), daemon=True).start()
        eventually(lambda: len(self.writer._waiting) + len(self.gate.batches) != calls)
        return future

    def _write(self, given: Append, future: Future[Written]) -> None:
        try:
            future.set_result(self.writer.write(given))
        except BaseException as error:  # noqa: BLE001  (raised by the future)
            future.set_exception(error)

    def lead(self, name: str = "first") -> Future[Written]:
        """Occupy the writer: one append is at the gate."""
        future = self.call(name)
        self.gate.wait_for_batch()
        return future


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_idle_writer_waits_for_nobody(stage: Stage) -> None:
    stage.gate.let_through(3)
    for name in ("a", "b", "c"):
        assert stage.writer.write(append(name)) is WRITTEN
    assert stage.gate.batches == [["a"], ["b"], ["c"]]


def test_those_who_come_during_a_batch_are_the_next_one_in_their_order(stage: Stage) -> None:
    first = stage.lead()
    others = [stage.call(name) for name in "abc"]
    stage.gate.let_through(2)
    assert [future.result(PATIENCE) for future in [first, *others]] == [WRITTEN] * 4
    assert stage.gate.batches == [["first"], ["a", "b", "c"]]


def test_each_caller_gets_its_own_outcome(stage: Stage) -> None:
    conflict = VersionConflict(stream_id="b", version=1, actual=1)
    stage.gate.answer = lambda a: conflict if a.records[0].thread_id == "b" else WRITTEN
    first = stage.lead()
    a, b, c = (stage.call(name) for name in "abc")
    stage.gate.let_through(2)
    assert [future.result(PATIENCE) for future in (first, a, c)] == [WRITTEN] * 3
    assert b.exception(PATIENCE) is conflict


def test_those_who_are_done_are_woken_once_the_next_batch_is_on_its_way(stage: Stage) -> None:
    first = stage.lead()
    a, b = stage.call("a"), stage.call("b")
    stage.gate.let_through()
    assert first.result(PATIENCE) is WRITTEN
    stage.gate.wait_for_batch()
    behind = stage.call("behind")
    stage.gate.let_through()
    # The batch of `behind` is still being written.
    assert a.result(PATIENCE) is b.result(PATIENCE) is WRITTEN
    assert not behind.done()
    stage.gate.let_through()
    assert behind.result(PATIENCE) is WRITTEN


def test_a_batch_is_bounded_in_number(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_BATCH_APPENDS", 2)
    futures = [stage.lead(), *(stage.call(name) for name in "abc")]
    stage.gate.let_through(3)
    assert [future.result(PATIENCE) for future in futures] == [WRITTEN] * 4
    assert stage.gate.batches == [["first"], ["a", "b"], ["c"]]


def test_a_batch_is_bounded_in_bytes(stage: Stage) -> None:
    half = writer.MAX_BATCH_BYTES // 2
    futures = [stage.lead(), stage.call("a", size=half), stage.call("b", size=half)]
    stage.gate.let_through(3)
    assert [future.result(PATIENCE) for future in futures] == [WRITTEN] * 3
    assert stage.gate.batches == [["first"], ["a"], ["b"]]


def test_an_append_larger_than_a_batch_goes_alone(stage: Stage) -> None:
    futures = [stage.lead(), stage.call("a", size=writer.MAX_BATCH_BYTES * 2), stage.call("b")]
    stage.gate.let_through(3)
    assert [future.result(PATIENCE) for future in futures] == [WRITTEN] * 3
    assert stage.gate.batches == [["first"], ["a"], ["b"]]


def test_an_append_that_moves_a_position_goes_alone(stage: Stage) -> None:
    move = Move("follower", "app", 1)
    futures = [stage.lead(), stage.call("a")]
    futures.append(stage.submit(Append([record("b")], None, move)))
    futures.append(stage.call("c"))
    stage.gate.let_through(4)
    assert [future.result(PATIENCE) for future in futures] == [WRITTEN] * 4
    assert stage.gate.batches == [["first"], ["a"], ["b"], ["c"]]


def test_too_many_waiting_are_turned_away(stage: Stage) -> None:
    stage = Stage(max_waiting=2)
    waiting = [stage.lead(), stage.call("a"), stage.call("b")]
    with pytest.raises(StoreBusy, match="2 appends are waiting already"):
        stage.writer.write(append("c"))
    stage.gate.let_through(2)
    assert [future.result(PATIENCE) for future in waiting] == [WRITTEN] * 3


def test_closing_lets_those_who_wait_through_and_takes_no_more(stage: Stage) -> None:
    waiting = [stage.lead(), stage.call("a"), stage.call("b")]
    closing = threading.Thread(target=stage.writer.close)
    closing.start()
    eventually(lambda: stage.writer._is_closed)
    with pytest.raises(WriterClosed):
        stage.writer.write(append("c"))
    assert not stage.gate.is_closed
    stage.gate.let_through(2)
    assert [future.result(PATIENCE) for future in waiting] == [WRITTEN] * 3
    closing.join(PATIENCE)
    assert stage.gate.is_closed


def test_a_leader_that_breaks_down_leaves_nobody_waiting(stage: Stage) -> None:
    def break_down(_: Append) -> Outcome:
        raise KeyboardInterrupt

    first = stage.lead()
    a, b = stage.call("a"), stage.call("b")
    stage.gate.let_through(1)
    first.result(PATIENCE)
    stage.gate.answer = break_down
    stage.gate.wait_for_batch()
    later = stage.call("later")
    stage.gate.let_through(1)
    assert isinstance(a.exception(PATIENCE), KeyboardInterrupt)
    assert isinstance(b.exception(PATIENCE), AppendInterrupted)
    stage.gate.answer = lambda _: WRITTEN
    stage.gate.let_through(1)
    assert later.result(PATIENCE) is WRITTEN


def test_a_caller_interrupted_while_it_waits_holds_up_nobody(stage: Stage) -> None:
    first = stage.lead()

    main_thread = threading.get_ident()
    has_been_heard = threading.Event()

    def hear(*_: object) -> None:
        # Once: what was pressed before that was noticed must not interrupt what comes after it.
        if not has_been_heard.is_set():
            has_been_heard.set()
            raise KeyboardInterrupt

    def press_ctrl_c() -> None:
        eventually(lambda: stage.writer._waiting)
        # Python does not hear a signal that comes just before it goes to sleep on the lock.
        while not has_been_heard.wait(0.01):
            signal.pthread_kill(main_thread, signal.SIGINT)

    before = signal.signal(signal.SIGINT, hear)
    impatient = threading.Thread(target=press_ctrl_c)
    impatient.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            stage.writer.write(append("interrupted"))
    finally:
        has_been_heard.set()
        impatient.join()
        signal.signal(signal.SIGINT, before)
    behind = stage.call("behind")
    stage.gate.let_through(2)
    assert first.result(PATIENCE) is behind.result(PATIENCE) is WRITTEN
    assert stage.gate.batches == [["first"], ["behind"]]


def test_a_leader_to_be_that_is_interrupted_passes_it_on_and_wakes_those_who_are_done() -> None:
    batches = GroupWriter(Gate())
    interrupted, behind, done = (Caller(append(name)) for name in ("a", "b", "done"))
    # As if the interrupt came when the batch before was done and it was woken to lead.
    batches._leader, interrupted.followers = interrupted, [done]
    batches._waiting.extend([interrupted, behind])
    batches._leave(interrupted)
    assert batches._leader is behind
    assert list(batches._waiting) == [behind]
    assert behind.wake.acquire(timeout=0)
    assert done.wake.acquire(timeout=0)


def test_a_caller_interrupted_while_its_batch_is_written_holds_up_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FAN_OUT", 1)
    stage.lead()
    others = [stage.call(name) for name in "abc"]
    stage.gate.let_through()
    stage.gate.wait_for_batch()
    _, interrupted, _ = stage.writer._batch
    interrupted.wake = threading.Lock()  # its thread has left
    interrupted.wake.acquire()
    stage.writer._leave(interrupted)
    stage.gate.let_through()
    assert others[0].result(PATIENCE) is others[2].result(PATIENCE) is WRITTEN


def test_a_caller_interrupted_before_it_wakes_others_wakes_them_all_the_same() -> None:
    interrupted, follower = Caller(append("a")), Caller(append("b"))
    interrupted.followers = [follower]
    GroupWriter(Gate())._leave(interrupted)
    assert follower.wake.acquire(timeout=0)


def test_a_leader_interrupted_while_it_takes_its_batch_leaves_nobody_behind() -> None:
    batches = GroupWriter(Gate())
    leader, taken, half_taken, behind = (Caller(append(name)) for name in "abcd")
    batches._leader, batches._batch = leader, [leader, taken, half_taken]
    batches._waiting.extend([half_taken, behind])
    batches._leave(leader)
    assert isinstance(taken.outcome, AppendInterrupted)
    assert isinstance(half_taken.outcome, AppendInterrupted)
    assert (batches._leader, list(batches._waiting)) == (behind, [behind])
    behind.wake_followers()
    assert taken.wake.acquire(timeout=0)
    assert half_taken.wake.acquire(timeout=0)


def test_everybody_is_woken_whatever_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for fan_out in (1, 2, 4):
        monkeypatch.setattr(writer, "FAN_OUT", fan_out)
        for number in range(20):
            callers = [Caller(append(str(i))) for i in range(number)]
            awake = list(writer._as_tree(callers))
            for caller in awake:
                awake.extend(caller.followers)
            assert awake == callers
