"""Decisions that only imported history needs: what other programs' logs show and no command does."""

from __future__ import annotations

from domain import text
from domain.command import Command
from domain.decide.lifecycle import refuse_if_busy
from domain.events.base import Event
from domain.events.turn import TurnStarted
from domain.thread import Thread


def decide_unprompted_turn(summary: str, command: Command, thread: Thread) -> tuple[Event, ...]:
    """A turn takes the free slot without a prompt; `ThreadBusy` otherwise.

    Logs begin in the middle, and turns are aborted before their prompt is written.
    """
    thread.writable()
    refuse_if_busy(thread)
    return (
        TurnStarted(
            **command.header(thread.thread_id),
            turn_id=command.mint("turn", "unprompted"),
            kind="prompt",
            input_id=None,
            summary=text.summarize(text.clean(summary).text),
            options=thread.settings.options,
            steerable=thread.settings.steerable,
        ),
    )
