"""Record what the engine does in its turn: items that begin and end.

Ids of items are minted here, so no item can be started twice.
"""

from __future__ import annotations

from typing import Literal

from domain import text
from domain.command import Command
from domain.decide.approvals import cancel_approvals_of
from domain.events.base import Event, ItemKind, Json
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.thread import Thread

ItemEnd = Literal["completed", "failed", "interrupted"]


def decide_start_item(
    turn_id: str,
    kind: ItemKind,
    summary: str,
    detail: Json | None,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """An item begins in the active turn; `TurnNotActive`."""
    thread.active(turn_id)
    return (
        ItemStarted(
            **command.header(thread.thread_id),
            turn_id=turn_id,
            item_id=command.mint("item", "started"),
            kind=kind,
            summary=text.summarize(text.clean(summary).text),
            detail=text.clean_json(detail),
        ),
    )


def decide_end_item(
    turn_id: str,
    item_id: str,
    end: ItemEnd,
    content: str | None,
    result: Json | None,
    reason: str | None,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """An open item ends, and with it what it asked for; `TurnNotActive`, `ItemNotOpen`.

    `reason` says why it did not complete.
    """
    turn = thread.active(turn_id)
    turn.open_item(item_id)
    header = command.header(thread.thread_id)
    body = text.clean(content).text if content is not None else None
    data = text.clean_json(result)
    why = text.shorten_error(reason or f"the item {end}")
    ended: Event
    match end:
        case "completed":
            ended = ItemCompleted(
                **header, turn_id=turn_id, item_id=item_id, text=body, result=data
            )
        case "failed":
            ended = ItemFailed(
                **header, turn_id=turn_id, item_id=item_id, text=body, result=data, error=why
            )
        case "interrupted":
            ended = ItemInterrupted(
                **header, turn_id=turn_id, item_id=item_id, text=body, result=data, reason=why
            )
    return (*cancel_approvals_of(item_id, turn, command, thread), ended)


def decide_record_item(
    turn_id: str,
    kind: ItemKind,
    summary: str,
    content: str | None,
    detail: Json | None,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """An item that is over as soon as it is known: begins and completes at once."""
    (started,) = decide_start_item(turn_id, kind, summary, detail, command, thread)
    assert isinstance(started, ItemStarted)
    body = text.clean(content).text if content is not None else None
    header = command.header(thread.thread_id)
    return (
        started,
        ItemCompleted(**header, turn_id=turn_id, item_id=started.item_id, text=body),
    )
