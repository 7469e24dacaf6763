"""What a command did, computed from its recorded events and from nothing else.

So a retry is answered with the same outcome as the first call, also after a crash (L10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from domain.events.item import ItemCompleted, ItemStarted
from domain.events.prompt import (
    PromptAdmitted,
    PromptPromoted,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.turn import TurnCompleted, TurnStarted, TurnStatus, TurnSteered
from domain.ports import Recorded


@dataclass(frozen=True, slots=True)
class Admission:
    """The prompt the command admitted. `held` counts those on hold at that moment (L11)."""

    input_id: str
    admitted_seq: int
    held: int
    replaced: int
    state: Literal["pending", "promoted"] = "pending"
    turn_id: str | None = None
    promoted_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A prompt that left the inbox, with its text for an editor to restore."""

    input_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A steer that entered the running turn."""

    input_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effects of one command.

    A command that changed nothing has `seq` and `position` None; it is in no log, so a retry of it
    is decided anew.

    `seq` and `position` are those of its last event: wait for that position to read one's own
    writes. `repeated` tells an answer from the receipts from a first one.
    """

    thread_id: str
    command_id: str
    seq: int | None = None
    position: int | None = None
    admission: Admission | None = None
    started_turn_id: str | None = None
    ended_turn_id: str | None = None
    ended_status: TurnStatus | None = None
    item_ids: tuple[str, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    held: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    repeated: bool = field(default=False, compare=False)


def outcome_of(recorded: Sequence[Recorded]) -> Outcome:
    """The outcome of the command whose events these are, in order; there is at least one."""
    last = recorded[-1]
    outcome = Outcome(
        thread_id=last.event.thread_id,
        command_id=last.event.command_id,
        seq=last.seq,
        position=last.position,
    )
    for entry in recorded:
        outcome = _add(entry, outcome)
    return outcome


def _add(entry: Recorded, outcome: Outcome) -> Outcome:
    match entry.event:
        case PromptAdmitted() as event:
            admission = Admission(event.input_id, entry.seq, event.held, event.replaced)
            return replace(outcome, admission=admission)
        case PromptPromoted() as event:
            return _promote(event, entry.seq, outcome)
        case PromptWithdrawn() as event:
            gone = Withdrawn(event.input_id, event.text)
            return replace(outcome, withdrawn=(*outcome.withdrawn, gone))
        case QueueHeld() as event:
            return replace(outcome, held=(*outcome.held, *event.input_ids))
        case QueueReleased() as event:
            return replace(outcome, released=(*outcome.released, *event.input_ids))
        case TurnStarted() as event:
            return replace(outcome, started_turn_id=event.turn_id)
        case TurnSteered() as event:
            steer = Delivered(event.input_id, event.item_id, "")
            return replace(outcome, delivered=(*outcome.delivered, steer))
        case TurnCompleted() as event:
            return replace(outcome, ended_turn_id=event.turn_id, ended_status=event.status)
        case ItemStarted() as event:
            return replace(outcome, item_ids=(*outcome.item_ids, event.item_id))
        case ItemCompleted() as event:
            return _complete(event, outcome)
        case _:
            return outcome


def _promote(event: PromptPromoted, seq: int, outcome: Outcome) -> Outcome:
    admission = outcome.admission
    if admission is None or admission.input_id != event.input_id:
        return outcome
    promoted = replace(admission, state="promoted", turn_id=event.turn_id, promoted_seq=seq)
    return replace(outcome, admission=promoted)


def _complete(event: ItemCompleted, outcome: Outcome) -> Outcome:
    delivered = tuple(
        replace(steer, text=event.text or "") if steer.item_id == event.item_id else steer
        for steer in outcome.delivered
    )
    return replace(outcome, delivered=delivered)
