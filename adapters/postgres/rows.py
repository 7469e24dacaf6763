"""Rows of the log as entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.records import LogEntry


def entry_of(row: Sequence[Any]) -> LogEntry:
    """The entry of a row whose columns are in the order of the queries in `sql/log.sql`."""
    stream_id, version, type_, data, *numbers = row
    return LogEntry(stream_id, version, type_, data.encode(), *numbers)
