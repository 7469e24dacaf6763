"""The persistence module of the stores in memory, for the `eventsourcing` library.

Name it with PERSISTENCE_MODULE=adapters.memory.persistence. Only the log is ours; snapshots and
tracking are the library's own. (Import its module, not its factory: the library counts the factory
classes it finds in here and wants exactly one.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import eventsourcing.popo as es_popo
from eventsourcing.persistence import ProcessRecorder, StoredEvent, Tracking

from adapters.memory.recorder import MemoryLogRecorder


class MemoryProcessRecorder(es_popo.POPOTrackingRecorder, MemoryLogRecorder, ProcessRecorder):
    """The log in memory with a follower's position, both moved in one step."""

    def __init__(self) -> None:
        es_popo.POPOTrackingRecorder.__init__(self)
        MemoryLogRecorder.__init__(self)

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        expected_seq: int | None = None,
        tracking: Tracking | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        """Append the events and, with them or not at all, move the position to `tracking`."""
        with self._lock, self._database_lock:
            if tracking is not None:
                self._assert_tracking_uniqueness(tracking)
            positions = super().insert_events(stored_events, expected_seq=expected_seq, **kwargs)
            if tracking is not None:
                self._insert_tracking(tracking)
        return positions


class MemoryFactory(es_popo.POPOFactory):
    """Makes the recorders in memory; each is a store of its own."""

    def application_recorder(self) -> MemoryLogRecorder:
        return MemoryLogRecorder()

    def process_recorder(self) -> MemoryProcessRecorder:
        return MemoryProcessRecorder()


Factory = MemoryFactory
