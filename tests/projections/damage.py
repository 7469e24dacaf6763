"""Ways to spoil a log: what no command could have written, and who may write the table could."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, LiteralString

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
    ("item.started", "turn.started"),
    ("turn.completed", "turn.started"),
    ("turn.steered", "turn.started"),
    ("turn.interrupt_requested", "turn.started"),
    ("approval.resolved", "approval.requested"),
    ("approval.cancelled", "approval.requested"),
)
"""Events, and one that each needs to come after."""

TOO_LATE: Final = (
    ("thread.created", "thread.updated"),
    ("turn.started", "turn.steered"),
    ("turn.steered", "turn.completed"),
    ("turn.interrupt_requested", "turn.completed"),
    ("item.started", "turn.completed"),
    ("item.started", "item.completed"),
    ("item.failed", "item.completed"),
    ("prompt.admitted", "prompt.edited"),
    ("prompt.edited", "prompt.promoted"),
    ("queue.held", "prompt.promoted"),
    ("prompt.redelivered", "prompt.withdrawn"),
    ("prompt.withdrawn", "prompt.promoted"),
    ("approval.requested", "approval.resolved"),
    ("approval.cancelled", "approval.resolved"),
)
"""Events, and one after which the same turn, item, prompt or approval can have none like it."""

ELSEWHERE: Final = (
    "turn.steered",
    "item.completed",
    "prompt.promoted",
    "approval.resolved",
    "thread.rolled_back",
)
"""Events of which a row in another thread must know nothing."""

OF_ANOTHER_TURN: Final = ("item.completed", "approval.resolved")
"""Events of which a row of another turn must know nothing, though it has that id."""

ALONE: Final = ("prompt.admitted", "turn.started")
"""Events whose file of SQL finds nothing at all if their type is another."""

NEEDED: Final = (
    ("thread.updated", "settings"),
    ("thread.updated", "at"),
    ("thread.rolled_back", "at"),
    ("thread.rolled_back", "turn_ids"),
    ("turn.steered", "at"),
    ("turn.interrupt_requested", "queued"),
    ("turn.completed", "at"),
    ("item.completed", "at"),
    ("prompt.promoted", "at"),
    ("prompt.promoted", "turn_id"),
    ("prompt.withdrawn", "reason"),
    ("prompt.edited", "text"),
    ("prompt.redelivered", "delivery"),
    ("prompt.moved", "input_ids"),
    ("queue.held", "reason"),
    ("approval.resolved", "at"),
    ("approval.resolved", "actor"),
    ("approval.resolved", "decision"),
    ("approval.cancelled", "reason"),
)
"""Events, and a field of each that must be there, beside `v`."""

UNKNOWN: Final = (("turn.completed", "status"), ("approval.resolved", "decision"))
"""Events, and a field of each that has one of a few values."""

_NO_END: Final = "ended_seq = NULL, ended_at = NULL"
MISCOUNTED: Final[Mapping[LiteralString, set[str]]] = MappingProxyType(
    {
        "DELETE FROM threads": {"events", "threads", "turns of threads"},
        "UPDATE threads SET last_seq = last_seq + 1": {"events"},
        "UPDATE threads SET turn_count = turn_count + 1": {"turns of threads"},
        "DELETE FROM turns": {"turns", "ended turns", "steers of turns", "items of turns"},
        f"UPDATE turns SET status = 'in_progress', {_NO_END}": {"ended turns"},
        "UPDATE turns SET steer_count = steer_count + 1": {"steers of turns"},
        "UPDATE turns SET item_count = item_count + 1": {"items of turns"},
        "DELETE FROM items": {"items", "ended items"},
        f"UPDATE items SET status = 'in_progress', {_NO_END}": {"ended items"},
        "DELETE FROM prompts": {"prompts", "promoted prompts", "withdrawn prompts"},
        "DELETE FROM prompts WHERE state = 'promoted'": {"prompts", "promoted prompts"},
        "DELETE FROM prompts WHERE state = 'withdrawn'": {"prompts", "withdrawn prompts"},
        "DELETE FROM approvals": {"approvals", "ended approvals"},
        "UPDATE approvals SET state = 'pending', resolved_seq = NULL, resolved_at = NULL,"
        " decided_by = NULL, cancelled_reason = NULL": {"ended approvals"},
    }
)
"""What spoils the tables, and which of their numbers are others then."""

Wrong = tuple[list[Line], int]
"""A log, and the index of the line in it that is wrong."""


def first(lines: list[Line], name: str) -> int:
    """Where the first event of that type is."""
    return next(i for i, line in enumerate(lines) if line.type == name)


def lacking(log: Log, name: str, field: str) -> Wrong:
    """The first such event lacks that field."""
    return _told(log, name, lambda body: body.pop(field))


def saying(log: Log, name: str, field: str) -> Wrong:
    """The first such event says something there that nobody knows."""
    return _told(log, name, lambda body: body.update({field: "unheard of"}))


def naming_nothing(log: Log) -> Wrong:
    """Before the first prompts are held, none are."""
    lines = lines_of(log)
    at = first(lines, "queue.held")
    body = {**json.loads(lines[at].data), "input_ids": []}
    return [*lines[:at], replace(lines[at], data=json.dumps(body)), *lines[at:]], at


def too_early(log: Log, moved: str, before: str) -> Wrong:
    """The first event of the one type comes right before the first of the other."""
    lines = lines_of(log)
    line = lines.pop(first(lines, moved))
    at = first(lines, before)
    return [*lines[:at], line, *lines[at:]], at


def too_late(log: Log, again: str, after: str) -> Wrong:
    """Right after the first event of the one type there is one of the other, about the same."""
    lines = lines_of(log)
    at = first(lines, after) + 1
    line, other = lines[first(lines, again)], lines[at - 1]
    body, about = json.loads(line.data), json.loads(other.data)
    same = {field: about[field] for field in _IDS & body.keys() & about.keys()}
    if "input_ids" in body and "input_id" in about:
        same["input_ids"] = [about["input_id"]]
    stream = line.stream_id if line.stream_id == line.thread_id else other.stream_id
    line = replace(line, stream_id=stream, data=json.dumps({**body, **same}))
    return [*lines[:at], line, *lines[at:]], at


def elsewhere(log: Log, name: str) -> Wrong:
    """The first such event is in another thread, which is there."""
    lines = lines_of(log)
    at, other = first(lines, name) + 1, "thr_another"
    lines.insert(0, replace(lines[0], thread_id=other, stream_id=other))
    lines[at] = replace(lines[at], thread_id=other)
    return lines, at


def of_another_turn(log: Log, name: str) -> Wrong:
    """The first such event is in the stream of a turn that has nothing of that id."""
    lines = lines_of(log)
    at = first(lines, name)
    lines[at] = replace(lines[at], stream_id="turn_another")
    return lines, at


def without_turn(log: Log) -> Wrong:
    """The first item, and what ends it, is in the stream of a turn that never began."""
    lines = lines_of(log)
    at = first(lines, "item.started")
    item = json.loads(lines[at].data)["item_id"]
    moved = [
        replace(line, stream_id="turn_another")
        if line.type.startswith("item.") and json.loads(line.data)["item_id"] == item
        else line
        for line in lines
    ]
    return moved, at


def alone(log: Log, name: str) -> Wrong:
    """A thread's creation, and nothing else but an event of a type that begins like that one."""
    lines = lines_of(log)
    event = lines[first(lines, name)]
    return [lines[0], replace(event, type=f"{name}_again")], 1


_IDS: Final = {"input_id", "item_id", "approval_id"}


def _told(log: Log, name: str, change: Callable[[dict[str, object]], object]) -> Wrong:
    lines = lines_of(log)
    at = first(lines, name)
    body = json.loads(lines[at].data)
    change(body)
    lines[at] = replace(lines[at], data=json.dumps(body))
    return lines, at
