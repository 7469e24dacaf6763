"""Decisions that only imported history needs: what other programs' logs show and no command does.

Their events obey the same laws as all others.
"""

from __future__ import annotations

from domain import inbox, text
from domain.command import Command
from domain.decide.lifecycle import refuse_if_busy
from domain.decide.promote import user_message
from domain.errors import InterruptRequested, PromptNotWaiting
from domain.events.base import Event
from domain.events.prompt import PromptPromoted
from domain.events.turn import TurnStarted, TurnSteered
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


def decide_take_first_steer(
    turn_id: str, input_id: str, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """That steer enters the turn, and the others stay pending; `PromptNotWaiting` unless it is the
    first of them (L6). `TurnNotActive`, `InterruptRequested`.

    A runner takes all steers at a step boundary; a log names them one by one.
    """
    turn = thread.active(turn_id)
    if turn.interrupt is not None:
        raise InterruptRequested(turn_id=turn_id)
    steers = inbox.steers(thread.inbox)
    if not steers or steers[0].input_id != input_id:
        raise PromptNotWaiting(input_id=input_id, state="not the first pending steer")
    header = command.header(thread.thread_id)
    started, completed = user_message(steers[0], turn_id, command, thread)
    return (
        PromptPromoted(**header, input_id=input_id, turn_id=turn_id),
        TurnSteered(**header, turn_id=turn_id, input_id=input_id, item_id=started.item_id),
        started,
        completed,
    )
