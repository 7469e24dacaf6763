"""The contract of the event store: what a LogRecorder does, whatever it is made of.

Bind it with a subclass that has a fixture `log`: an empty LogRecorder that takes events of at most
MAX_EVENT_BYTES.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from adapters.recorder import LogRecorder, LogSubscription
from adapters.records import (
    AppendRefused,
    DuplicateCommand,
    EventTooLarge,
    InvalidRecord,
    LogEntry,
    LogRecord,
    SeqConflict,
    VersionConflict,
    WrongThread,
)
from tests.contracts.chain import broken_links
from tests.contracts.records import RECEIPT, commanded, record, records

MAX_EVENT_BYTES = 2000


def everything(log: LogRecorder) -> list[LogEntry]:
    """The whole log."""
    return log.select_log(limit=100_000)


def numbers(entries: list[LogEntry]) -> list[tuple[str, int, str, int, int]]:
    """Thread, seq, stream, version and position of each."""
    return [(e.thread_id, e.seq, e.stream_id, e.originator_version, e.id) for e in entries]


def take(subscription: LogSubscription, count: int, seconds: float = 30) -> list[LogEntry]:
    """The next entries: as many as asked for, or fewer if they do not come in time."""
    timer = threading.Timer(seconds, subscription.stop)
    timer.start()
    entries: list[LogEntry] = []
    for entry in subscription:
        entries.append(entry)
        if len(entries) == count:
            break
    timer.cancel()
    return entries


class NumbersContract:
    """Position, seq and version."""

    def test_an_empty_log_has_head_zero_and_no_entries(self, log: LogRecorder) -> None:
        assert log.head() == 0
        assert log.max_notification_id() is None
        assert everything(log) == []
        assert log.select_thread("thr_a") == []

    def test_an_append_returns_its_entries_as_they_are_read_later(self, log: LogRecorder) -> None:
        written = log.append([*commanded("thr_a", 1, "cmd_1"), record("thr_a", 3)])
        assert everything(log) == written
        assert log.select_thread("thr_a") == written
        assert log.select_events("thr_a") == written
        assert log.head() == 3

    def test_streams_of_a_thread_share_its_seq(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1), record("thr_a", 1, stream_id="turn_1")])
        log.append([record("thr_a", 2, stream_id="turn_1"), record("thr_a", 2)])
        assert numbers(everything(log)) == [
            ("thr_a", 1, "thr_a", 1, 1),
            ("thr_a", 2, "turn_1", 1, 2),
            ("thr_a", 3, "turn_1", 2, 3),
            ("thr_a", 4, "thr_a", 2, 4),
        ]

    def test_threads_are_numbered_apart_and_positions_run_through(self, log: LogRecorder) -> None:
        log.append(records("thr_a", 1, 2))
        log.append(records("thr_b", 1, 1))
        log.append(records("thr_a", 3, 3))
        assert [(e.thread_id, e.seq, e.id) for e in everything(log)] == [
            ("thr_a", 1, 1),
            ("thr_a", 2, 2),
            ("thr_b", 1, 3),
            ("thr_a", 3, 4),
        ]

    def test_one_append_may_be_of_several_threads(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1), record("thr_b", 1), record("thr_a", 2)])
        assert [(e.thread_id, e.seq) for e in everything(log)] == [
            ("thr_a", 1),
            ("thr_b", 1),
            ("thr_a", 2),
        ]

    def test_an_empty_append_writes_nothing(self, log: LogRecorder) -> None:
        assert log.append([]) == []
        assert log.head() == 0

    @pytest.mark.parametrize("first", [0, 1])
    def test_a_new_stream_begins_at_0_or_1(self, log: LogRecorder, first: int) -> None:
        log.append([record("thr_a", first), record("thr_a", first + 1)])
        assert [e.originator_version for e in everything(log)] == [first, first + 1]

    @pytest.mark.parametrize("version", [2, 7])
    def test_a_new_stream_begins_nowhere_else(self, log: LogRecorder, version: int) -> None:
        with pytest.raises(VersionConflict):
            log.append([record("thr_a", version)])
        assert log.head() == 0

    @pytest.mark.parametrize("version", [0, 1, 2, 4, 9])
    def test_a_version_that_does_not_continue_its_stream_is_refused(
        self, log: LogRecorder, version: int
    ) -> None:
        log.append(records("thr_a", 1, 2))
        with pytest.raises(VersionConflict) as refused:
            log.append([record("thr_a", version)])
        assert refused.value.details == {"stream_id": "thr_a", "version": version, "actual": 2}
        assert log.head() == 2

    @pytest.mark.parametrize("versions", [(3, 3), (3, 5), (4, 3)])
    def test_versions_must_continue_within_an_append(
        self, log: LogRecorder, versions: tuple[int, int]
    ) -> None:
        log.append(records("thr_a", 1, 2))
        with pytest.raises(VersionConflict):
            log.append([record("thr_a", version) for version in versions])
        assert log.head() == 2

    def test_conflicts_are_integrity_errors_of_the_library(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1)])
        with pytest.raises(IntegrityError):
            log.append([record("thr_a", 1)])

    def test_a_stream_stays_in_its_thread(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1), record("thr_a", 1, stream_id="turn_1")])
        with pytest.raises(WrongThread):
            log.append([record("thr_b", 2, stream_id="turn_1")])
        assert log.head() == 2

    def test_a_stream_stays_in_its_thread_within_an_append(self, log: LogRecorder) -> None:
        shared = [record("thr_a", 1, stream_id="turn_1"), record("thr_b", 2, stream_id="turn_1")]
        with pytest.raises(WrongThread):
            log.append(shared)
        assert log.head() == 0

    def test_times_are_aware_and_never_go_back(self, log: LogRecorder) -> None:
        for version in range(1, 6):
            log.append([record("thr_a", version)])
        times = [e.recorded_at for e in everything(log)]
        assert times == sorted(times)
        assert all(time.utcoffset() == timedelta(0) for time in times)


class RefusalContract:
    """Refusals leave nothing behind (L7, D6)."""

    def test_nothing_of_a_refused_append_is_written(self, log: LogRecorder) -> None:
        log.append(records("thr_a", 1, 1))
        with pytest.raises(VersionConflict):
            log.append([record("thr_b", 1), record("thr_a", 2), record("thr_a", 2)])
        assert log.head() == 1
        assert log.select_thread("thr_b") == []

    def test_a_refused_append_uses_up_no_number(self, log: LogRecorder) -> None:
        with pytest.raises(VersionConflict):
            log.append([record("thr_a", 1), record("thr_a", 3)])
        [entry] = log.append([record("thr_a", 1)])
        assert (entry.id, entry.seq) == (1, 1)

    def test_an_expected_seq_that_is_right_lets_the_append_through(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1)], 0)
        log.append([record("thr_a", 1, stream_id="turn_1")], 1)
        assert log.head() == 2

    @pytest.mark.parametrize("expected", [0, 1, 3])
    def test_an_expected_seq_that_is_wrong_refuses_it(
        self, log: LogRecorder, expected: int
    ) -> None:
        log.append(records("thr_a", 1, 2))
        with pytest.raises(SeqConflict) as refused:
            log.append([record("thr_a", 1, stream_id="turn_1")], expected)
        details = {"thread_id": "thr_a", "expected": expected, "actual": 2}
        assert refused.value.details == details
        assert log.head() == 2

    def test_an_expected_seq_means_one_thread(self, log: LogRecorder) -> None:
        with pytest.raises(ValueError, match="of one thread"):
            log.append([record("thr_a", 1), record("thr_b", 1)], 0)
        assert log.head() == 0

    def test_a_command_is_written_once(self, log: LogRecorder) -> None:
        log.append(commanded("thr_a", 1, "cmd_1"))
        with pytest.raises(DuplicateCommand) as refused:
            log.append(commanded("thr_a", 3, "cmd_1"))
        assert refused.value.details == {"command_id": "cmd_1"}
        assert log.head() == 2

    def test_a_command_is_written_once_whatever_the_thread(self, log: LogRecorder) -> None:
        log.append(commanded("thr_a", 1, "cmd_1"))
        with pytest.raises(DuplicateCommand):
            log.append(commanded("thr_b", 1, "cmd_1"))
        assert log.select_thread("thr_b") == []

    def test_the_receipt_anywhere_in_the_append_counts(self, log: LogRecorder) -> None:
        log.append(commanded("thr_a", 1, "cmd_1"))
        with pytest.raises(DuplicateCommand):
            log.append([record("thr_a", 3), *commanded("thr_a", 4, "cmd_1")])
        assert log.head() == 2

    def test_events_without_receipt_may_name_a_command_again(self, log: LogRecorder) -> None:
        log.append(commanded("thr_a", 1, "cmd_1"))
        log.append([record("thr_a", 3, command_id="cmd_1")])
        assert len(log.select_command("cmd_1")) == 3

    def test_a_repeated_command_is_reported_before_the_conflicts_it_causes(
        self, log: LogRecorder
    ) -> None:
        log.append(commanded("thr_a", 1, "cmd_1"))
        with pytest.raises(DuplicateCommand):
            log.append(commanded("thr_a", 1, "cmd_1"), 0)

    def test_a_thread_that_moved_is_reported_before_the_version(self, log: LogRecorder) -> None:
        log.append(records("thr_a", 1, 2))
        with pytest.raises(SeqConflict):
            log.append([record("thr_a", 2)], 1)

    def test_a_refusal_says_what_is_wrong_in_a_sentence(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1)])
        with pytest.raises(AppendRefused) as refused:
            log.append([record("thr_a", 3)])
        assert str(refused.value) == (
            "Stream thr_a is at version 1; version 3 cannot be appended to it."
        )


BAD_DATA = {
    "not JSON": b"state1",
    "cut off": b'{"a": 1',
    "nothing": b"",
    "an array": b"[1]",
    "a text": b'"a"',
    "null": b"null",
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "two values": b"{} {}",
    "not UTF-8": b'{"a": "\xff"}',
    "an encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a lone surrogate as key": b'{"\\udfff": 1}',
    "NUL": b'{"a": "\\u0000"}',
    "NUL as key": b'{"\\u0000": 1}',
    "NUL behind a backslash": b'{"a": "\\\\\\u0000"}',
    "a raw NUL": b'{"a": "\x00"}',
    "a raw control character": b'{"a": "\n"}',
    "too deep": b'{"a":' + b"[" * 800_000,
}

GOOD_DATA = {
    "spaces": b' { "b" : 1 ,\n\t"a" : [ ] } ',
    "equal keys": b'{"a": 1, "a": 2}',
    "numbers": b'{"a": 1.50, "b": 1e5, "c": -0, "d": 123456789012345678901234567890}',
    "escapes": b'{"a": "\\u00e9 \\/ \\n \\ud83d\\ude00"}',
    "a backslash and u0000": b'{"a": "\\\\u0000"}',
    "text": '{"a": "grüße 你好 😀 \u2028"}'.encode(),
    "an empty object": b"{}",
    "quotes": b'{"a": "\'\\"{},NULL\\\\"}',
}


class DataContract:
    """What is stored comes back to the byte, or is not taken in the first place."""

    def test_data_comes_back_to_the_byte(self, log: LogRecorder) -> None:
        for version, data in enumerate(GOOD_DATA.values(), 1):
            log.append([record("thr_a", version, data=data)])
        entries = everything(log)
        assert {name: e.state for name, e in zip(GOOD_DATA, entries, strict=True)} == GOOD_DATA
        assert broken_links(entries) == []

    def test_data_that_sql_could_not_read_is_refused(self, unlimited_log: LogRecorder) -> None:
        def is_taken(data: bytes) -> bool:
            try:
                unlimited_log.append([record("thr_a", 1), record("thr_a", 2, data=data)])
            except InvalidRecord:
                return False
            return True

        assert [name for name, data in BAD_DATA.items() if is_taken(data)] == []
        assert unlimited_log.head() == 0

    def test_an_event_over_the_limit_is_refused_with_the_limit_and_its_size(
        self, log: LogRecorder
    ) -> None:
        data = b'{"a": "%s"}' % (b"x" * MAX_EVENT_BYTES)
        with pytest.raises(EventTooLarge) as refused:
            log.append([record("thr_a", 1), record("thr_a", 2, data=data)])
        assert f"has {len(data)} bytes; the limit is {MAX_EVENT_BYTES}." in str(refused.value)
        assert log.head() == 0

    def test_an_event_at_the_limit_is_stored(self, log: LogRecorder) -> None:
        data = b'{"a":"%s"}' % (b"x" * (MAX_EVENT_BYTES - 8))
        log.append([record("thr_a", 1, data=data)])
        assert everything(log)[0].state == data

    @pytest.mark.parametrize("field", ["thread_id", "originator_id", "topic", "command_id"])
    def test_a_name_that_would_blur_the_hash_is_refused(self, log: LogRecorder, field: str) -> None:
        def is_taken(name: str) -> bool:
            try:
                log.append([replace(record("thr_a", 1), **{field: name})])  # type: ignore[arg-type]
            except InvalidRecord:
                return False
            return True

        bad_names = ["", "a\nb", "a\x00b", "\ud800", "x" * 256]
        assert [name for name in bad_names if is_taken(name)] == []
        assert log.head() == 0

    @pytest.mark.parametrize("version", [-1, 2**63])
    def test_a_version_out_of_range_is_refused(self, log: LogRecorder, version: int) -> None:
        with pytest.raises(InvalidRecord):
            log.append([record("thr_a", version)])

    @pytest.mark.parametrize("expected", [-1, 2**63])
    def test_an_expected_seq_out_of_range_is_refused(self, log: LogRecorder, expected: int) -> None:
        with pytest.raises(ValueError, match="out of range"):
            log.append([record("thr_a", 1)], expected)

    def test_a_receipt_without_a_command_is_refused(self, log: LogRecorder) -> None:
        with pytest.raises(InvalidRecord):
            log.append([record("thr_a", 1, receipt=RECEIPT)])

    def test_a_second_receipt_of_a_command_is_refused(self, log: LogRecorder) -> None:
        first, second = commanded("thr_a", 1, "cmd_1")
        with pytest.raises(InvalidRecord):
            log.append([first, replace(second, receipt=RECEIPT)])
        assert log.head() == 0


class ReadContract:
    """Ranges."""

    @pytest.fixture
    def filled(self, log: LogRecorder) -> LogRecorder:
        """Ten events of thr_a (positions 1, 3, 5 …) and of thr_b (2, 4, 6 …)."""
        for version in range(1, 11):
            log.append([record("thr_a", version, type_="odd" if version % 2 else "even")])
            log.append([record("thr_b", version)])
        return log

    def test_a_thread_is_read_by_seq(self, filled: LogRecorder) -> None:
        def seqs(after: int = 0, upto: int | None = None, limit: int | None = None) -> list[int]:
            found = filled.select_thread("thr_a", after_seq=after, upto_seq=upto, limit=limit)
            return [e.seq for e in found]

        assert seqs() == list(range(1, 11))
        assert seqs(8) == [9, 10]
        assert seqs(2, 5) == [3, 4, 5]
        assert seqs(2, 5, 2) == [3, 4]
        assert seqs(0, 0) == seqs(10) == seqs(11) == seqs(5, 3) == seqs(0, None, 0) == []

    def test_the_log_is_read_by_position(self, filled: LogRecorder) -> None:
        def positions(after: int = 0, upto: int | None = None, limit: int = 99) -> list[int]:
            found = filled.select_log(after_position=after, upto_position=upto, limit=limit)
            return [e.id for e in found]

        assert positions() == list(range(1, 21))
        assert positions(18) == [19, 20]
        assert positions(2, 5) == [3, 4, 5]
        assert positions(2, 5, 2) == [3, 4]
        assert positions(20) == positions(0, 0) == positions(7, 3) == []

    def test_a_stream_is_read_by_version(self, filled: LogRecorder) -> None:
        def versions(
            gt: int | None = None, lte: int | None = None, desc: bool = False, limit: int = 99
        ) -> list[int]:
            found = filled.select_events("thr_a", gt=gt, lte=lte, desc=desc, limit=limit)
            return [e.originator_version for e in found]

        assert versions() == list(range(1, 11))
        assert versions(gt=8) == [9, 10]
        assert versions(gt=2, lte=5) == [3, 4, 5]
        assert versions(gt=2, lte=5, desc=True) == [5, 4, 3]
        assert versions(desc=True, limit=1) == [10]

    def test_notifications_are_read_by_position_and_type(self, filled: LogRecorder) -> None:
        even = filled.select_notifications(3, 2, 15, ["even"])
        assert [(n.id, n.topic) for n in even] == [(3, "even"), (7, "even")]
        after = filled.select_notifications(3, 2, 15, ["even", "odd"], inclusive_of_start=False)
        assert [n.id for n in after] == [5, 7]

    def test_a_command_is_read_whole_and_in_order(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1)])
        written = log.append(commanded("thr_a", 2, "cmd_1"))
        log.append(commanded("thr_b", 1, "cmd_2"))
        assert log.select_command("cmd_1") == written
        assert log.select_command("cmd_3") == []

    def test_plain_events_of_the_library_are_threads_of_their_own(self, log: LogRecorder) -> None:
        plain = StoredEvent("agg_1", 1, "topic", b"{}")
        assert log.insert_events([plain]) == [1]
        [entry] = everything(log)
        assert (entry.thread_id, entry.stream_id, entry.command_id) == ("agg_1", "agg_1", None)

    def test_insert_events_knows_the_expected_seq(self, log: LogRecorder) -> None:
        with pytest.raises(SeqConflict):
            log.insert_events([record("thr_a", 1)], expected_seq=3)

    def test_insert_events_drops_no_argument_in_silence(self, log: LogRecorder) -> None:
        with pytest.raises(TypeError, match="colour"):
            log.insert_events([record("thr_a", 1)], colour="red")


class HashContract:
    """The chain."""

    def test_every_thread_is_chained_as_the_definition_says(self, log: LogRecorder) -> None:
        log.append([*commanded("thr_a", 1, "cmd_1"), record("thr_a", 1, stream_id="turn_ä")])
        log.append(records("thr_b", 1, 3))
        log.append(commanded("thr_a", 3, "cmd_2"))
        assert broken_links(everything(log)) == []

    def test_a_changed_event_breaks_the_chain(self, log: LogRecorder) -> None:
        log.append(records("thr_a", 1, 5))
        entries = everything(log)
        entries[2] = replace(entries[2], state=b"{}")
        assert broken_links(entries) == [3]

    def test_a_removed_event_breaks_the_chain(self, log: LogRecorder) -> None:
        log.append(records("thr_a", 1, 5))
        entries = everything(log)
        assert broken_links(entries[:2] + entries[3:]) == [4]


class ConcurrencyContract:
    """Many writers at once."""

    def test_of_two_decisions_on_the_same_seq_one_wins(self, log: LogRecorder) -> None:
        log.append([record("thr_a", 1)])
        start = threading.Barrier(8)

        def decide(number: int) -> bool:
            start.wait()
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
            deadline = time.monotonic() + 30
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
        assert [t.name for t in set(threading.enumerate()) - before if t.is_alive()] == []


class EventStoreContract(
    NumbersContract,
    RefusalContract,
    DataContract,
    ReadContract,
    HashContract,
    ConcurrencyContract,
    SubscriptionContract,
):
    """All of it."""
