"""What a law is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from domain.events.base import Event
from domain.ports import Recorded


@dataclass(frozen=True, slots=True)
class Violation:
    """A law that does not hold, and the `seq` where it shows."""

    law: str
    seq: int
    what: str


History = Sequence[Recorded]
Law = Callable[[History], Iterator[Violation]]


def decision(event: Event) -> str:
    """The command that decided the event: for a copied one, in the thread that it is from."""
    if event.copied and event.source is not None and event.source.record is not None:
        return event.source.record
    return event.command_id


def ends_command(history: History, index: int) -> bool:
    """Whether the event at `index` is the last of those that were decided with it."""
    if index + 1 == len(history):
        return True
    return decision(history[index + 1].event) != decision(history[index].event)


def begins_command(history: History, index: int) -> bool:
    """Whether the event at `index` is the first of those that were decided with it."""
    return index == 0 or ends_command(history, index - 1)


def is_alone(history: History, index: int) -> bool:
    """Whether nothing else was decided with the event at `index`, but for what a fork ends with."""
    if not begins_command(history, index):
        return False
    return ends_command(history, index) or ends_fork(history[index + 1].event)


def ends_fork(event: Event) -> bool:
    """Whether it is one of those that leave behind what waited and ran where a fork was taken."""
    return event.copied and event.source is not None and event.source.inferred
