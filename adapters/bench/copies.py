"""A template as text with holes, from which copies are made at the speed of formatting.

A copy has ids, numbers, times and hashes of its own, and is otherwise the template to the byte.
Copies of a group are interleaved command by command, like threads that were at work at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final

from adapters.bench.template import ID, Template
from adapters.records import FIRST_HASH

GROUP: Final = 50
"""Threads that are interleaved."""
MICROSECONDS_PER_EVENT: Final = 1000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOLE: Final = re.compile("\x01([0-9]+)\x02")
_AT: Final = re.compile(r'(?<="at":")[^"]+(?=")')
_END: Final = "\0"  # of an event; no JSON has one
_KEPT_DIGITS: Final = slice(12, 24)  # of an id: what tells those of one command apart


@dataclass(frozen=True, slots=True)
class Group:
    """Copies number `first_copy` and following, at the positions after `after_position`."""

    first_copy: int
    copies: int
    after_position: int


class Copier:
    """Makes copies of one template. `start` is the time of position 0, in microseconds."""

    def __init__(self, template: Template, start: int) -> None:
        self._start = start
        self._sizes = [len(command) for command in template.commands]
        self._offsets = [0, *accumulate(self._sizes)]
        self.events = self._offsets[-1]
        entries = [entry for command in template.commands for entry in command]
        self.last_version = max(
            e.originator_version for e in entries if e.originator_id == template.thread_id
        )
        self._ids: dict[str, int] = {}  # id → the command that mentions it first
        parts = []
        for number, command in enumerate(template.commands):
            for entry in command:
                data = entry.state.decode()
                if "\\" in data:
                    raise ValueError("COPY would read the backslash in a template differently")
                names = [entry.thread_id, str(entry.originator_id), entry.command_id or ""]
                for id_ in [*names, *ID.findall(data)]:
                    self._ids.setdefault(id_, number)
                parts.append((number, entry, names, data))
        kept = {(id_.rpartition("_")[2][_KEPT_DIGITS], n) for id_, n in self._ids.items()}
        if len(kept) < len(self._ids):
            raise ValueError("two ids of the template would become one")
        self._thread = list(self._ids).index(template.thread_id)
        self._numbers = {id_: number for number, id_ in enumerate(self._ids)}
        hashed, rows = [], []
        for index, (number, entry, names, data) in enumerate(parts):
            thread, stream, key = map(self._with_holes, names)
            micros, at = self._hole_of_time(number), self._hole_of_time(number, text=True)
            position = self._hole(len(self._ids) + 2 * len(self._sizes) + index)
            body = self._with_holes(_AT.sub(at, data, count=1))
            numbers = (entry.seq, position, stream, entry.originator_version, entry.topic)
            hashed.append("".join(f"{v}\n" for v in (thread, *numbers, key, micros)) + body)
            seq, _, _, version, topic = numbers
            columns = (position, thread, seq, stream, version, topic, body, key)
            rows.append("\t".join(map(str, (*columns, entry.receipt or r"\N", at, r"\\x"))))
        self._hashed = _Form(_END.join(hashed))
        self._rows = _Form(_END.join(rows))

    def thread_id(self, group: Group, copy: int) -> str:
        """The thread of that copy of the group, counted from 0."""
        return str(self._values(group, copy)[self._thread])

    def lines(self, group: Group) -> bytes:
        """The rows of a group for COPY, in order of position."""
        copies = [self._copy(group, copy) for copy in range(group.copies)]
        spans = list(zip(self._offsets, self._offsets[1:], strict=False))
        lines = ["".join(copy[a:b]) for a, b in spans for copy in copies]
        return "".join(lines).encode()

    def _copy(self, group: Group, copy: int) -> list[str]:
        values = self._values(group, copy)
        previous = FIRST_HASH
        lines = []
        for hashed, row in zip(self._hashed.fill(values), self._rows.fill(values), strict=True):
            previous = hashlib.sha256(previous + hashed.encode()).digest()
            lines.append(f"{row}{previous.hex()}\n")
        return lines

    def _values(self, group: Group, copy: int) -> list[object]:
        """What goes into the holes: ids, then two forms of each command's time, then positions."""
        firsts = [
            group.after_position + 1 + group.copies * offset + copy * size
            for offset, size in zip(self._offsets, self._sizes, strict=False)
        ]
        times = [self._start + MICROSECONDS_PER_EVENT * first for first in firsts]
        number = group.first_copy + copy
        ids = [
            f"{prefix}_{times[command] // 1000:012x}{digits[_KEPT_DIGITS]}{number:08x}"
            for id_, command in self._ids.items()
            for prefix, _, digits in [id_.partition("_")]
        ]
        texts = [_iso(time) for time in times]
        positions = [
            first + i for first, size in zip(firsts, self._sizes, strict=True) for i in range(size)
        ]
        return [*ids, *times, *texts, *positions]

    def _with_holes(self, text: str) -> str:
        return ID.sub(lambda found: self._hole(self._numbers[found[0]]), text)

    def _hole_of_time(self, command: int, *, text: bool = False) -> str:
        return self._hole(len(self._ids) + command + (len(self._sizes) if text else 0))

    @staticmethod
    def _hole(number: int) -> str:
        return f"\x01{number}\x02"


class _Form:
    """Text with numbered holes; the parts between END are filled as one and then taken apart."""

    def __init__(self, text: str) -> None:
        self._holes = [int(number) for number in _HOLE.findall(text)]
        self._text = _HOLE.sub("%s", text.replace("%", "%%"))

    def fill(self, values: Sequence[object]) -> list[str]:
        return (self._text % tuple([values[hole] for hole in self._holes])).split(_END)


def _iso(microseconds: int) -> str:
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds % 1_000_000:06d}Z"
