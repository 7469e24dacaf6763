"""Events of a thread's life."""

from __future__ import annotations

from typing import ClassVar, Literal

from domain.events.base import Event, Ordinal
from domain.options import ThreadSettings, Value


class Origin(Value):
    """What a thread was made from: another program's log (`imported`)."""

    kind: Literal["imported"]
    format: str
    native_id: str
    file_name: str | None = None
    program_version: str | None = None
    parent_native_id: str | None = None


class ForkPoint(Value):
    """What a thread was forked from: another thread of this log, up to its event `seq`."""

    thread_id: str
    seq: Ordinal


class ThreadCreated(Event):
    name: ClassVar[str] = "thread.created"
    title: str | None = None
    settings: ThreadSettings
    origin: Origin | None = None
    forked_from: ForkPoint | None = None


class ThreadUpdated(Event):
    """The whole new title and settings, not a difference."""

    name: ClassVar[str] = "thread.updated"
    title: str | None = None
    settings: ThreadSettings


class ThreadArchived(Event):
    name: ClassVar[str] = "thread.archived"


class ThreadUnarchived(Event):
    name: ClassVar[str] = "thread.unarchived"


class ThreadRolledBack(Event):
    """These turns leave the context; they stay in the log."""

    name: ClassVar[str] = "thread.rolled_back"
    turn_ids: tuple[str, ...]
    reason: Literal["edit", "rollback"]
