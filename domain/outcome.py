"""What a command did, computed from its recorded events and from nothing else.

So a retry is answered with the same outcome as the first call, also after a crash (L10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from domain.events.approval import ApprovalCancelled, ApprovalEvent
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Outcome:
    """The effects of one command.

    A command that changed nothing has `seq` and `position` None; it is in no log, so a retry of it
    is decided anew.

    `approval_id` is what was asked for or answered, `cancelled_approvals` what nobody needs to
    answer any more. `seq` and `position` are those of its last event: wait for that position to
    read one's own writes. `repeated` tells an answer from the receipts from a first one.
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
    approval_id: str | None = None
    cancelled_approvals: tuple[str, ...] = ()
    repeated: bool = field(default=False, compare=False)


def outcome_of(recorded: Sequence[Recorded]) -> Outcome:
    """The outcome of the command whose events these are, in order; there is at least one."""
    effects = _Effects()
    for entry in recorded:
        if not entry.event.copied:  # what a fork brings along it does not do
            _add(entry, effects)
    last = recorded[-1]
    return Outcome(
        thread_id=last.event.thread_id,
        command_id=last.event.command_id,
        seq=last.seq,
        position=last.position,
        admission=effects.admission,
        started_turn_id=effects.started_turn_id,
        ended_turn_id=effects.ended_turn_id,
        ended_status=effects.ended_status,
        item_ids=tuple(effects.item_ids),
        delivered=tuple(effects.delivered),
        held=tuple(effects.held),
        released=tuple(effects.released),
        withdrawn=tuple(effects.withdrawn),
        approval_id=effects.approval_id,
        cancelled_approvals=tuple(effects.cancelled_approvals),
    )


@dataclass(slots=True)
class _Effects:
    """An outcome in the making: one object that changes, as every command makes one."""

    admission: Admission | None = None
    started_turn_id: str | None = None
    ended_turn_id: str | None = None
    ended_status: TurnStatus | None = None
    item_ids: list[str] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    withdrawn: list[Withdrawn] = field(default_factory=list)
    approval_id: str | None = None
    cancelled_approvals: list[str] = field(default_factory=list)


def _add(entry: Recorded, effects: _Effects) -> None:
    match entry.event:
        case ItemStarted() as event:
            effects.item_ids.append(event.item_id)
        case ItemCompleted() as event:
            _complete(event, effects)
        case PromptAdmitted() as event:
            admission = Admission(event.input_id, entry.seq, event.held, event.replaced)
            effects.admission = admission
        case PromptPromoted() as event:
            _promote(event, entry.seq, effects)
        case PromptWithdrawn() as event:
            effects.withdrawn.append(Withdrawn(event.input_id, event.text))
        case QueueHeld() as event:
            effects.held.extend(event.input_ids)
        case QueueReleased() as event:
            effects.released.extend(event.input_ids)
        case TurnStarted() as event:
            effects.started_turn_id = event.turn_id
        case TurnSteered() as event:
            effects.delivered.append(Delivered(event.input_id, event.item_id, ""))
        case ApprovalEvent() as event:
            _add_approval(event, effects)
        case TurnCompleted() as event:
            effects.ended_turn_id, effects.ended_status = event.turn_id, event.status
        case _:
            pass


def _add_approval(event: ApprovalEvent, effects: _Effects) -> None:
    if isinstance(event, ApprovalCancelled):
        effects.cancelled_approvals.append(event.approval_id)
    else:
        effects.approval_id = event.approval_id


def _promote(event: PromptPromoted, seq: int, effects: _Effects) -> None:
    admission = effects.admission
    if admission is not None and admission.input_id == event.input_id:
        effects.admission = replace(
            admission, state="promoted", turn_id=event.turn_id, promoted_seq=seq
        )


def _complete(event: ItemCompleted, effects: _Effects) -> None:
    for place, steer in enumerate(effects.delivered):
        if steer.item_id == event.item_id:
            effects.delivered[place] = replace(steer, text=event.text or "")
