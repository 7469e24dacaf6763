"""Part of the contract of the event store: many writers, readers and subscribers."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from adapters.recorder import LogRecorder
from adapters.records import (
    LogRecord,
    SeqConflict,
)
from tests.contracts.chain import broken_links
from tests.contracts.log_views import everything, take
from tests.contracts.records import record, records
from tests.fixtures.patience import PATIENCE, eventually


class ConcurrencyContract:
    """Many writers at once."""

    def test_of_two_decisions_on_the_same_seq_one_wins(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1)])
        start = threading.Barrier(8)

        def decide(number: int) -> bool:
            start.wait(PATIENCE)
            try:
                log.append([record("thr_a", 1, stream_id=f"turn_{number}")], 1)
            except SeqConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as callers:
            assert sum(callers.map(decide, range(8))) == 1
        assert log.head() == 2

    def test_writers_that_retry_all_get_through_without_a_gap(self, log: LogRecorder) -> None:
        def write(number: int) -> None:
            for version in range(1, 21):
                self.append_or_retry(log, record("thr_a", version, stream_id=f"turn_{number}"))

        with ThreadPoolExecutor(6) as callers:
            list(callers.map(write, range(6)))
        entries = log.select_thread("thr_a")
        assert [e.seq for e in entries] == list(range(1, 121))
        assert [e.id for e in everything(log)] == list(range(1, 121))
        assert broken_links(entries) == []

    def append_or_retry(self, log: LogRecorder, event: LogRecord) -> None:
        while True:
            last = len(log.select_thread("thr_a"))
            try:
                log.append([event], last)
            except SeqConflict:
                continue
            return

    def test_a_reader_with_a_cursor_skips_nothing_while_many_write(self, log: LogRecorder) -> None:
        done = threading.Event()
        seen: list[int] = []

        def write(number: int) -> None:
            for version in range(1, 41):
                log.append(records(f"thr_{number}", 2 * version - 1, 2 * version))

        def follow() -> None:
            deadline = time.monotonic() + PATIENCE
            while not (done.is_set() and len(seen) >= 480) and time.monotonic() < deadline:
                last = seen[-1] if seen else 0
                seen.extend(e.id for e in log.select_log(after_position=last, limit=1000))

        follower = threading.Thread(target=follow)
        follower.start()
        with ThreadPoolExecutor(6) as callers:
            list(callers.map(write, range(6)))
        done.set()
        follower.join()
        assert seen == list(range(1, 481))


class SubscriptionContract:
    """Subscriptions never skip and never repeat."""

    def test_it_yields_what_is_there_and_then_what_comes(self, log: LogRecorder) -> None:
        written = log.append(records("thr_a", 1, 3))
        with log.subscribe() as subscription:
            assert take(subscription, 3) == written
            later = log.append(records("thr_a", 4, 5))
            assert take(subscription, 2) == later

    def test_it_begins_after_the_position_given(self, log: LogRecorder) -> None:
        written = log.append(records("thr_a", 1, 5))
        with log.subscribe(gt=3) as subscription:
            assert take(subscription, 2) == written[3:]

    def test_it_yields_the_types_asked_for(self, log: LogRecorder) -> None:
        with log.subscribe(topics=["wanted"]) as subscription:
            log.append([record("thr_a", 1), record("thr_a", 2, type_="wanted")])
            assert [e.id for e in take(subscription, 1)] == [2]
            log.append([record("thr_a", 3), record("thr_a", 4, type_="wanted")])
            assert [e.id for e in take(subscription, 1)] == [4]

    def test_it_yields_each_entry_once_and_in_order_while_many_write(
        self, log: LogRecorder
    ) -> None:
        def write(number: int) -> None:
            for version in range(1, 101):
                log.append([record(f"thr_{number}", version)])

        with log.subscribe() as subscription, ThreadPoolExecutor(6) as callers:
            writing = callers.map(write, range(6))
            positions = [entry.id for entry in take(subscription, 600)]
            list(writing)
        assert positions == list(range(1, 601))

    def test_it_goes_through_more_than_one_page(self, log: LogRecorder) -> None:
        log.append(records("thr_a", 1, 1200))
        with log.subscribe() as subscription:
            assert [e.id for e in take(subscription, 1200)] == list(range(1, 1201))

    def test_stopping_ends_an_iteration_that_waits(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1)])
        with log.subscribe() as subscription:
            threading.Timer(0.05, subscription.stop).start()
            assert [e.id for e in subscription] == [1]

    def test_a_stopped_subscription_leaves_no_thread_behind(self, log: LogRecorder) -> None:
        before = set(threading.enumerate())
        with log.subscribe() as subscription:
            subscription.stop()
        log.append([record("thr_a", 1)])
        # One that listens is told to end; it ends when it hears of it.
        eventually(lambda: not any(t.is_alive() for t in set(threading.enumerate()) - before))
