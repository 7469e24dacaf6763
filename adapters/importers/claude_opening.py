"""Which session a Claude Code log is.

The program names the file after the session. A renamed file is named by its first assistant
record, for a file can hold records of the session before it, too. A subagent's log has the id of
the session it worked for, and an id of its own.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath
from typing import Final

from adapters.importers.claude import Claude
from adapters.importers.identity import UUID, Identity
from adapters.importers.records import Record
from adapters.importers.session import Mapper
from adapters.importers.turns import Turns
from adapters.importers.values import name, string
from domain.events.base import Json

FORMAT: Final = "claude-code"

TYPES: Final = frozenset(
    {
        "user",
        "assistant",
        "system",
        "summary",
        "progress",
        "attachment",
        "queue-operation",
        "file-history-snapshot",
        "last-prompt",
        "custom-title",
        "mode",
    }
)
_MARKS: Final = ("sessionId", "leafUuid", "messageId", "parentUuid")


def recognises(body: Json) -> bool:
    """Whether this is a record of such a log: a known type, and an id only these have."""
    return string(body, "type") in TYPES and any(mark in body for mark in _MARKS)


def record_id(record: Record) -> str | None:
    """The record's uuid; bookkeeping has none."""
    return string(record.body, "uuid")


class ClaudeOpening:
    """Waits for the session's id and for the first time, which need not be in the first record."""

    def __init__(self, file_name: str) -> None:
        stem = PurePath(file_name).stem
        self._native_id = stem.lower() if UUID.fullmatch(stem) else None
        self._parent: str | None = None
        self._time: datetime | None = None
        self._version: str | None = None
        self._subagent: bool | None = None

    def see(self, record: Record) -> Identity | None:
        body = record.body
        self._time = self._time or record.time
        self._version = self._version or name(body.get("version"))
        session_id = string(body, "sessionId")
        if session_id and self._subagent is None:
            self._see_subagent(session_id, body)
        if self._native_id is None and record.type == "assistant":
            self._native_id = session_id
        if self._native_id is None or self._time is None:
            return None
        return Identity(FORMAT, self._native_id, self._time, self._version, self._parent)

    def mapper(self, turns: Turns) -> Mapper:
        return Claude(turns, is_subagent=bool(self._subagent))

    def _see_subagent(self, session_id: str, body: Json) -> None:
        agent_id = string(body, "agentId")
        self._subagent = agent_id is not None and body.get("isSidechain") is True
        if self._subagent:
            self._native_id = f"{session_id}/agent-{agent_id}"
            self._parent = name(session_id)
