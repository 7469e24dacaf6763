"""The law about copied history: a part of L12, for it is what a fork's state is folded from."""

from __future__ import annotations

from collections.abc import Iterator

from domain.events.base import Source
from domain.events.thread import ForkPoint, ThreadCreated
from domain.events.turn import TurnCompleted
from domain.predicates.history import History, Violation, ends_command
from domain.predicates.observed import ObservedInbox, slot_taken


def copies_are_of_the_past(history: History) -> Iterator[Violation]:
    """L12: copies come only with the creation of a fork, in the order of the thread they are from;
    they count no usage again, and leave the inbox empty and the slot free."""
    origin: ForkPoint | None = None
    forked_by: str | None = None
    inbox = ObservedInbox()
    active = False
    line = 1
    for index, entry in enumerate(history):
        event = entry.event
        if isinstance(event, ThreadCreated):
            origin, forked_by = event.forked_from, event.command_id
        inbox.see(event)
        active = slot_taken(event, before=active)
        if event.copied and event.source is not None:
            if origin is None or event.command_id != forked_by:
                yield Violation("L12", entry.seq, f"a copied {event.name} that no fork brought")
            elif not line <= event.source.line <= origin.seq:
                yield Violation("L12", entry.seq, _misplaced(event.source, line, origin))
            if isinstance(event, TurnCompleted) and event.usage is not None:
                yield Violation("L12", entry.seq, f"{event.turn_id} counts its usage again")
            line = event.source.line
            last = index + 1 == len(history) or not history[index + 1].event.copied
            if last and ends_command(history, index) and (inbox.order or active):
                yield Violation("L12", entry.seq, "the copy leaves a turn or prompts behind")


def _misplaced(source: Source, line: int, origin: ForkPoint) -> str:
    return f"a copy of {source.line}, after {line}, of {origin.seq}"
