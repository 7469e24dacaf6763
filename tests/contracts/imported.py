"""A thread of an import, as far as those who run turns see one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.events.base import Event
from domain.events.thread import Origin, ThreadCreated
from domain.execution import number
from domain.ports import EventLog
from domain.thread import Thread, fold

IMPORTED: Final = "thr_imported"
IMPORTED_TURN: Final = "turn_imported"


def import_copy(log: EventLog, thread_id: str) -> Sequence[Event]:
    """The events of that thread once more, as those of IMPORTED, whose turn IMPORTED_TURN runs."""
    events = [entry.event for entry in log.read_thread(thread_id)]
    made = events[0]
    assert isinstance(made, ThreadCreated)
    origin = Origin(kind="imported", format="codex", native_id="1")
    events[0] = made.model_copy(update={"origin": origin})
    copies = [
        event.model_copy(
            update={
                "thread_id": IMPORTED,
                "command_id": f"cmd_imported_{i}",
                **({"turn_id": IMPORTED_TURN} if hasattr(event, "turn_id") else {}),
            }
        )
        for i, event in enumerate(events)
    ]
    entries, after = number(copies, Thread(IMPORTED))
    assert after.turn is not None
    log.append(entries, expected_seq=0)
    assert fold(Thread(IMPORTED), copies) == after
    return copies
