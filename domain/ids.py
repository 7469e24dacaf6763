"""Identifiers: prefixed, sortable, 128 bits (D9).

An id is a prefix and the 32 hex digits of a UUIDv7 (RFC 9562, section 5.7). Time and randomness
come in as arguments, so the same command always mints the same ids, also when it is decided again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from domain.errors import InvalidArgument

Prefix = Literal["thr", "turn", "item", "inp", "cmd"]

MAX_ID_LENGTH: Final = 200
_PREFIX_OF: Final[Mapping[str, Prefix]] = {
    "turn_id": "turn",
    "item_id": "item",
    "input_id": "inp",
    "input_ids": "inp",
}
_BODY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]*\Z")


def mint(prefix: Prefix, at: datetime, entropy: bytes, label: str) -> str:
    """One id for `label` within the command that `entropy` belongs to, sortable by `at`."""
    digest = hashlib.sha256(entropy + b"\0" + prefix.encode() + b"\0" + label.encode()).digest()
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    random_a = int.from_bytes(digest[:2], "big") & 0xFFF
    random_b = int.from_bytes(digest[2:10], "big") & (1 << 62) - 1
    number = milliseconds << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b
    return f"{prefix}_{number:032x}"


def check(prefix: Prefix, text: str) -> str:
    """`text` if it is a well-formed id with that prefix, else `InvalidArgument`.

    Prefixes keep the id spaces apart: a prompt's id can never be taken for a command's.
    """
    body = text.removeprefix(f"{prefix}_")
    if body == text or len(text) > MAX_ID_LENGTH or not _BODY.match(body):
        shape = f"it must start with {prefix}_ and go on with letters, digits, '.', '_', ':' or '-'"
        raise InvalidArgument(
            what=f"The id {text[:60]!r}", why=f"{shape}, {MAX_ID_LENGTH} characters at most"
        )
    return text


def check_named(arguments: Mapping[str, object]) -> None:
    """Every id among a command's arguments, before it reaches a message or the store."""
    for name, prefix in _PREFIX_OF.items():
        match arguments.get(name):
            case str() as one:
                check(prefix, one)
            case list() as several:
                for one in several:
                    check(prefix, str(one))
            case _:
                pass
