"""What a client of PostgreSQL sends, cut where the server is given something to do."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_LENGTH: Final = struct.Struct("!i")
PARSE, BIND, EXECUTE, QUERY = b"P", b"B", b"E", b"Q"
WITHOUT_ANSWER: Final = (PARSE, BIND, b"D", b"C")
"""Messages that do nothing by themselves."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that go to the server together.

    `text` is the statement that they run, if any. One that `asks` is over with them; another one is
    part of what the next piece ends (a pipeline, or the Sync after it).
    """

    data: bytes
    text: str | None = None
    asks: bool = True


def pieces(arriving: Iterable[bytes]) -> Iterator[Piece]:
    """What arrives, in pieces; a connection's first message comes first."""
    statements: dict[bytes, str] = {}
    portals: dict[bytes, str] = {}
    held = b""
    for kind, message in _messages(arriving):
        held += message
        body = message[5:]
        if kind == PARSE:
            name, text, _ = body.split(b"\0", 2)
            statements[name] = text.decode()
        elif kind == BIND:
            portal, name, _ = body.split(b"\0", 2)
            portals[portal] = statements[name]
        if kind in WITHOUT_ANSWER:
            continue
        if kind == EXECUTE:
            yield Piece(held, portals[body.split(b"\0", 1)[0]], asks=False)
        elif kind == QUERY:
            yield Piece(held, body.rstrip(b"\0").decode())
        else:
            yield Piece(held)
        held = b""


def _messages(arriving: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(kind, whole message) of each."""
    buffer = b""
    kind_bytes = 0  # the first message of a connection has no kind
    for data in arriving:
        buffer += data
        while len(buffer) >= kind_bytes + _LENGTH.size:
            size = kind_bytes + _LENGTH.unpack_from(buffer, kind_bytes)[0]
            if len(buffer) < size:
                break
            message, buffer = buffer[:size], buffer[size:]
            yield message[:kind_bytes], message
            kind_bytes = 1
