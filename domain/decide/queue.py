"""Release held prompts; withdraw a waiting one."""

from __future__ import annotations

from collections.abc import Collection

from domain import inbox as inboxes
from domain.command import Command
from domain.decide.promote import drain
from domain.errors import NothingHeld, PromptNotWaiting
from domain.events.base import Event
from domain.events.prompt import PromptWithdrawn, QueueReleased
from domain.inbox import Prompt
from domain.thread import Thread, fold


def decide_release(
    input_ids: Collection[str] | None, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """Held prompts (None: all) are pending again where they stand, and the drain runs (L17).

    `NothingHeld`, or `PromptNotWaiting` naming the first id that is not on hold.
    """
    thread.writable()
    held = tuple(prompt.input_id for prompt in inboxes.held(thread.inbox))
    if not held:
        raise NothingHeld(thread_id=thread.thread_id)
    for input_id in input_ids or ():
        if input_id not in held:
            raise PromptNotWaiting(input_id=input_id, state="not on hold")
    chosen = held if input_ids is None else tuple(i for i in held if i in input_ids)
    if not chosen:
        return ()
    released = QueueReleased(**command.header(thread.thread_id), input_ids=chosen)
    # A release forgets the failures, so this drain holds nothing and names no turn.
    return (released, *drain("", command, fold(thread, [released])))


def decide_withdraw(input_id: str, command: Command, thread: Thread) -> tuple[Event, ...]:
    """The waiting prompt leaves the inbox; `PromptNotWaiting` if it does not wait (any more)."""
    thread.writable()
    prompt = find_waiting(input_id, thread)
    header = command.header(thread.thread_id)
    return (PromptWithdrawn(**header, input_id=input_id, text=prompt.text, reason="user"),)


def find_waiting(input_id: str, thread: Thread) -> Prompt:
    """That prompt of the inbox, pending or held; else `PromptNotWaiting`."""
    prompt = inboxes.find(input_id, thread.inbox)
    if prompt is None:
        raise PromptNotWaiting(input_id=input_id, state="not waiting in this thread")
    return prompt
