"""Part of the contract of the event store: what is read, and its hash chain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eventsourcing.persistence import StoredEvent

from adapters.recorder import LogRecorder
from adapters.records import (
    SeqConflict,
)
from tests.contracts.chain import broken_links
from tests.contracts.log_views import everything
from tests.contracts.records import commanded, record, records


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
