"""One file from its first record to its last: who it is, then what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from adapters.importers.identity import Identity, Opening
from adapters.importers.recording import Recording
from adapters.importers.records import Record
from adapters.importers.tally import Tally
from adapters.importers.turns import Turns
from domain.errors import Refused
from domain.events.base import Json
from domain.ports import Uncommitted
from domain.thread import Thread

NOTHING_OF_ITS_OWN: Final = "says nothing of its own"
NO_IDENTITY: Final = "waits for the record that says which session this is"


class Mapper(Protocol):
    """Maps the records of one file, in file order, to the verbs of a thread."""

    def take(self, record: Record) -> None:
        """Tells what `record` says, or says why it gives no event.

        Depends on this record and those before it only.
        """
        ...


class SessionOpening(Opening, Protocol):
    """An opening that knows who maps what follows."""

    def mapper(self, turns: Turns) -> Mapper: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of log. `recognises` tells one of its records by its body alone; `opening` takes the
    file's name; `record_id` is the record's own id, if it has one."""

    name: str
    recognises: Callable[[Json], bool]
    opening: Callable[[str], SessionOpening]
    record_id: Callable[[Record], str | None]


class Session:
    """A file's records become its thread's commands, one record at a time."""

    def __init__(
        self, log_format: Format, file_name: str, tally: Tally, max_event_bytes: int
    ) -> None:
        self._format = log_format
        self._file_name = file_name
        self._tally = tally
        self._max_event_bytes = max_event_bytes
        self._opening = log_format.opening(file_name)
        self._waiting: list[Record] = []
        self._recording: Recording | None = None
        self._mapper: Mapper | None = None

    @property
    def thread(self) -> Thread | None:
        """The thread as it has been told so far; None before the file said which it is."""
        return self._recording.thread if self._recording else None

    def take(self, record: Record) -> list[list[Uncommitted]]:
        """The commands this record brings, each with its events; perhaps those of earlier ones."""
        if self._recording is None:
            self._waiting.append(record)
            self._tally.mark(record, "held", NO_IDENTITY)
            identity = self._opening.see(record)
            return self._open(identity) if identity else []
        self._map(record, self._recording)
        return self._recording.take()

    def _open(self, identity: Identity) -> list[list[Uncommitted]]:
        recording = Recording(identity, self._format.record_id, self._tally, self._max_event_bytes)
        turns = Turns(recording)
        self._recording, self._mapper = recording, self._opening.mapper(turns)
        recording.turn_to(self._waiting[0])
        turns.create(identity.origin(self._file_name))
        # That a record came first is not what it says.
        self._tally.forget(self._waiting[0])
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            self._map(record, recording)
        return recording.take()

    def _map(self, record: Record, recording: Recording) -> None:
        assert self._mapper is not None
        recording.turn_to(record)
        recording.skip(NOTHING_OF_ITS_OWN)
        try:
            self._mapper.take(record)
        except Refused as refusal:
            # Decided on a state the log should not have led to. What was decided before stands.
            recording.contradiction(f"refused by the laws: {refusal.code}")
            recording.skip(f"refused by the laws: {refusal.code}")
