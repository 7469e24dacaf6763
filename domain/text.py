"""Text as it may enter the log."""

from __future__ import annotations

import re
from math import isfinite
from typing import Final, NamedTuple

from pydantic import JsonValue

from domain.errors import PromptRequired
from domain.events.base import Json

SUMMARY_LIMIT: Final = 280  # characters
ERROR_LIMIT: Final = 10_000  # characters
MAX_INTEGER_BITS: Final = 1024
MAX_DEPTH: Final = 64  # levels of JSON; readers of other languages give up soon after
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
# PostgreSQL refuses NUL in text and json; UTF-8 has no form for a lone surrogate.
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class Cleaned(NamedTuple):
    """Storable text, and how many characters had to be replaced in it."""

    text: str
    replaced: int


def clean(text: str) -> Cleaned:
    """`text` with every NUL and lone surrogate replaced by U+FFFD."""
    return Cleaned(*_UNSTORABLE.subn(REPLACEMENT, text))


def clean_prompt(text: str) -> Cleaned:
    """A prompt's text, trimmed; `PromptRequired` when nothing is left."""
    trimmed = text.strip()
    if not trimmed:
        raise PromptRequired
    return clean(trimmed)


def shorten_error(text: str) -> str:
    """`text` storable and of a bounded length: an engine's error may be anything, and an end that
    could not be stored would leave its turn open for ever."""
    cleaned = clean(text[: ERROR_LIMIT + 1]).text
    return cleaned if len(cleaned) <= ERROR_LIMIT else cleaned[: ERROR_LIMIT - 1] + "…"


def summarize(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """The first `limit` characters of `text` on one line, with an ellipsis if it was cut."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def clean_json(value: Json | None) -> Json | None:
    """`value` made storable: strings and keys cleaned, numbers JSON does not have as text, and
    what is nested deeper than `MAX_DEPTH` cut off."""
    if value is None:
        return None
    return {clean(key).text: _clean_value(item, 1) for key, item in value.items()}


def _clean_value(value: JsonValue, depth: int) -> JsonValue:
    if depth > MAX_DEPTH and isinstance(value, list | dict):
        return f"[nested deeper than {MAX_DEPTH} levels]"
    match value:
        case str():
            return clean(value).text
        case int() if value.bit_length() > MAX_INTEGER_BITS:
            # Readers give up on such numbers, ours too; what cannot be read again is not stored.
            return f"[integer of {value.bit_length()} bits]"
        case float() if not isfinite(value):
            return str(value)
        case list():
            return [_clean_value(item, depth + 1) for item in value]
        case dict():
            return {clean(key).text: _clean_value(item, depth + 1) for key, item in value.items()}
        case _:
            return value
