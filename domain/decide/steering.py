"""Take the pending steers into the running turn, at a step boundary."""

from __future__ import annotations

from domain import inbox
from domain.command import Command
from domain.decide.promote import user_message
from domain.errors import InterruptRequested
from domain.events.base import Event
from domain.events.prompt import PromptPromoted
from domain.events.turn import TurnSteered
from domain.inbox import Prompt
from domain.thread import Thread


def decide_take_steers(turn_id: str, command: Command, thread: Thread) -> tuple[Event, ...]:
    """Every pending steer enters the turn, in admission order; nothing if there is none.

    `InterruptRequested` once the turn is to stop (L8). A turn that cannot be steered leaves
    steers that fell back to it for the turns after it.
    """
    turn = thread.active(turn_id)
    if turn.interrupt is not None:
        raise InterruptRequested(turn_id=turn_id)
    if not turn.steerable:
        return ()
    return tuple(
        event
        for prompt in inbox.steers(thread.inbox)
        for event in _steer(prompt, turn_id, command, thread)
    )


def _steer(prompt: Prompt, turn_id: str, command: Command, thread: Thread) -> tuple[Event, ...]:
    header = command.header(thread.thread_id)
    started, completed = user_message(prompt, turn_id, command, thread)
    return (
        PromptPromoted(**header, input_id=prompt.input_id, turn_id=turn_id),
        TurnSteered(**header, turn_id=turn_id, input_id=prompt.input_id, item_id=started.item_id),
        started,
        completed,
    )
