"""What is in the log already, and what is appended behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from adapters.importers.tail import CHUNK_BYTES, CHUNK_EVENTS, FileRewritten, Tail
from domain.events.base import Event, Source
from domain.events.item import ItemCompleted
from domain.ports import Conflict, Recorded, Uncommitted

THREAD = "thr_1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeLog:
    """One thread as a list, in pages of three; remembers how it was appended to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.appends: list[int] = []

    def append(self, entries: Sequence[Uncommitted], *, expected_seq: int) -> tuple[Recorded, ...]:
        if expected_seq != len(self.events):
            raise Conflict(thread_id=THREAD)
        self.events.extend(entry.event for entry in entries)
        self.appends.append(len(entries))
        return ()

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> Sequence[Recorded]:
        page = self.events[after_seq : after_seq + 3]
        return [
            Recorded(seq, seq, seq, NOW, b"", event)
            for seq, event in enumerate(page, start=after_seq + 1)
        ]


def command(name: str, size: int = 1, text: str = "x") -> list[Uncommitted]:
    """A command of `size` events."""
    return [
        Uncommitted(
            ItemCompleted(
                thread_id=THREAD,
                actor="import:test",
                command_id=f"cmd_{name}",
                at=NOW,
                receipt=name if number == 0 else None,
                source=Source(format="test", line=7),
                turn_id="turn_1",
                item_id=f"item_{name}_{number}",
                text=text,
            ),
            number + 1,
        )
        for number in range(size)
    ]


def told(log: FakeLog, *commands: list[Uncommitted]) -> Tail:
    tail = Tail(log, THREAD)
    for each in commands:
        tail.take(each)
    tail.flush()
    return tail


def test_all_is_new_to_an_empty_log() -> None:
    log = FakeLog()
    tail = told(log, command("a", 2), command("b"))
    assert (tail.known, tail.new, log.appends) == (0, 3, [3])


def test_only_the_tail_is_appended() -> None:
    log = FakeLog()
    told(log, command("a", 4), command("b", 3))
    tail = told(log, command("a", 4), command("b", 3), command("c", 2))
    assert (tail.known, tail.new, log.appends) == (7, 2, [7, 2])


def test_an_older_state_adds_nothing() -> None:
    log = FakeLog()
    told(log, command("a", 4), command("b", 3))
    tail = told(log, command("a", 4))
    assert (tail.known, tail.new, log.appends) == (4, 0, [7])


@pytest.mark.parametrize(
    "commands",
    [
        [command("other", 2), command("b")],
        [command("a", 2), command("other")],
        [command("a", 1), command("b")],
        [command("a", 3)],
        [command("a", 2), command("b", 2)],
    ],
)
def test_anything_else_is_a_rewritten_file(commands: list[list[Uncommitted]]) -> None:
    log = FakeLog()
    told(log, command("a", 2), command("b"))
    with pytest.raises(FileRewritten, match="Line 7 is not what was imported before"):
        told(log, *commands)
    assert log.appends == [3]


def test_another_receipt_is_another_record() -> None:
    log = FakeLog()
    told(log, command("a"))
    (entry,) = command("a")
    other = Uncommitted(entry.event.model_copy(update={"receipt": "other"}), entry.version)
    with pytest.raises(FileRewritten):
        told(log, [other])


def test_commands_are_appended_whole_and_in_chunks() -> None:
    log = FakeLog()
    told(log, *(command(str(number), 3) for number in range(CHUNK_EVENTS)))
    assert len(log.events) == CHUNK_EVENTS * 3
    assert max(log.appends) <= CHUNK_EVENTS
    assert {size % 3 for size in log.appends} == {0}


def test_large_events_make_smaller_chunks() -> None:
    log = FakeLog()
    text = "x" * (CHUNK_BYTES // 3)
    told(log, *(command(str(number), 1, text) for number in range(5)))
    assert log.appends == [2, 2, 1]


def test_a_log_that_moves_on_meanwhile_is_a_conflict() -> None:
    log = FakeLog()
    tail = Tail(log, THREAD)
    tail.take(command("a"))
    told(log, command("a"))
    with pytest.raises(Conflict):
        tail.flush()
