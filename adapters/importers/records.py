"""Bytes to lines to records. Nothing in a file makes this fail, and nothing in it goes missing.

A line holds one JSON object as a rule, several when a program wrote on behind a missing newline,
and garbage after a crash. The last line of a file may still be being written: what does not parse
there is held back until the file has grown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Literal

from pydantic import JsonValue

from adapters.importers.values import DECODER, parse_time
from domain.events.base import Json

MAX_LINE_BYTES: Final = 256 * 1024 * 1024
MAX_DEPTH: Final = 100  # levels kept of a nested value; recursion ends far below Python's limit
_MANY_BRACKETS: Final = 400
_MAX_RESTARTS: Final = 20
# Where a record can begin, to find the next one behind a broken one on the same line.
_BEGINS: Final = re.compile(
    r'\{"(?:type|timestamp|parentUuid|uuid|sessionId|messageId|isSidechain|operation|payload)"'
)

Fate = Literal["mapped", "skipped", "held"]

CUT_SHORT: Final = "the last line is cut short"
BLANK: Final = "blank line"
UNREADABLE: Final = "unreadable: no JSON object"
TOO_LONG: Final = f"unreadable: a line of more than {MAX_LINE_BYTES // 2**20} MiB"


@dataclass(slots=True, eq=False)
class Record:
    """One JSON object of a file: the `part`-th (from 1) of its line.

    `digest` is the SHA-256 of its exact bytes, in hex; `time` its own `timestamp`, if it has a
    valid one. `fate` is what became of it so far (and `reason` why), `commands` how many it caused.
    """

    line: int
    part: int
    body: Json
    digest: str
    size: int
    time: datetime | None = None
    fate: Fate | None = None
    reason: str = ""
    commands: int = 0

    @property
    def type(self) -> str:
        """The record's `type`, or nothing."""
        kind = self.body.get("type")
        return kind if isinstance(kind, str) else ""


@dataclass(frozen=True, slots=True)
class Remainder:
    """What of a line is no record, and why; `held` if the file may still complete it."""

    why: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, without its end. `complete` says that its newline is there."""

    number: int
    data: bytes
    complete: bool
    size: int
    too_long: bool = False


def lines(stream: BinaryIO, max_bytes: int = MAX_LINE_BYTES) -> Iterator[Line]:
    """The lines of `stream`; of one longer than `max_bytes` only that it was there."""
    number = 0
    while chunk := stream.readline(max_bytes):
        number += 1
        size, complete = len(chunk), chunk.endswith(b"\n")
        too_long = not complete and size >= max_bytes
        if too_long:
            more = chunk
            while more and not complete:
                more = stream.readline(max_bytes)
                size += len(more)
                complete = more.endswith(b"\n")
            chunk = b""
        yield Line(number, chunk, complete, size, too_long)


def parse(line: Line) -> Iterator[Record | Remainder]:
    """The records of a line in order, and what is left over."""
    if line.too_long:
        yield Remainder(TOO_LONG, held=not line.complete)
        return
    text = line.data.decode("utf-8", "surrogateescape").strip("\ufeff \t\r\n\0")
    if not text:
        yield Remainder(BLANK)
        return
    position = part = 0
    while position < len(text):
        found = _object_at(text, position)
        if found is None:
            yield _no_record(line)
            restart = _restart(text, position) if line.complete else None
            if restart is None:
                return
            position = restart
            continue
        body, end = found
        part += 1
        yield _record(line.number, part, body, text[position:end])
        position = _skip_space(text, end)


def _no_record(line: Line) -> Remainder:
    return Remainder(UNREADABLE) if line.complete else Remainder(CUT_SHORT, held=True)


def _record(line: int, part: int, body: Json, raw: str) -> Record:
    data = raw.encode("utf-8", "surrogateescape")
    if raw.count("[") + raw.count("{") >= _MANY_BRACKETS:
        body = {key: _prune(value, 1) for key, value in body.items()}
    return Record(
        line=line,
        part=part,
        body=body,
        digest=hashlib.sha256(data).hexdigest(),
        size=len(data),
        time=parse_time(body.get("timestamp")),
    )


def _object_at(text: str, position: int) -> tuple[Json, int] | None:
    try:
        value, end = DECODER.raw_decode(text, position)
    except (ValueError, RecursionError):
        return None
    return (value, end) if isinstance(value, dict) else None


def _restart(text: str, broken: int) -> int | None:
    """Where the records behind a broken one begin: a place from which all the rest parses."""
    for tries, match in enumerate(_BEGINS.finditer(text, broken + 1)):
        if tries == _MAX_RESTARTS:
            return None
        if _parses_to_end(text, match.start()):
            return match.start()
    return None


def _parses_to_end(text: str, position: int) -> bool:
    while position < len(text):
        found = _object_at(text, position)
        if found is None or not isinstance(found[0].get("type"), str):
            return False
        position = _skip_space(text, found[1])
    return True


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n\0":
        position += 1
    return position


def _prune(value: JsonValue, depth: int) -> JsonValue:
    if not isinstance(value, list | dict):
        return value
    if depth > MAX_DEPTH:
        return f"[nested deeper than {MAX_DEPTH} levels]"
    if isinstance(value, list):
        return [_prune(item, depth + 1) for item in value]
    return {key: _prune(item, depth + 1) for key, item in value.items()}
