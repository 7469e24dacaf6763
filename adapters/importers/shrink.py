"""Cuts what an event carries until the log takes it, and says so.

A prompt's text stands in two events, its admission and its user message, and must be equal in both
(L18): it is cut before either is decided. Everything else is cut in the event it made too large.
"""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue
from pydantic_core import to_json

from adapters import codec
from domain import text
from domain.events.base import Event, Json

# Shares of the limit; what is left is for summary, ids and source.
_TEXT_SHARE: Final = 2
_JSON_SHARE: Final = 5
_MAX_BYTES_A_CHAR: Final = 6


def fits(event: Event, limit: int) -> bool:
    """Whether the log takes the event when its limit is `limit` bytes."""
    return len(codec.encode(event)) <= limit


def shrunk(event: Event, limit: int) -> Event:
    """The event with its texts cut to a half of `limit` bytes, its objects to a fifth each."""
    changes: dict[str, object] = {}
    for field in ("text", "error", "reason"):
        value = getattr(event, field, None)
        if isinstance(value, str):
            changes[field] = cut_text(value, limit // _TEXT_SHARE)
    for field in ("detail", "result"):
        value = getattr(event, field, None)
        if isinstance(value, dict):
            changes[field] = cut_json(value, limit // _JSON_SHARE)
    return event.model_copy(update=changes)


def cut_prompt(prompt: str, limit: int) -> str:
    """`prompt` as far as every event that will carry it takes it."""
    if len(prompt) * _MAX_BYTES_A_CHAR <= limit // _TEXT_SHARE:
        return prompt
    return cut_text(text.clean(prompt).text, limit // _TEXT_SHARE)


def cut_text(whole: str, limit: int) -> str:
    """`whole`, or what of its beginning takes `limit` bytes of JSON with a word on the rest."""
    if _size(whole) <= limit:
        return whole
    low, high = 0, min(len(whole), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if _size(whole[:middle]) <= limit - 100:
            low = middle
        else:
            high = middle - 1
    return f"{whole[:low]}\n[cut by the import: {len(whole) - low} more characters]"


def cut_json(value: Json, limit: int) -> Json:
    """`value` with its texts cut ever shorter until it takes at most `limit` bytes of JSON."""
    chars = limit
    while chars > 100:
        shorter = {key: _cut_strings(item, chars) for key, item in value.items()}
        if _size(shorter) <= limit:
            return shorter
        chars //= 4
    return {"cut by the import": f"an object of {_size(value)} bytes"}


def _cut_strings(value: JsonValue, chars: int) -> JsonValue:
    match value:
        case str() if len(value) > chars:
            return f"{value[:chars]}[cut by the import: {len(value) - chars} more characters]"
        case list():
            return [_cut_strings(item, chars) for item in value]
        case dict():
            return {key: _cut_strings(item, chars) for key, item in value.items()}
        case _:
            return value


def _size(value: JsonValue) -> int:
    return len(to_json(value))
