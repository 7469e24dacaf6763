"""Which session a Codex rollout is, and where in it a fork's copy of its parent ends.

A rollout begins with its own `session_meta`. A fork goes on with the parent's `session_meta` and
the parent's lines, written again with new times; only then comes what happened in the fork.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from adapters.importers.codex import Codex
from adapters.importers.codex_fork import ForkCopy
from adapters.importers.identity import Identity, uuid_in
from adapters.importers.records import Record
from adapters.importers.session import Mapper
from adapters.importers.turns import Turns
from adapters.importers.values import mapping, name, parse_time, string
from domain.events.base import Json

FORMAT: Final = "codex"
LINE_TYPES: Final = frozenset(
    {"session_meta", "turn_context", "response_item", "event_msg", "compacted", "world_state"}
)


def recognises(body: Json) -> bool:
    """Whether this is a line of a rollout: timestamp, type and payload, of a known type."""
    return (
        string(body, "type") in LINE_TYPES
        and "timestamp" in body
        and isinstance(body.get("payload"), dict)
    )


def record_id(record: Record) -> str | None:
    """The most particular id in a rollout line; many have none."""
    payload = mapping(record.body, "payload")
    for key in ("call_id", "turn_id", "id"):
        if found := string(payload, key):
            return found
    return None


class CodexOpening:
    """Waits for the second record: it may be the parent's `session_meta`, which the thread's first
    event must name."""

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        self._first: Record | None = None
        self._second: Record | None = None
        self._time: datetime | None = None

    def see(self, record: Record) -> Identity | None:
        if self._first is None:
            self._first = record
        elif self._second is None:
            self._second = record
        own = parse_time(mapping(record.body, "payload").get("timestamp"))
        self._time = self._time or record.time or own
        if self._second is None or self._time is None:
            return None
        # A rollout that lost its beginning and its name is still the same one when it has grown.
        native_id = string(self._meta, "id") or uuid_in(self._file_name) or self._first.digest
        version = name(self._meta.get("cli_version"))
        return Identity(FORMAT, native_id, self._time, version, self._parent())

    def mapper(self, turns: Turns) -> Mapper:
        assert self._first is not None
        forked = "forked_from_id" in self._meta or self._copied_meta is not None
        began = parse_time(self._meta.get("timestamp")) or self._first.time
        return Codex(turns, self._first, ForkCopy(began) if forked and began else None)

    @property
    def _meta(self) -> Json:
        """The session's own description; empty for a file that begins in the middle."""
        first = self._first
        return mapping(first.body, "payload") if first and first.type == "session_meta" else {}

    @property
    def _copied_meta(self) -> Json | None:
        """The parent's description, if the file goes on with it."""
        second = self._second
        if not self._meta or second is None or second.type != "session_meta":
            return None
        return mapping(second.body, "payload")

    def _parent(self) -> str | None:
        spawn = mapping(mapping(mapping(self._meta, "source"), "subagent"), "thread_spawn")
        return (
            name(self._meta.get("forked_from_id"))
            or name((self._copied_meta or {}).get("id"))
            or name(self._meta.get("parent_thread_id"))
            or name(spawn.get("parent_thread_id"))
        )
