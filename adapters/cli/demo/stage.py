"""How a step is told and checked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from adapters.cli.screen import Screen
from domain.errors import TurnlogError

if TYPE_CHECKING:
    from adapters.composition import Turnlog
    from domain.outcome import Outcome
    from domain.ports import Recorded
    from domain.thread import Thread

T = TypeVar("T")

PATIENCE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.02


class StoryBroken(TurnlogError):
    """The demo did not go as it is told: {what}. Please report this."""


@dataclass(frozen=True, slots=True)
class Told:
    """A step as it was told: who did what, what was decided, and the events that say so."""

    number: int
    what: str
    decided: str
    first_seq: int
    events: tuple[str, ...]


class Stage:
    """The one thread of the story, and what was told of it."""

    def __init__(self, log: Turnlog, screen: Screen, thread_id: str) -> None:
        self.log = log
        self.thread_id = thread_id
        self.steps: list[Told] = []
        self._screen = screen

    async def do(self, call: Callable[[], T]) -> T:
        """A call that blocks, beside the event loop."""
        return await asyncio.to_thread(call)

    async def until(self, what: str, holds: Callable[[Thread], bool]) -> Thread:
        """The thread, once that holds; `StoryBroken` if it takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            thread = await self.do(lambda: self.log.service.thread(self.thread_id))
            if holds(thread):
                return thread
            await asyncio.sleep(LOOK_SECONDS)
        raise StoryBroken(what=f"{what} did not happen")

    def check(self, what: str, *, holds: bool) -> None:
        """`StoryBroken` unless it is as it is told."""
        if not holds:
            raise StoryBroken(what=f"it is not so that {what}")

    async def tell(self, what: str, decided: str, *commands: Outcome | str) -> None:
        """One step: what somebody does, what turnlog decides, and which events that made."""
        found: list[Recorded] = []
        for command in commands:
            key = command if isinstance(command, str) else command.command_id
            found.extend(await self.do(lambda key=key: self.log.log.read_command(key)))  # type: ignore[misc]
        names = tuple(entry.event.name for entry in found)
        first = found[0].seq if found else 0
        step = Told(len(self.steps) + 1, what, decided, first, names)
        self.steps.append(step)
        self._screen.say()
        self._screen.cut(f"{step.number:2}  {what}", "bold")
        self._screen.say(decided, indent=4)
        if found:
            span = _ranges([entry.seq for entry in found])
            self._screen.cut(f"{span}  {_listed(names)}", "dim", indent=4)

    async def command_of(self, event_name: str, turn_id: str) -> str:
        """The command that made the last event of that name in that turn."""
        recorded = await self.do(lambda: self.log.log.read_thread(self.thread_id))
        for entry in reversed(recorded):
            if entry.event.name == event_name and entry.event.stream_id == turn_id:
                return entry.event.command_id
        raise StoryBroken(what=f"turn {turn_id} has no {event_name}")

    def as_document(self) -> list[dict[str, object]]:
        return [asdict(step) for step in self.steps]


def _listed(names: Sequence[str]) -> str:
    """The decisions by name; the items that come with them as a number."""
    decisions = [name for name in names if not name.startswith("item.")]
    items = len(names) - len(decisions)
    return ", ".join(decisions) + (f", item ×{items}" if items else "")


def _ranges(numbers: Sequence[int]) -> str:
    """Growing numbers, shortened: `11, 13-16`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, ends)) for ends in ranges)
