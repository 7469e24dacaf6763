"""Ways to spoil a log: what no command could have written, and who may write the table could."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from tests.projections.histories import Log


@dataclass(frozen=True)
class Line:
    """A row of the log before it has its numbers."""

    thread_id: str
    stream_id: str
    type: str
    data: str


def lines_of(log: Log) -> list[Line]:
    """A log as it is."""
    return [Line(r.thread_id, r.stream_id, r.topic, r.state.decode()) for r in log.records()]


KINDS_OF_DAMAGE: Final = ["repeat", "leave out", "swap", "newer version", "rename", "no body"]


def damaged(log: Log, kind: str, at: int) -> list[Line]:
    """The lines of a log with one thing wrong in it, nowhere before that place."""
    lines = lines_of(log)
    line = lines[at]
    match kind:
        case "repeat":
            lines.append(line)
        case "leave out":
            del lines[at]
        case "swap":
            lines.append(lines.pop(at))
        case "newer version":
            body = json.loads(line.data)
            lines[at] = replace(line, data=json.dumps({**body, "v": body["v"] + 1}))
        case "rename":
            lines[at] = replace(line, type=f"{line.type}_again")
        case _:
            lines[at] = replace(line, data='{"v": 1}')
    return lines


TOO_EARLY: Final = (
    ("thread.rolled_back", "turn.started"),
    ("prompt.promoted", "prompt.admitted"),
    ("queue.held", "prompt.admitted"),
    ("item.completed", "item.started"),
    ("turn.completed", "turn.started"),
    ("turn.steered", "turn.started"),
    ("approval.resolved", "approval.requested"),
    ("approval.cancelled", "approval.requested"),
)
"""Events, and one that each needs to come after."""

NEEDED: Final = (
    ("thread.updated", "settings"),
    ("thread.rolled_back", "at"),
    ("turn.steered", "at"),
    ("turn.interrupt_requested", "queued"),
    ("prompt.edited", "text"),
    ("prompt.redelivered", "delivery"),
    ("prompt.moved", "input_ids"),
    ("queue.held", "reason"),
)
"""Events, and a field of each that must be there, beside `v` and what a constraint asks for."""


def without(line: Line, field: str) -> Line:
    """Its body lacks that field."""
    body = json.loads(line.data)
    del body[field]
    return replace(line, data=json.dumps(body))
