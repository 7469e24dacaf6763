"""The one table of event names. A name that is not here is an error, never skipped (D17)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.events import approval, item, prompt, thread, turn
from domain.events.base import Event

ALL: Final[tuple[type[Event], ...]] = (
    thread.ThreadCreated,
    thread.ThreadUpdated,
    thread.ThreadArchived,
    thread.ThreadUnarchived,
    thread.ThreadRolledBack,
    prompt.PromptAdmitted,
    prompt.PromptPromoted,
    prompt.PromptWithdrawn,
    prompt.PromptEdited,
    prompt.PromptRedelivered,
    prompt.PromptMoved,
    prompt.QueueHeld,
    prompt.QueueReleased,
    turn.TurnStarted,
    turn.TurnSteered,
    turn.TurnInterruptRequested,
    turn.TurnCompleted,
    item.ItemStarted,
    item.ItemCompleted,
    item.ItemFailed,
    item.ItemInterrupted,
    approval.ApprovalRequested,
    approval.ApprovalResolved,
    approval.ApprovalCancelled,
)

BY_NAME: Final[Mapping[str, type[Event]]] = MappingProxyType({cls.name: cls for cls in ALL})
