"""Histories for the read models: made by the service in memory, then put into a log as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from adapters import codec
from adapters.event_log import decoded
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.records import LogEntry, LogRecord
from domain.events.base import Event, Source, Usage
from domain.events.thread import Origin, ThreadCreated
from domain.events.turn import TurnCompleted
from domain.ports import Recorded
from tests.domain.steps import Step
from tests.domain.world import World
from tests.strategies import Move, moves, play_all

THREADS = ("thr_1", "thr_2", "thr_3")


@dataclass(frozen=True)
class Log:
    """A whole log: its events, in order."""

    entries: tuple[Recorded, ...]

    def thread_ids(self) -> list[str]:
        return sorted({entry.event.thread_id for entry in self.entries})

    def history(self, thread_id: str, upto_position: int | None = None) -> list[Recorded]:
        """A thread's events, up to a position of the log."""
        return [
            entry
            for entry in self.entries
            if entry.event.thread_id == thread_id
            and (upto_position is None or entry.position <= upto_position)
        ]

    def records(self) -> list[LogRecord]:
        return [
            LogRecord(
                originator_id=entry.event.stream_id,
                originator_version=entry.version,
                topic=entry.event.name,
                state=codec.encode(entry.event),
                thread_id=entry.event.thread_id,
                command_id=entry.event.command_id,
                receipt=entry.event.receipt,
            )
            for entry in self.entries
        ]

    def append_to(self, recorder: PostgresLogRecorder) -> None:
        """Into an empty log, where they get the numbers they have here."""
        if self.entries:
            stored: list[LogEntry] = recorder.append(self.records())
            numbers = [(e.position, e.seq, e.version) for e in self.entries]
            assert [(e.id, e.seq, e.originator_version) for e in stored] == numbers
            # What was stored reads back as what it was.
            assert [decoded(e).event for e in stored] == [e.event for e in self.entries]


def log_of(script: Sequence[Move], threads: int = 1, imported: int = 0) -> Log:
    """The log of a script on some threads; every `imported`-th event says where it comes from."""
    world = World()
    play_all(world.service, script, THREADS[:threads])
    return Log(
        tuple(
            entry._replace(event=decorated(entry.event, entry.position, imported))
            for entry in world.log.entries
        )
    )


def logs(least: int = 20, most: int = 60) -> st.SearchStrategy[Log]:
    """Random logs of so many commands, with several threads, and with what only imports and engines
    bring."""
    # Without a least size most lists are short, and nothing has happened before they end.
    script = st.lists(moves(), min_size=least, max_size=most)
    return st.builds(log_of, script, st.integers(1, 3), st.integers(0, 4))


def log_of_steps(*steps: Step) -> Log:
    """The log of a story that a test tells."""
    world = World()
    for step in steps:
        world.clock.advance(1)
        step(world)
    return Log(tuple(world.log.entries))


def decorated(event: Event, number: int, imported: int) -> Event:
    if isinstance(event, TurnCompleted) and number % 2:
        usage = Usage(
            input_tokens=number,
            cached_input_tokens=1,
            output_tokens=2**53 - 1,
            reasoning_tokens=number % 5,
        )
        event = event.model_copy(update={"usage": usage})
    if imported and isinstance(event, ThreadCreated):
        origin = Origin(kind="imported", format="codex", native_id=event.thread_id)
        event = event.model_copy(update={"origin": origin})
    if imported and number % imported == 0:
        source = Source(format="codex", line=number, inferred=number % 3 == 0, time=event.at)
        event = event.model_copy(update={"source": source})
    return event
