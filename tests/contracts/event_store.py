"""The contract of the event store: what a LogRecorder does, whatever it is made of.

Bind it with a subclass that has a fixture `log`: an empty LogRecorder that takes events of at most
MAX_EVENT_BYTES.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from eventsourcing.persistence import IntegrityError

from adapters.recorder import LogRecorder
from adapters.records import (
    AppendRefused,
    DuplicateCommand,
    EventTooLarge,
    InvalidRecord,
    SeqConflict,
    VersionConflict,
    WrongThread,
)
from tests.contracts.chain import broken_links
from tests.contracts.log_concurrency import ConcurrencyContract, SubscriptionContract
from tests.contracts.log_reading import HashContract, ReadContract
from tests.contracts.log_views import everything, numbers
from tests.contracts.records import RECEIPT, commanded, record, records

MAX_EVENT_BYTES = 2000


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
