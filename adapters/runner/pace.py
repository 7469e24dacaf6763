"""How long the runner waits for what, and the clock it waits by."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations in seconds.

    A lease runs for `lease_seconds` and is renewed three times as often. The log is looked at for
    interrupts on every hint, with `pause_seconds` between two looks, and at least every
    `poll_seconds`. An interrupted engine may take `grace_seconds` to stop; one that was cancelled
    may take `cancel_seconds` before it is left to itself.
    """

    lease_seconds: float = 30
    poll_seconds: float = 0.5
    pause_seconds: float = 0.05
    grace_seconds: float = 5
    cancel_seconds: float = 5

    @property
    def renew_seconds(self) -> float:
        """How long a lease is left alone."""
        return self.lease_seconds / 3


class Time(Protocol):
    """Time that passes. Tests move it by hand."""

    def now(self) -> float:
        """Seconds since some point; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after that time."""
        ...


class RealTime:
    """The machine's own time."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
