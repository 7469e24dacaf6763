"""Decides, stamps and numbers: from a native record to events of the thread.

Every command gets its time, bytes and ids from the record that causes it, so the same records give
the same events. What a decision sees is the thread as all events so far have folded it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from adapters.importers.identity import Identity
from adapters.importers.records import Record
from adapters.importers.shrink import cut_prompt, fits, shrunk
from adapters.importers.tally import Tally
from adapters.importers.values import name
from domain import ids
from domain.command import Command, body_hash
from domain.events.base import Event, Source
from domain.execution import number
from domain.ports import Uncommitted
from domain.thread import Thread

Decide = Callable[[Command, Thread], tuple[Event, ...]]
Inferred = bool | tuple[type[Event], ...]

RecordId = Callable[[Record], str | None]

# An event is its record and little more, so only large records can make one too large.
_SAFE_SHARE: Final = 8


class Recording:
    """One thread as it is being told. `thread` is its folded state, `record` the current record."""

    def __init__(
        self, identity: Identity, record_id: RecordId, tally: Tally, max_event_bytes: int
    ) -> None:
        self.thread = Thread(identity.thread_id)
        self.tally = tally
        self._identity = identity
        self._record_id = record_id
        self._limit = max_event_bytes
        self._record: Record | None = None
        self._now = identity.time
        self._commands: list[list[Uncommitted]] = []

    @property
    def record(self) -> Record:
        """The record that is being mapped."""
        assert self._record is not None
        return self._record

    def turn_to(self, record: Record) -> None:
        """From here on, `record` is what causes things."""
        self._record = record
        self._now = record.time or self._now

    def take(self) -> list[list[Uncommitted]]:
        """The commands decided since the last call, each with its events and their versions."""
        commands, self._commands = self._commands, []
        return commands

    def do(
        self,
        decide: Decide,
        *,
        by: Record | None = None,
        inferred: Inferred = False,
        note: str | None = None,
    ) -> tuple[Event, ...]:
        """Decides one command caused by the record `by` (the current one unless given).

        `inferred` says which of its events no record states (all, or those of some types), `note`
        why, or what the log contradicts; with some types it is of these only. A refusal passes, and
        leaves nothing behind.
        """
        record = by or self.record
        record.commands += 1
        command = self._command(record)
        events = decide(command, self.thread)
        if not events:
            return ()
        stamped = [self._stamped(event, record, inferred, note) for event in events]
        stamped[0] = stamped[0].model_copy(update={"receipt": self._receipt(record)})
        entries, self.thread = number(stamped, self.thread)
        self._commands.append(entries)
        self.tally.mark(record, "mapped")
        return tuple(stamped)

    def cut(self, prompt: str) -> str:
        """A prompt's text as far as the log takes it, in its admission and its user message."""
        return cut_prompt(prompt, self._limit)

    def skip(self, reason: str, record: Record | None = None) -> None:
        """The record (the current one unless given) gives no event, for that reason."""
        self.tally.mark(record or self.record, "skipped", reason)

    def hold(self, reason: str, record: Record | None = None) -> None:
        """The record waits for a later one to say what it means."""
        self.tally.mark(record or self.record, "held", reason)

    def contradiction(self, what: str) -> None:
        """The log says what the laws do not allow, or what cannot be."""
        self.tally.contradictions[what] += 1

    def _command(self, record: Record) -> Command:
        seed = f"{self.thread.thread_id}\0{record.line}\0{record.part}\0{record.commands}"
        entropy = hashlib.sha256(f"{seed}\0{record.digest}".encode()).digest()[:16]
        at = record.time or self._now
        command_id = ids.mint("cmd", at, entropy, "command")
        return Command(command_id, f"import:{self._identity.format}", at, entropy)

    def _receipt(self, record: Record) -> str:
        body = {
            "thread": self.thread.thread_id,
            "line": record.line,
            "part": record.part,
            "command": record.commands,
            "digest": record.digest,
        }
        return body_hash(f"import:{self._identity.format}", body)

    def _stamped(self, event: Event, record: Record, inferred: Inferred, note: str | None) -> Event:
        guessed = inferred if isinstance(inferred, bool) else isinstance(event, inferred)
        source = Source(
            format=self._identity.format,
            line=record.line,
            part=record.part,
            record=name(self._record_id(record)),
            time=record.time,
            inferred=guessed,
            note=note if guessed or isinstance(inferred, bool) else None,
        )
        stamped = event.model_copy(update={"source": source})
        if record.size * _SAFE_SHARE <= self._limit or fits(stamped, self._limit):
            return stamped
        cut = f"{note}; cut to fit the log" if note else "cut to fit the log"
        source = source.model_copy(update={"note": cut})
        return shrunk(stamped.model_copy(update={"source": source}), self._limit)
