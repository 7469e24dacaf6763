"""Take turns out of the context: roll back, or edit the last prompt and run it again (D10)."""

from __future__ import annotations

from typing import Literal

from domain.command import Command
from domain.decide.lifecycle import refuse_if_busy
from domain.decide.submit import NewPrompt, decide_submit
from domain.errors import InvalidArgument, NothingToEdit, RollbackTooDeep
from domain.events.base import Event
from domain.events.thread import ThreadRolledBack
from domain.options import Routing
from domain.thread import Thread, fold


def decide_rollback(turns: int, command: Command, thread: Thread) -> tuple[Event, ...]:
    """The last `turns` turns that a prompt opened leave the context, with all that came after.

    `ThreadBusy`, `NothingToEdit`, `RollbackTooDeep`.
    """
    if turns < 1:
        raise InvalidArgument(what="The number of turns", why="it must be 1 or more")
    return (_roll_back(turns, "rollback", command, thread),)


def decide_edit_last_turn(
    prompt: NewPrompt, routing: Routing, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """The last prompted turn leaves the context and `prompt` runs in its place."""
    rolled_back = _roll_back(1, "edit", command, thread)
    return (rolled_back, *decide_submit(prompt, routing, command, fold(thread, [rolled_back])))


def _roll_back(
    turns: int, reason: Literal["edit", "rollback"], command: Command, thread: Thread
) -> ThreadRolledBack:
    thread.writable()
    refuse_if_busy(thread)
    prompted = [index for index, turn in enumerate(thread.context) if turn.prompted]
    if not prompted:
        raise NothingToEdit(thread_id=thread.thread_id)
    if turns > len(prompted):
        raise RollbackTooDeep(thread_id=thread.thread_id, available=len(prompted), asked=turns)
    leaving = thread.context[prompted[-turns] :]
    header = command.header(thread.thread_id)
    return ThreadRolledBack(**header, turn_ids=tuple(t.turn_id for t in leaving), reason=reason)
