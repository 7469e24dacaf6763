"""Compact the context: a turn without a prompt, which ends and drains like any other (D14)."""

from __future__ import annotations

from domain import text
from domain.command import Command
from domain.decide.lifecycle import refuse_if_busy
from domain.events.base import Event
from domain.events.turn import TurnStarted
from domain.thread import Thread


def decide_compact(reason: str | None, command: Command, thread: Thread) -> tuple[Event, ...]:
    """A compaction takes the free slot; `ThreadBusy` otherwise."""
    thread.writable()
    refuse_if_busy(thread)
    return (
        TurnStarted(
            **command.header(thread.thread_id),
            turn_id=command.mint("turn", "compaction"),
            kind="compaction",
            input_id=None,
            summary=text.summarize(text.clean(reason or "Context compaction").text),
            options=thread.settings.options,
            steerable=False,
        ),
    )
