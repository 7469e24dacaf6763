"""The log in memory keeps the contract."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Thread

import pytest

from adapters.memory.leases import MemoryLeases
from adapters.memory.recorder import MemoryLogRecorder
from adapters.recorder import LogRecorder
from domain.ports import Fence
from tests.contracts.event_store import MAX_EVENT_BYTES, EventStoreContract
from tests.contracts.records import record
from tests.fixtures.clock import START, HandClock


@pytest.fixture(autouse=True)
def restless_threads() -> Iterator[None]:
    """Threads that take turns so often that what is not locked shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


class TestMemoryLog(EventStoreContract):
    @pytest.fixture
    def log(self) -> LogRecorder:
        return MemoryLogRecorder(max_event_bytes=MAX_EVENT_BYTES)

    @pytest.fixture
    def unlimited_log(self) -> LogRecorder:
        return MemoryLogRecorder()


def test_no_lease_passes_on_between_the_check_and_the_append(clock: HandClock) -> None:
    leases, moved = MemoryLeases(clock), list[bool]()
    lease = leases.acquire("turn_1", "thr_a", "one", 30)
    assert lease is not None

    def while_it_is_stored() -> datetime:
        # From another thread, for the lock lets its own through.
        other = Thread(target=lambda: moved.append(leases.lock.acquire(blocking=False)))
        other.start()
        other.join()
        return START

    log = MemoryLogRecorder(clock=while_it_is_stored, leases=leases)
    log.append([record("thr_a", 1)], 0, Fence("turn_1", lease.token))
    assert moved == [False]


def test_a_clock_that_is_set_back_does_not_set_the_log_back(clock: HandClock) -> None:
    log = MemoryLogRecorder(clock=clock.now)
    log.append([record("thr_a", 1)])
    clock.advance(-3600)
    log.append([record("thr_a", 2)])
    clock.advance(3601)
    log.append([record("thr_a", 3)])
    times = [entry.recorded_at for entry in log.select_thread("thr_a")]
    assert times == [START, START, START + timedelta(seconds=1)]
