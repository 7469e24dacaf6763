"""Give a queued prompt another place in line (L3)."""

from __future__ import annotations

from typing import Literal, get_args

from domain import inbox as inboxes
from domain.command import Command
from domain.decide.queue import find_waiting
from domain.errors import InvalidArgument, PromptNotQueued
from domain.events.base import Event
from domain.events.prompt import PromptMoved
from domain.inbox import Inbox, Prompt
from domain.thread import Thread

Place = Literal["first", "last", "before", "after"]


def decide_move(
    input_id: str, place: Place, anchor_id: str | None, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """The prompt stands first or last in line, or right before or after the prompt `anchor_id`.

    The line are the queued prompts, pending and held ones alike. Nothing if it stands there
    already. `PromptNotWaiting` and `PromptNotQueued`, of either prompt; `InvalidArgument`.
    """
    thread.writable()
    _check_anchor(input_id, place, anchor_id)
    prompt = _in_line(input_id, thread)
    rest = inboxes.leave(input_id, thread.inbox)
    at = _index(place, _in_line(anchor_id, thread) if anchor_id else None, rest)
    moved = (*rest[:at], prompt, *rest[at:])
    if inboxes.queued(moved) == inboxes.queued(thread.inbox):
        return ()
    order = tuple(other.input_id for other in moved)
    header = command.header(thread.thread_id)
    return (PromptMoved(**header, input_id=input_id, input_ids=order),)


def _check_anchor(input_id: str, place: Place, anchor_id: str | None) -> None:
    if place not in get_args(Place):
        why = f"it is {', '.join(get_args(Place)[:-1])} or {get_args(Place)[-1]}, not {place!r}"
        raise InvalidArgument(what="The place in line", why=why)
    if (anchor_id is not None) != (place in ("before", "after")):
        why = "before and after need another prompt, first and last take none"
        raise InvalidArgument(what="The place in line", why=why)
    if anchor_id == input_id:
        raise InvalidArgument(what="The place in line", why="it is relative to the prompt itself")


def _in_line(input_id: str, thread: Thread) -> Prompt:
    prompt = find_waiting(input_id, thread)
    if prompt.delivery != "queue":
        raise PromptNotQueued(input_id=input_id, delivery=prompt.delivery)
    return prompt


def _index(place: Place, anchor: Prompt | None, rest: Inbox) -> int:
    """Where in `rest` it has to be put."""
    if anchor is not None:
        return rest.index(anchor) + (place == "after")
    line = inboxes.queued(rest)
    return rest.index(line[0]) if place == "first" and line else len(rest)
