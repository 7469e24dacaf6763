"""Verification finds each kind of damage, and says exactly where it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.audit import Finding, audit_thread, audit_threads, missing_positions
from adapters.event_log import decoded
from adapters.records import FIRST_HASH, LogEntry, chain_hash
from domain.thread import Thread, fold
from tests.adapters.service import Bench


@pytest.fixture
def entries() -> list[LogEntry]:
    bench = Bench()
    thread_id = bench.thread()
    turn_id = bench.service.submit(thread_id, "hello").started_turn_id
    assert turn_id is not None
    bench.service.submit(thread_id, "next", delivery="queue", input_id="inp_next")
    bench.service.finish(thread_id, turn_id, "completed")
    return bench.recorder.select_thread(thread_id)


def findings(entries: list[LogEntry]) -> list[Finding]:
    return list(audit_thread(entries[0].thread_id, entries).findings)


def rechained(entries: list[LogEntry]) -> list[LogEntry]:
    """The entries with hashes that fit, as a careful forger would leave them."""
    result: list[LogEntry] = []
    previous = FIRST_HASH
    for entry in entries:
        previous = chain_hash(previous, entry)
        result.append(replace(entry, hash=previous))
    return result


def edited(entry: LogEntry, edit: Callable[[dict[str, object]], object]) -> LogEntry:
    body = json.loads(entry.state)
    edit(body)
    return replace(entry, state=json.dumps(body).encode())


def test_a_sound_thread_has_no_finding(entries: list[LogEntry]) -> None:
    assert findings(entries) == []
    assert findings(rechained(entries)) == []


def test_an_altered_event_is_named_and_no_other(entries: list[LogEntry]) -> None:
    entries[1] = edited(entries[1], lambda body: body.update(text="hallo"))
    chain = [f for f in findings(entries) if f.kind == "chain"]
    assert [(f.seq, f.position) for f in chain] == [(2, entries[1].id)]


def test_a_removed_event_shows_in_numbers_and_chain(entries: list[LogEntry]) -> None:
    del entries[2]
    found = findings(entries)
    assert {f.kind for f in found} >= {"chain", "law"}
    assert any("L13" in f.what for f in found)


def test_an_unreadable_event_is_listed_and_the_rest_is_read(entries: list[LogEntry]) -> None:
    entries[3] = replace(entries[3], topic="item.dreamt")
    audit = audit_thread(entries[0].thread_id, rechained(entries))
    assert [(f.kind, f.seq) for f in audit.findings] == [("event", 4)]
    assert len(audit.history) == len(entries) - 1


def test_a_broken_law_is_found_behind_a_perfect_chain(entries: list[LogEntry]) -> None:
    admitted = next(e for e in entries if b'"input_id":"inp_next"' in e.state)
    index = entries.index(admitted)
    entries[index] = edited(admitted, lambda body: body.update(held=7))
    assert [(f.kind, f.seq) for f in findings(rechained(entries))] == [("law", admitted.seq)]


def test_a_column_that_contradicts_the_body_is_found(entries: list[LogEntry]) -> None:
    entries[2] = replace(entries[2], command_id="cmd_forged")
    found = findings(rechained(entries))
    assert [(f.kind, f.seq) for f in found] == [("numbers", 3)]


def test_a_gap_in_the_positions_is_found() -> None:
    assert list(missing_positions(10, 10)) == []
    (finding,) = missing_positions(10, 9)
    assert finding.kind == "numbers"


def fold_of(entries: list[LogEntry], seq: int) -> Thread:
    """The thread as it was at that seq."""
    return fold(Thread(entries[0].thread_id), (decoded(e).event for e in entries[:seq]))


def test_a_snapshot_of_any_moment_that_is_what_the_log_says_is_no_finding(
    entries: list[LogEntry],
) -> None:
    for seq in range(1, len(entries) + 1):
        assert audit_thread(entries[0].thread_id, entries, fold_of(entries, seq)).findings == ()


def test_a_wrong_snapshot_is_found_and_says_what_is_wrong(entries: list[LogEntry]) -> None:
    for seq in range(1, len(entries) + 1):
        wrong = replace(fold_of(entries, seq), title="Another", failures=2)
        [found] = audit_thread(entries[0].thread_id, entries, wrong).findings
        assert (found.kind, found.seq, found.position) == ("snapshot", seq, entries[seq - 1].id)
        assert "(title, failures)" in found.what
        assert "DELETE FROM thread_snapshots" in found.what
        assert entries[0].thread_id in found.what


def test_a_snapshot_of_more_than_the_log_has_is_wrong(entries: list[LogEntry]) -> None:
    ahead = replace(fold_of(entries, len(entries)), seq=len(entries) + 1)
    [found] = audit_thread(entries[0].thread_id, entries, ahead).findings
    assert (found.kind, found.seq, found.position) == ("snapshot", len(entries) + 1, None)


def test_the_snapshot_is_taken_before_the_events_are_read() -> None:
    bench = Bench()
    thread_id = bench.thread()

    def load(of: str) -> Thread:
        bench.service.submit(of, "hello")  # somebody goes on, and a snapshot is taken
        return bench.threads.current(of)

    [audit] = audit_threads(bench.recorder, [thread_id], lambda *_: None, load)
    assert audit.findings == ()
