"""A thread as the real service makes it, to be copied many times with other ids and times.

It is made in memory, once. Some turns are plain; one is steered, one interrupted with a prompt that
is held and released, one follows from the queue. Plain items fill it up to the number of events.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.event_log import STORE_LIMIT, RecordedLog
from adapters.memory.recorder import MemoryLogRecorder
from adapters.records import LogEntry
from adapters.threads import CachedThreads
from domain.events.base import Json, Usage
from domain.execution import Execution
from domain.service import ThreadService

ID: Final = re.compile(r"\b(?:thr|turn|item|inp|cmd)_[0-9a-f]{32}\b")
USAGE: Final = Usage(input_tokens=9_200, cached_input_tokens=8_100, output_tokens=640)

_WORDS: Final = (
    "Add a retry to the uploader and wait longer after each attempt",
    "Look at how the importer treats lines that are cut off in the middle",
    "Explain why the second test needs the network, and what it would take to do without",
    "Rename the setting, keep the old name working for a release, and say so in the changelog",
)
_TOOLS: Final = ("Read the uploader", "Run its tests", "Search for callers", "Edit the settings")
_EVENTS_OF_STEERED: Final = 12
_EVENTS_OF_INTERRUPTED: Final = 16
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Template:
    """The thread's entries, grouped by command. Every id in them has the form of ID."""

    thread_id: str
    commands: Sequence[Sequence[LogEntry]]

    @property
    def events(self) -> int:
        """How many events it has."""
        return sum(map(len, self.commands))


class _Clock:
    def __init__(self) -> None:
        self._now = _START

    def now(self) -> datetime:
        self._now += timedelta(milliseconds=5)
        return self._now


class _Entropy:
    """The same ids in every run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers = itertools.count()

    def bytes(self) -> bytes:
        return hashlib.sha256(b"%d %d" % (self._seed, next(self._numbers))).digest()[:16]


def make_template(turns: int, events: int, variant: int = 0) -> Template:
    """A thread of so many turns and exactly so many events; ValueError if they do not fit."""
    story = _Story(variant)
    while story.turns < turns:
        left = turns - story.turns
        story.turn((events - story.events) // left, left)
    entries = story.recorder.select_thread(story.thread_id)
    if len(entries) != events:
        raise ValueError(f"{turns} turns do not make {events} events, but {len(entries)}")
    groups = itertools.groupby(entries, key=lambda entry: entry.command_id)
    return Template(story.thread_id, [list(group) for _, group in groups])


class _Story:
    def __init__(self, variant: int) -> None:
        self.recorder = MemoryLogRecorder(max_event_bytes=STORE_LIMIT)
        log = RecordedLog(self.recorder)
        execution = Execution(log, CachedThreads(log), _Clock(), _Entropy(variant))
        self._service = ThreadService(execution)
        self._variant = variant
        self.turns = 0
        title = _WORDS[variant % len(_WORDS)]
        self.thread_id = self._service.create(title=title).thread_id

    @property
    def events(self) -> int:
        """How many there are so far."""
        return self.recorder.head()

    def turn(self, events: int, turns_left: int) -> None:
        """A turn of so many events; it, or two, if there is room for something to happen in it.

        The last one has exactly so many.
        """
        service, thread_id = self._service, self.thread_id
        upto = self.events + events
        if turns_left == 1 and events % 2 == 1:
            service.update(thread_id, title=self._text(self.turns))
        outcome = service.submit(thread_id, self._text(self.turns))
        turn_id = outcome.started_turn_id
        assert turn_id is not None, "the turn before has ended"
        kind = self.turns % 5
        if kind == 1 and events >= _EVENTS_OF_STEERED:
            service.submit(thread_id, "Only the tests, please", delivery="steer")
            service.take_steers(thread_id, turn_id)
        elif kind == 3 and events >= _EVENTS_OF_INTERRUPTED and turns_left > 2:
            service.submit(thread_id, "And push it", delivery="queue")
            service.interrupt(thread_id, turn_id, queued="hold")
            service.finish(thread_id, turn_id, "interrupted")
            released = service.release(thread_id)
            assert released.started_turn_id is not None
            turn_id = released.started_turn_id
            self.turns += 1
        self._items(turn_id, (upto - self.events - 1) // 2)
        service.finish(thread_id, turn_id, "completed", usage=USAGE)
        self.turns += 1

    def _items(self, turn_id: str, items: int) -> None:
        """Begun and ended, most of them; recorded at once, the others. Two events each."""
        service, thread_id = self._service, self.thread_id
        for number in range(items):
            tool = _TOOLS[number % len(_TOOLS)]
            if number % 3 == 2:
                text = self._text(number)
                service.record_item(thread_id, turn_id, "agent_message", tool, text=text)
                continue
            detail: Json = {"path": "uploader/retry.py"}
            started = service.start_item(thread_id, turn_id, "tool_call", tool, detail=detail)
            [item_id] = started.item_ids
            result: Json = {"exit_code": 0, "number": number}
            service.end_item(thread_id, turn_id, item_id, result=result)

    def _text(self, number: int) -> str:
        return f"{_WORDS[(number + self._variant) % len(_WORDS)]} ({number})."
