"""Folded threads in memory: what is remembered, and what is read to bring it forward."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from adapters.errors import StoreForbidden, StoreUnavailable
from adapters.threads import SNAPSHOT_EVENTS, SNAPSHOT_PART, CachedThreads
from domain.ports import Recorded
from domain.thread import Thread
from tests.adapters.service import Bench


class ReadsCounted:
    """A log that notes from which `seq` on it was read."""

    def __init__(self, bench: Bench) -> None:
        self._log = bench.log
        self.reads: list[int] = []
        self.append = bench.log.append
        self.read_command = bench.log.read_command

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> Sequence[Recorded]:
        self.reads.append(after_seq)
        return self._log.read_thread(thread_id, after_seq=after_seq, upto_seq=upto_seq)


def test_only_new_events_are_read_to_bring_a_thread_forward() -> None:
    bench = Bench()
    thread_id = bench.thread()
    log = ReadsCounted(bench)
    threads = CachedThreads(log)
    assert threads.current(thread_id).seq == 1
    bench.service.submit(thread_id, "hello")
    assert threads.current(thread_id).seq == 6
    assert log.reads == [0, 1]


def test_an_unknown_thread_is_not_remembered() -> None:
    threads = CachedThreads(Bench().log)
    assert not threads.current("thr_x").exists
    assert threads.remembered("thr_x") is None


def test_an_older_state_never_replaces_a_newer_one() -> None:
    threads = CachedThreads(Bench().log)
    threads.remember(Thread("thr_1", seq=5))
    threads.remember(Thread("thr_1", seq=4))
    remembered = threads.remembered("thr_1")
    assert remembered is not None
    assert remembered.seq == 5


def test_the_least_recently_used_thread_is_forgotten_first() -> None:
    threads = CachedThreads(Bench().log, capacity=2)
    for name in ("thr_1", "thr_2"):
        threads.remember(Thread(name, seq=1))
    threads.remembered("thr_1")
    threads.remember(Thread("thr_3", seq=1))
    assert threads.remembered("thr_2") is None
    assert threads.remembered("thr_1") is not None


class Shelf:
    """Snapshots in memory; `is_away` makes it lose the store, `is_busy` have no time."""

    def __init__(self) -> None:
        self.kept: dict[str, Thread] = {}
        self.saved: list[int] = []
        self.is_away = False
        self.is_busy = False

    def load(self, thread_id: str) -> Thread | None:
        return self.kept.get(thread_id)

    def save(self, thread: Thread) -> bool:
        self.saved.append(thread.seq)
        if self.is_away:
            raise StoreUnavailable(target="db", why="it is away", advice="Wait.")
        if not self.is_busy:
            self.kept[thread.thread_id] = thread
        return not self.is_busy


def test_a_thread_that_is_not_in_memory_begins_from_its_snapshot() -> None:
    bench = Bench()
    thread_id = bench.thread()
    bench.service.submit(thread_id, "hello")
    now = bench.threads.current(thread_id)
    shelf, log = Shelf(), ReadsCounted(bench)
    shelf.kept[thread_id] = CachedThreads(bench.log).current(thread_id)
    bench.service.submit(thread_id, "and more", delivery="queue")
    found = CachedThreads(log, shelf).current(thread_id)
    assert log.reads == [now.seq]
    assert found == CachedThreads(bench.log).current(thread_id)


def test_snapshots_come_less_often_the_longer_the_thread_is() -> None:
    shelf = Shelf()
    threads = CachedThreads(Bench().log, shelf)
    for seq in range(1, 20_001):
        threads.remember(Thread("thr_1", seq=seq))
    first, *_, last = shelf.saved
    gaps = [b - a for a, b in zip(shelf.saved, shelf.saved[1:], strict=False)]
    assert first == SNAPSHOT_EVENTS
    assert gaps == sorted(gaps)
    assert gaps[-1] >= (last - gaps[-1]) // SNAPSHOT_PART
    assert 20_000 - last <= 20_000 // SNAPSHOT_PART


def test_a_snapshot_that_cannot_be_kept_is_no_failure_and_not_tried_at_every_command(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf = Shelf()
    shelf.is_away = True
    threads = CachedThreads(Bench().log, shelf)
    for seq in range(SNAPSHOT_EVENTS, SNAPSHOT_EVENTS + 10):
        threads.remember(Thread("thr_1", seq=seq))
    assert shelf.saved == [SNAPSHOT_EVENTS]
    for number in range(2, 10):
        threads.remember(Thread(f"thr_{number}", seq=SNAPSHOT_EVENTS))
    assert len(shelf.saved) == 9
    assert caplog.text.count("snapshots are not saved") == 1


def test_a_snapshot_that_the_store_has_no_time_for_comes_with_the_next_command(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf = Shelf()
    shelf.is_busy = True
    threads = CachedThreads(Bench().log, shelf)
    for seq in range(SNAPSHOT_EVENTS - 1, SNAPSHOT_EVENTS + 5):
        shelf.is_busy = seq < SNAPSHOT_EVENTS + 2
        threads.remember(Thread("thr_1", seq=seq))
    assert shelf.saved == [SNAPSHOT_EVENTS, SNAPSHOT_EVENTS + 1, SNAPSHOT_EVENTS + 2]
    assert shelf.kept["thr_1"].seq == SNAPSHOT_EVENTS + 2
    assert caplog.text == ""


def test_a_thread_that_was_forgotten_meanwhile_is_not_remembered_for_its_snapshot() -> None:
    class Slow(Shelf):
        def save(self, thread: Thread) -> bool:
            threads.remember(Thread("thr_2", seq=1))
            return False

    threads = CachedThreads(Bench().log, Slow(), capacity=1)
    threads.remember(Thread("thr_1", seq=SNAPSHOT_EVENTS))
    assert threads.remembered("thr_1") is None


def test_snapshots_that_may_not_be_read_are_done_without(caplog: pytest.LogCaptureFixture) -> None:
    class Locked(Shelf):
        def load(self, thread_id: str) -> Thread | None:
            raise StoreForbidden(why=f"it may not read the snapshot of {thread_id[:3]}")

    bench = Bench()
    thread_ids = [bench.thread(), bench.thread()]
    threads = CachedThreads(bench.log, Locked())
    assert [threads.current(thread_id).seq for thread_id in thread_ids] == [1, 1]
    assert caplog.text.count("snapshots are not used") == 1


def test_what_was_loaded_is_not_saved_again() -> None:
    shelf = Shelf()
    shelf.kept["thr_1"] = Thread("thr_1", seq=5_000)
    CachedThreads(Bench().log, shelf).current("thr_1")
    assert shelf.saved == []
