"""Folded threads in memory: what is remembered, and what is read to bring it forward."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.threads import CachedThreads
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
