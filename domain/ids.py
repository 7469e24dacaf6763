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

Prefix = Literal["thr", "turn", "item", "inp", "cmd", "appr"]

MAX_ID_LENGTH: Final = 200
_PREFIX_OF: Final[Mapping[str, Prefix]] = {
    "turn_id": "turn",
    "item_id": "item",
    "input_id": "inp",
    "input_ids": "inp",
    "anchor_id": "inp",
    "approval_id": "appr",
}
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_BODY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]*\Z")


def mint(prefix: Prefix, at: datetime, entropy: bytes, label: str) -> str:
    """One id for `label` within the command that `entropy` belongs to, sortable by `at`."""
    seed = entropy + f"\0{prefix}\0{label}".encode()
    digits = hashlib.sha256(seed).hexdigest()
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    # 48 bits of time, the version (7), 12 random bits, the variant (binary 10), 62 random bits.
    variant = _VARIANT[digits[4]]
    return f"{prefix}_{milliseconds:012x}7{digits[1:4]}{variant}{digits[5:20]}"


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
    for name, value in arguments.items():
        prefix = _PREFIX_OF.get(name)
        if prefix is None:
            continue
        if isinstance(value, str):
            check(prefix, value)
        elif isinstance(value, list):
            for one in value:
                check(prefix, str(one))
