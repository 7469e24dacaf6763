"""Leases in memory, and the turns that need a worker. They keep PostgreSQL's contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import RLock
from typing import Final

from adapters import codec
from adapters.recorder import LogRecorder
from adapters.records import LogEntry
from domain.events.thread import ThreadCreated
from domain.events.turn import TurnCompleted, TurnStarted
from domain.ports import Clock, Lease

PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Held:
    thread_id: str
    holder: str
    token: int
    expires_at: datetime


class MemoryLeases:
    """Leases that live as long as this object, by the clock given. Safe to use from threads.

    Whoever has the `lock` in hand sees them stand still: none is taken, renewed or given back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lock = RLock()
        self._held: dict[str, _Held] = {}

    def acquire(self, turn_id: str, thread_id: str, holder: str, seconds: float) -> Lease | None:
        with self.lock:
            now, before = self._clock.now(), self._held.get(turn_id)
            if before is not None and before.expires_at > now:
                return None
            token = before.token + 1 if before else 1
            self._held[turn_id] = _Held(thread_id, holder, token, now + timedelta(seconds=seconds))
        return Lease(turn_id, thread_id, holder, token, seconds)

    def renew(self, lease: Lease, seconds: float) -> bool:
        with self.lock:
            now = self._clock.now()
            if not self._is_ours(lease, now):
                return False
            self._extend(lease, now + timedelta(seconds=seconds))
            return True

    def release(self, lease: Lease) -> None:
        with self.lock:
            now = self._clock.now()
            if self._is_ours(lease, now):
                self._extend(lease, now)

    def find(self, turn_id: str) -> Lease | None:
        with self.lock:
            held = self._held.get(turn_id)
            if held is None:
                return None
            left = (held.expires_at - self._clock.now()).total_seconds()
            return Lease(turn_id, held.thread_id, held.holder, held.token, left)

    def _is_ours(self, lease: Lease, now: datetime) -> bool:
        held = self._held.get(lease.turn_id)
        return held is not None and held.token == lease.token and held.expires_at > now

    def _extend(self, lease: Lease, until: datetime) -> None:
        self._held[lease.turn_id] = _Held(lease.thread_id, lease.holder, lease.token, until)


class MemoryActiveTurns:
    """Turns without an end, by reading the whole log."""

    def __init__(self, recorder: LogRecorder) -> None:
        self._recorder = recorder

    def active_turns(self) -> list[tuple[str, str]]:
        imported: set[str] = set()
        active: dict[str, str] = {}
        for entry in self._entries():
            match codec.decode(entry.topic, entry.state, entry.id):
                case ThreadCreated() as event if event.origin and event.origin.kind == "imported":
                    imported.add(event.thread_id)
                case TurnStarted() as event:
                    active[event.turn_id] = event.thread_id
                case TurnCompleted() as event:
                    del active[event.turn_id]
                case _:
                    pass
        return [(thread, turn) for turn, thread in active.items() if thread not in imported]

    def _entries(self) -> Iterator[LogEntry]:
        last = 0
        while entries := self._recorder.select_log(after_position=last, limit=PAGE):
            yield from entries
            last = entries[-1].id
