"""The product, as the hammer calls it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import Final

from adapters.composition import Turnlog
from domain.ports import EventLog, Fence, Recorded, Threads, Uncommitted
from domain.thread import Thread
from tests.race.calls import HOUR

LONGEST_DELAY_SECONDS: Final = 0.01


class HesitantLog:
    """A log whose callers are now and then held up between decision and append."""

    def __init__(self, log: EventLog, random: Random) -> None:
        self._log = log
        self._random = random
        self.read_thread = log.read_thread
        self.read_command = log.read_command

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        if self._random.random() < 0.2:
            time.sleep(self._random.random() * LONGEST_DELAY_SECONDS)
        return self._log.append(entries, expected_seq=expected_seq, fence=fence)


class Product:
    """Where calls are done. A lease that lapses is let run out, whoever holds it."""

    def __init__(self, turnlog: Turnlog, random: Random) -> None:
        self.log: EventLog = HesitantLog(turnlog.log, random)
        self.threads: Threads = turnlog.threads
        self._remembered = turnlog.threads.remembered
        self._leases = turnlog.leases

    def glance(self, thread_id: str) -> Thread:
        """As remembered: others may have been there since, and that is the point of it."""
        return self._remembered(thread_id) or Thread(thread_id)

    def acquire(self, turn_id: str, thread_id: str) -> int | None:
        lease = self._leases.acquire(turn_id, thread_id, "somebody", HOUR)
        return lease.token if lease else None

    def token(self, turn_id: str) -> int | None:
        """Of the turn's last lease, whether it runs or not."""
        lease = self._leases.find(turn_id)
        return lease.token if lease else None

    def lapse(self, turn_id: str, token: int) -> None:
        lease = self._leases.find(turn_id)
        if lease is not None and lease.token == token:
            self._leases.release(lease)
