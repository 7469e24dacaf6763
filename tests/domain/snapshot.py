"""The storage format, written down: every event's name and version, and its fields as JSON schemas.

`python -m tests.domain.snapshot` writes the file anew. Do that only on purpose: every log ever
written has to be readable afterwards.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pydantic import JsonValue
from pydantic.json_schema import models_json_schema

from domain.events.base import Event
from domain.events.registry import ALL

PATH: Final = Path(__file__).with_name("events.snapshot.json")
Schema = dict[str, JsonValue]

_COMMON: Final = "every event"
# Words for people, which may change at any time.
_WORDS: Final = frozenset({"title", "description"})


def current() -> dict[str, Schema]:
    """What the code says now: what all events have, each event's own fields, and the types used."""
    models: tuple[type[Event], ...] = (*ALL, Event)
    _, document = models_json_schema([(model, "validation") for model in models])
    types = {name: _fields(schema) for name, schema in document["$defs"].items()}
    common = types.pop(Event.__name__)
    found: dict[str, Schema] = {_COMMON: common}
    for model in ALL:
        fields = types.pop(model.__name__)
        # Its default is the event's version, which is noted by itself.
        assert all(fields[name] == common[name] for name in common if name != "v"), (
            f"{model.name} changes what all events have"
        )
        own = {name: schema for name, schema in fields.items() if name not in common}
        found[model.name] = {"(version)": model.schema_version, **own}
    return found | {f"type {name}": fields for name, fields in types.items()}


def stored() -> dict[str, Schema]:
    """What was agreed on."""
    found: dict[str, Schema] = json.loads(PATH.read_text())
    return found


def _fields(schema: JsonValue) -> Schema:
    """A model's fields by name; whether they must be there is noted beside their schema."""
    assert isinstance(schema, dict)
    fields = schema.get("properties")
    required = schema.get("required", [])
    if not isinstance(fields, dict) or not isinstance(required, list):
        return {"is": _bare(schema)}
    assert schema.get("additionalProperties") is False
    return {
        name: [_bare(field), "required" if name in required else "optional"]
        for name, field in fields.items()
    }


def _bare(schema: JsonValue) -> JsonValue:
    match schema:
        case dict():
            return {key: _bare(value) for key, value in schema.items() if key not in _WORDS}
        case list():
            return [_bare(item) for item in schema]
        case _:
            return schema


def _written(snapshot: dict[str, Schema]) -> str:
    """One field a line, so that a difference reads well."""
    parts = []
    for name, fields in sorted(snapshot.items()):
        lines = [f"  {json.dumps(key)}: {json.dumps(fields[key])}" for key in sorted(fields)]
        parts.append(f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(_written(current()))
