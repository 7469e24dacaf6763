"""Rows of the log as entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from adapters.records import LogEntry

_FIELDS: Final = (
    "originator_id",
    "originator_version",
    "topic",
    "state",
    "id",
    "thread_id",
    "seq",
    "command_id",
    "receipt",
    "recorded_at",
    "hash",
)


def entry_of(row: Sequence[Any]) -> LogEntry:
    """The entry of a row whose columns are in the order of the queries in `sql/log.sql`."""
    # Its fields all at once: `__init__` of a frozen dataclass sets them one by one, and reading a
    # long thread is mostly this.
    entry = object.__new__(LogEntry)
    values = entry.__dict__
    values.update(zip(_FIELDS, row, strict=True))
    values["state"] = values["state"].encode()
    return entry
