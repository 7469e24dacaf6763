"""What may be trusted of a record's body: nothing, so every look into it says what it expects."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from domain import text
from domain.events.base import Json, Usage
from domain.options import MAX_INTEGER

MAX_NAME_CHARS: Final = 200


def _integer(digits: str) -> int | str:
    # Python refuses to read integers of thousands of digits, and no reader of JSON needs them.
    return int(digits) if len(digits) <= 18 else digits


def _number(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


# NaN and the infinities are no JSON; they stay as text, like numbers nobody can hold.
DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=str)


def string(body: Json, key: str) -> str | None:
    """The text under `key`, if it is one."""
    value = body.get(key)
    return value if isinstance(value, str) else None


def mapping(body: Json, key: str) -> Json:
    """The object under `key`; an empty one if there is none."""
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def objects(value: JsonValue) -> Iterator[Json]:
    """The objects of a list, or the one object that `value` is."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def count(body: Json, key: str) -> int:
    """The number under `key` as a count; 0 if it is none."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), MAX_INTEGER)


def name(value: JsonValue) -> str | None:
    """A short text of printable characters, as ids, models and versions are; None if it is none."""
    if not isinstance(value, str):
        return None
    shown = "".join(c if c.isprintable() else text.REPLACEMENT for c in value[:MAX_NAME_CHARS])
    return shown.strip() or None


def parse_time(value: JsonValue) -> datetime | None:
    """An ISO 8601 time in UTC; one without a zone is taken as UTC. None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def content_text(value: JsonValue) -> str:
    """The text of a message's content: a string, one part, or a list of parts.

    What is no text is named: `[image]`.
    """
    if isinstance(value, str):
        return value
    parts = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return "\n".join(_part_text(part) for part in parts)


def _part_text(part: JsonValue) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return json.dumps(part)
    for key in ("text", "content"):
        if isinstance(inner := part.get(key), str):
            return inner
    kind = string(part, "type") or "object"
    return f"[{kind.removeprefix('input_')}]"


def as_json(value: JsonValue) -> JsonValue:
    """`value` itself, or what it means if it is JSON in a string."""
    if not isinstance(value, str):
        return value
    try:
        parsed: JsonValue = DECODER.decode(value)
    except (ValueError, RecursionError):
        return value
    return parsed if isinstance(parsed, dict | list) else value


def difference(total: Usage, before: Usage) -> Usage:
    """What `total` has more than `before`; after a reset of the count, `total` itself."""
    if total.input_tokens < before.input_tokens or total.output_tokens < before.output_tokens:
        return total
    return Usage(
        input_tokens=total.input_tokens - before.input_tokens,
        cached_input_tokens=max(0, total.cached_input_tokens - before.cached_input_tokens),
        output_tokens=total.output_tokens - before.output_tokens,
        reasoning_tokens=max(0, total.reasoning_tokens - before.reasoning_tokens),
    )
