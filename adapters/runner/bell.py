"""Hints that the log has grown, brought from the store's threads to the event loop (L5)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Protocol

from adapters.runner.blocking import in_thread, until
from adapters.runner.pace import Pace, Time


class HintSource(Protocol):
    """What tells of a grown log: the recorder of either store. It may do so late or never."""

    def listen(self, event: threading.Event) -> None:
        """Set `event` whenever the log may have grown."""
        ...

    def unlisten(self, event: threading.Event) -> None:
        """Take `event` back."""
        ...


class NoHints:
    """A log that tells nobody; it is looked at by the clock."""

    def listen(self, event: threading.Event) -> None:
        """Nothing will set it."""

    def unlisten(self, event: threading.Event) -> None:
        """Nothing to take back."""


class Bell(threading.Event):
    """Rung from any thread, heard in the event loop that made it."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def set(self) -> None:
        super().set()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._rung.set)

    async def heard(self, pace: Pace, time: Time) -> None:
        """Returns once it was rung since the last call, or `poll_seconds` have passed."""
        if pace.pause_seconds:
            # Appends come in bursts, and a look at the log after each would cost more than they do.
            await time.sleep(pace.pause_seconds)
        await until(self._rung.wait(), time.sleep(pace.poll_seconds))
        self._rung.clear()


@contextlib.asynccontextmanager
async def listening(source: HintSource) -> AsyncIterator[Bell]:
    """A bell that `source` rings as long as the block runs."""
    bell = Bell()
    await in_thread(lambda: source.listen(bell))
    try:
        yield bell
    finally:
        await in_thread(lambda: source.unlisten(bell))
