"""What the model sees of a thread: recorded events folded into messages.

Pure, and only of what the log holds: a prompt appears by the user message its promotion recorded,
so never before that (L18). A call always comes with an answer, also when it was cut short, because
a history with an open call is refused by models for ever after (D20).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from domain.events.base import Event, ItemKind, Json
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.thread import ThreadRolledBack
from domain.events.turn import TurnStarted
from domain.ports import Message, TurnContext

ItemState = Literal["open", "completed", "failed", "interrupted"]

# What these say goes to the people who watch, not to the model.
_UNSEEN: Final[frozenset[ItemKind]] = frozenset({"status", "error"})
_NO_ANSWER: Final = "no answer was recorded"


@dataclass(frozen=True, slots=True)
class _Item:
    turn_id: str
    item_id: str
    kind: ItemKind
    summary: str
    detail: Json | None
    state: ItemState = "open"
    text: str | None = None
    result: Json | None = None
    error: str | None = None

    @property
    def replaces_the_past(self) -> bool:
        """Whether a summary stands here for all that came before."""
        return self.kind == "context_compaction" and self.state == "completed" and bool(self.text)


def turn_context(turn_id: str, events: Sequence[Event]) -> TurnContext:
    """What the engine of that turn is given, from all events of its thread.

    `LookupError` if the turn was never started.
    """
    for event in events:
        if isinstance(event, TurnStarted) and event.turn_id == turn_id:
            return TurnContext(
                thread_id=event.thread_id,
                turn_id=turn_id,
                kind=event.kind,
                options=event.options,
                messages=messages(events),
            )
    raise LookupError(f"turn {turn_id} was never started in this thread")


def messages(events: Iterable[Event]) -> tuple[Message, ...]:
    """The messages of a thread's events (all of them, in `seq` order), oldest first.

    Turns that were rolled back are left out. Of the compactions that remain the last one stands, by
    its summary, for everything that began before it.
    """
    items: dict[str, _Item] = {}
    gone: set[str] = set()
    for event in events:
        match event:
            case ItemStarted():
                items[event.item_id] = _begun(event)
            case ItemCompleted() | ItemFailed() | ItemInterrupted():
                items[event.item_id] = _ended(event, items[event.item_id])
            case ThreadRolledBack():
                gone.update(event.turn_ids)
            case _:
                pass
    kept = [item for item in items.values() if item.turn_id not in gone]
    seen = (_message(item) for item in _since_last_compaction(kept))
    return tuple(message for message in seen if message is not None)


def _begun(event: ItemStarted) -> _Item:
    return _Item(event.turn_id, event.item_id, event.kind, event.summary, event.detail)


def _ended(event: ItemCompleted | ItemFailed | ItemInterrupted, item: _Item) -> _Item:
    ended = replace(item, text=event.text, result=event.result)
    match event:
        case ItemCompleted():
            return replace(ended, state="completed")
        case ItemFailed():
            return replace(ended, state="failed", error=event.error)
        case ItemInterrupted():
            return replace(ended, state="interrupted", error=event.reason)


def _since_last_compaction(items: Sequence[_Item]) -> Sequence[_Item]:
    last = max((i for i, item in enumerate(items) if item.replaces_the_past), default=0)
    return items[last:]


def _message(item: _Item) -> Message | None:
    if item.kind in _UNSEEN:
        return None
    match item.kind:
        case "user_message":
            return _speech("user", item)
        case "agent_message" | "reasoning":
            return _speech("assistant", item)
        case "context_compaction":
            return _speech("system", item) if item.replaces_the_past else None
        case _:
            return _call(item)


def _speech(role: str, item: _Item) -> Message | None:
    """What was said, whole or as far as it got; nothing if not a word was."""
    if not item.text:
        return None
    return Message(role=role, kind=item.kind, text=item.text, item_id=item.item_id)


def _call(item: _Item) -> Message:
    """A call and its answer. What came of it before it was cut short is kept."""
    error = _NO_ANSWER if item.state == "open" else item.error
    state = "interrupted" if item.state == "open" else item.state
    lines = [item.text or "", f"{state}: {error}" if state != "completed" else ""]
    return Message(
        role="tool",
        kind=item.kind,
        text="\n".join(line for line in lines if line),
        item_id=item.item_id,
        summary=item.summary,
        detail=item.detail,
        result=item.result,
        error=error,
    )
