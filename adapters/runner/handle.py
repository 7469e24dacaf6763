"""What an engine is told about its turn while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from adapters.runner.approvals import Approvals
from domain.ports import Answer, Message


class Handle:
    """One turn's `TurnHandle`, and the runner's side of it.

    It is made for its turn and dropped with it, so a stop can reach no other turn (D18).
    """

    def __init__(self) -> None:
        self.approvals = Approvals()
        self._stop = asyncio.Event()
        self._input = asyncio.Event()
        self._steer_waits = False
        self._unread: list[Message] = []
        self._offered = 0

    @property
    def interrupted(self) -> bool:
        return self._stop.is_set()

    async def wait_interrupted(self) -> None:
        await self._stop.wait()

    async def wait_input(self) -> None:
        await self._input.wait()

    def take_input(self) -> tuple[Message, ...]:
        taken = tuple(self._unread)
        self._unread.clear()
        self._offered = 0
        self._tell()
        return taken

    async def wait_answer(self, key: str) -> Answer:
        return await self.approvals.wait(key)

    def interrupt(self) -> None:
        """The turn was asked to stop."""
        self._stop.set()

    def steer_waits(self) -> None:
        """A steer waits in the log for the next step boundary."""
        self._steer_waits = True
        self._tell()

    def boundary(self) -> None:
        """The steers that wait are about to be taken from the log."""
        self._steer_waits = False
        self._tell()

    def deliver(self, messages: Iterable[Message]) -> None:
        """Steers that are in the log as part of this turn now."""
        self._unread.extend(messages)
        self._tell()

    def begin_run(self) -> None:
        """The engine's `run` is called; what is unread it may read now."""
        self._offered = len(self._unread)

    @property
    def unread(self) -> int:
        """How many delivered steers the engine has not taken."""
        return len(self._unread)

    @property
    def ignored(self) -> bool:
        """Whether a whole `run` has left alone what it was offered at its beginning."""
        return self._offered > 0

    def _tell(self) -> None:
        if self._steer_waits or self._unread:
            self._input.set()
        else:
            self._input.clear()
