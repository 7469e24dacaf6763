"""What the library's own contract tests need to be run against a log that holds JSON only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from adapters.recorder import LogRecorder
from adapters.records import LogEntry


class AnyBytes(LogRecorder):
    """Put before a recorder of ours: wraps whatever bytes it is given in JSON, and back."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        wrapped = [replace(e, state=_wrapped(e.state)) for e in stored_events]
        return super().insert_events(wrapped, **kwargs)

    def select_events(self, originator_id: UUID | str, **kwargs: Any) -> list[LogEntry]:
        found = super().select_events(originator_id, **kwargs)  # type: ignore[safe-super]
        return [replace(e, state=_unwrapped(e.state)) for e in found]

    def select_notifications(self, *args: Any, **kwargs: Any) -> list[LogEntry]:
        found = super().select_notifications(*args, **kwargs)  # type: ignore[safe-super]
        return [replace(e, state=_unwrapped(e.state)) for e in found]


class TextIds:
    """For the library's test cases: aggregates are named by text, as ours are."""

    def new_originator_id(self) -> UUID | str:
        return f"agg_{uuid4().hex}"


def _wrapped(state: bytes) -> bytes:
    return json.dumps({"hex": state.hex()}).encode()


def _unwrapped(state: bytes) -> bytes:
    return bytes.fromhex(json.loads(state)["hex"])
