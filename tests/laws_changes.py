"""Histories in which one event says something else: another prompt or turn, none, another kind.

Made field by field from a history, for all that a law may read (`laws_breakers.py` has those that
somebody thought of).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, get_args, get_origin

from domain.events.base import FORK, Event, Source
from domain.ports import Recorded
from tests.laws_breakers import History, changed

_IDS: Final = {"input_id", "turn_id", "item_id", "approval_id", "target_turn_id", "command_id"}
_LISTS: Final = {"input_ids", "turn_ids"}
_WORDS: Final = {"delivery", "reason", "queued", "status", "kind"}
_FEW: Final = {"kind": ("reasoning", "compaction", "prompt")}  # all others are one to the laws


def changes(history: History) -> Iterator[tuple[str, History]]:
    """Each with what is other in it, at the first and at the last event of each name."""
    for index in _ends_by_name(history):
        event = history[index].event
        for field, value in _others(history, index):
            name = f"{index + 1} {event.name} {field} {_short(value)}"
            yield name, changed(history, index, **{field: value})


def _ends_by_name(history: Sequence[Recorded]) -> list[int]:
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, entry in enumerate(history):
        first.setdefault(entry.event.name, index)
        last[entry.event.name] = index
    return sorted({*first.values(), *last.values()})


def _others(history: History, index: int) -> Iterator[tuple[str, object]]:
    event = history[index].event
    for field, info in type(event).model_fields.items():
        value = getattr(event, field)
        if field in _IDS:
            yield field, f"{field}_9"
            yield from ((field, other) for other in _known(history, field, value)[:2])
        elif field in _LISTS:
            yield from ((field, other) for other in (value[1:], value[::-1], (*value, "inp_9")))
        elif field in _WORDS and get_origin(info.annotation) is Literal:
            words = _FEW.get(field, get_args(info.annotation))
            yield from ((field, word) for word in words if word in get_args(info.annotation))
        elif field == "steerable":
            yield field, not value
        elif field == "held":
            yield field, value + 1
        elif field == "text":
            yield field, "?"
        elif field == "source":
            yield from _sources(event)
        if field in {"input_id", "item_id", "text"} and not info.is_required():
            yield field, None


def _known(history: History, field: str, value: object) -> list[str]:
    """Other ones there are: the nearest first in the history, and the last."""
    field = {"target_turn_id": "turn_id"}.get(field, field)
    found = (getattr(entry.event, field, None) for entry in history)
    others = list(dict.fromkeys(other for other in found if other not in (None, value)))
    return [*others[:1], *others[-1:]] if len(others) > 1 else others


def _sources(event: Event) -> Iterator[tuple[str, Source | None]]:
    if event.source is None:
        yield "source", Source(format=FORK, line=1, record="r")
        yield "source", Source(format="imported", line=1, record="r")
    else:
        yield "source", None
        for change in ({"line": 99}, {"line": 1}, {"record": None}, {"record": "r"}):
            yield "source", event.source.model_copy(update=change)


def _short(value: object) -> str:
    match value:
        case Source():
            return f"{value.format} {value.line} {value.record}"
        case tuple():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)
