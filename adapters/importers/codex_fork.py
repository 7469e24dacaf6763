"""Where a fork's copy of its parent ends.

A forked rollout writes the parent's lines again, with new times, before what happened in the fork.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.importers.records import Record
from adapters.importers.values import mapping, string

# A copy is written at once; a person needs longer than this to type the next prompt.
_COPY_PAUSE: Final = timedelta(seconds=1)


class ForkCopy:
    """Tells the copied lines of a fork from its own.

    The copied turns keep their ids, whose first bits are the time they began. Where there are no
    turn ids, a copy is told by being written without a pause.
    """

    def __init__(self, forked: datetime) -> None:
        self._forked = forked
        self._over = False
        self._old_ids = False
        self._last: datetime | None = None

    def covers(self, record: Record) -> bool:
        """Whether this record, the next of the file, belongs to the copy."""
        if self._over:
            return False
        began = _id_time(string(mapping(record.body, "payload"), "turn_id"))
        pause = self._last and record.time and record.time - self._last > _COPY_PAUSE
        if began is not None:
            self._over = began >= self._forked
            self._old_ids = not self._over
        elif pause and not self._old_ids:
            self._over = True
        self._last = record.time or self._last
        return not self._over


def _id_time(turn_id: str | None) -> datetime | None:
    """When a UUIDv7 was made."""
    digits = (turn_id or "").replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        return None
    try:
        return datetime.fromtimestamp(int(digits[:12], 16) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
