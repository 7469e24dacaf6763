"""What a law is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from domain.ports import Recorded


@dataclass(frozen=True, slots=True)
class Violation:
    """A law that does not hold, and the `seq` where it shows."""

    law: str
    seq: int
    what: str


History = Sequence[Recorded]
Law = Callable[[History], Iterator[Violation]]


def ends_command(history: History, index: int) -> bool:
    """Whether the event at `index` is the last of its command."""
    if index + 1 == len(history):
        return True
    return history[index + 1].event.command_id != history[index].event.command_id
