"""Create, update, archive and unarchive a thread."""

from __future__ import annotations

from domain import inbox, text
from domain.command import Command
from domain.errors import ThreadBusy, ThreadExists
from domain.events.base import Event
from domain.events.thread import (
    Origin,
    ThreadArchived,
    ThreadCreated,
    ThreadUnarchived,
    ThreadUpdated,
)
from domain.options import SettingsChange, ThreadSettings
from domain.thread import Thread


def decide_create(
    title: str | None,
    settings: ThreadSettings,
    origin: Origin | None,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """A new thread; `ThreadExists` if there is one of that id."""
    if thread.exists:
        raise ThreadExists(thread_id=thread.thread_id)
    return (
        ThreadCreated(
            **command.header(thread.thread_id),
            title=clean_title(title),
            settings=settings,
            origin=origin,
        ),
    )


def decide_update(
    title: str | None, settings: SettingsChange, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """New title or settings; None keeps what is there, and no difference appends nothing.

    The event says them whole: it is decided on the thread as it was just before.
    """
    thread.writable()
    new_title = thread.title if title is None else clean_title(title)
    new_settings = settings.over(thread.settings)
    if (new_title, new_settings) == (thread.title, thread.settings):
        return ()
    header = command.header(thread.thread_id)
    return (ThreadUpdated(**header, title=new_title, settings=new_settings),)


def decide_archive(command: Command, thread: Thread) -> tuple[Event, ...]:
    """No more prompts until unarchived. The slot must be free; held prompts stay held."""
    thread.known()
    if thread.archived:
        return ()
    refuse_if_busy(thread)
    return (ThreadArchived(**command.header(thread.thread_id)),)


def decide_unarchive(command: Command, thread: Thread) -> tuple[Event, ...]:
    """Prompts are taken again."""
    thread.known()
    return (ThreadUnarchived(**command.header(thread.thread_id)),) if thread.archived else ()


def refuse_if_busy(thread: Thread) -> None:
    """`ThreadBusy` unless the slot is free."""
    if thread.turn is not None:
        raise ThreadBusy(thread_id=thread.thread_id, turn_id=thread.turn.turn_id)
    # L5: a free slot leaves nothing pending. Decisions below rely on it.
    assert not inbox.pending(thread.inbox)


def clean_title(title: str | None) -> str | None:
    """The title as it is stored: one short line; None for none."""
    return text.summarize(text.clean(title).text) if title else None
