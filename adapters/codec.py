"""Events as stored bytes and back. Every reader of the log decodes here, and nowhere else.

Stored is the event's JSON without its empty fields. On read the body, of an older version or of one
that the next release will write, is brought to the current schema version and validated; what does
not decode is an error with position and type, never skipped (D17).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from domain.errors import CorruptEvent, InvalidArgument, NewerEventVersion, UnknownEventType
from domain.events.base import Event, Json
from domain.events.registry import BY_NAME
from domain.events.upcasts import CastFailed, NoCast, bring_to, newest_readable
from domain.ports import Recorded

StoredRow = tuple[int, int, int, datetime, bytes, str, bytes]
"""Of an event in the log: position, seq, version, recorded_at, hash, type, data."""

_JSON_OBJECT: Final = TypeAdapter(Json)
# Bound to each class once: looking them up for each event is a sixth of reading it.
_VALIDATE: Final[Mapping[str, Callable[[bytes], Event]]] = MappingProxyType(
    {name: cls.__pydantic_validator__.validate_json for name, cls in BY_NAME.items()}
)


def encode(event: Event) -> bytes:
    """The exact bytes to store: UTF-8 JSON, one object. `InvalidArgument` if UTF-8 has no form
    for a text in it (a lone surrogate)."""
    try:
        return event.__pydantic_serializer__.to_json(event, exclude_none=True)
    except PydanticSerializationError as error:
        raise InvalidArgument(what=f"The {event.name} event", why=str(error)) from None


def decode(name: str, data: bytes, position: int) -> Event:
    """The event of those bytes; `UnknownEventType`, `NewerEventVersion` or `CorruptEvent`."""
    cls = BY_NAME.get(name)
    if cls is None:
        raise UnknownEventType(position=position, type=name, why="")
    try:
        event = cls.__pydantic_validator__.validate_json(data)
        assert isinstance(event, cls)
        if event.v == cls.schema_version:
            return event
    except ValidationError:
        # Either another version, whose fields differ, or damage: the version tells.
        pass
    return _decode_other_version(cls, data, position)


def decode_all(rows: Iterable[StoredRow]) -> list[Recorded]:
    """`decode` for each of those rows, in a third less time each: how long histories are read."""
    history: list[Recorded] = []
    append, make = history.append, tuple.__new__
    for position, seq, version, recorded_at, hash_, name, data in rows:
        try:
            event = _VALIDATE[name](data)
            if event.v != event.schema_version:
                event = decode(name, data, position)
        except (KeyError, ValidationError):
            event = decode(name, data, position)
        # As `Recorded(...)` does, without the call between.
        fields = (position, seq, version, recorded_at, hash_, event)
        append(make(Recorded, fields))
    return history


def _decode_other_version(cls: type[Event], data: bytes, position: int) -> Event:
    version: object = None
    try:
        body = _JSON_OBJECT.validate_json(data)
        version = body.get("v", 1)
        newest = newest_readable(cls.name, cls.schema_version)
        if isinstance(version, int) and version > newest:
            why = f"has version {version}, this turnlog knows {newest}"
            raise NewerEventVersion(position=position, type=cls.name, why=why)
        current = bring_to(cls.schema_version, cls.name, body)
        # Strictness is for JSON types; a dict from JSON is judged by JSON's rules again.
        return cls.model_validate_json(_JSON_OBJECT.dump_json(current))
    except ValidationError as error:
        raise CorruptEvent(position=position, type=cls.name, why=_summary(error)) from None
    except NoCast:
        why = f"has version {version}, which nothing brings to {cls.schema_version}"
        raise CorruptEvent(position=position, type=cls.name, why=why) from None
    except CastFailed as error:
        # The kind of the error only: its message may quote a prompt's text.
        kind = type(error.__cause__).__name__
        why = f"its body is not that of version {version} ({kind})"
        raise CorruptEvent(position=position, type=cls.name, why=why) from None


def _summary(error: ValidationError) -> str:
    """Which fields are wrong and how; never their values, which may be a prompt's text."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    first = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'body'}: {problem['msg']}"
        for problem in problems[:3]
    )
    return first + (f" and {len(problems) - 3} more" if len(problems) > 3 else "")
