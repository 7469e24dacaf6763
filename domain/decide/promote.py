"""Promotion: giving a prompt to a turn. The drain is the only place that picks one by itself."""

from __future__ import annotations

from domain import inbox as inboxes
from domain.command import Command
from domain.events.base import Event
from domain.events.item import ItemCompleted, ItemStarted
from domain.events.prompt import PromptPromoted, QueueHeld
from domain.events.turn import TurnStarted
from domain.inbox import Prompt
from domain.thread import FAILURES_BEFORE_HOLD, Thread


def open_turn(prompt: Prompt, command: Command, thread: Thread) -> tuple[Event, ...]:
    """The prompt takes the free slot: a turn begins with it as its user message."""
    header = command.header(thread.thread_id)
    turn_id = command.mint("turn", prompt.input_id)
    return (
        PromptPromoted(**header, input_id=prompt.input_id, turn_id=turn_id),
        TurnStarted(
            **header,
            turn_id=turn_id,
            kind="prompt",
            input_id=prompt.input_id,
            summary=prompt.summary,
            options=prompt.options,
            steerable=thread.settings.steerable,
        ),
        *user_message(prompt, turn_id, command, thread),
    )


def user_message(
    prompt: Prompt, turn_id: str, command: Command, thread: Thread
) -> tuple[ItemStarted, ItemCompleted]:
    """The item by which the model sees the prompt, recorded before it does (L18)."""
    header = command.header(thread.thread_id)
    item_id = command.mint("item", prompt.input_id)
    return (
        ItemStarted(
            **header,
            turn_id=turn_id,
            item_id=item_id,
            kind="user_message",
            summary=prompt.summary,
            input_id=prompt.input_id,
        ),
        ItemCompleted(**header, turn_id=turn_id, item_id=item_id, text=prompt.text),
    )


def drain(after_turn_id: str, command: Command, thread: Thread) -> tuple[Event, ...]:
    """What runs next, if the slot is free and a prompt is pending (L5).

    After too many failures in a row the pending prompts are held instead (L16).
    """
    if thread.turn is not None:
        return ()
    prompt = inboxes.next_to_run(thread.inbox)
    if prompt is None:
        return ()
    if thread.failures >= FAILURES_BEFORE_HOLD:
        claimed = tuple(p.input_id for p in inboxes.pending(thread.inbox))
        header = command.header(thread.thread_id)
        return (QueueHeld(**header, input_ids=claimed, reason="failures", turn_id=after_turn_id),)
    return open_turn(prompt, command, thread)
