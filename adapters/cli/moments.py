"""A point in a thread's history, as people name it: a seq or a time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from adapters.cli.failures import UsageProblem
from adapters.cli.words import printable

_BEFORE_NOW: Final = re.compile(r"(\d{1,6})\s*(s|sec|min|m|h|d)(?:\s+ago)?\Z")
_UNITS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
MAX_SEQ_DIGITS: Final = 18


def parse_moment(text: str, now: datetime) -> int | datetime:
    """A seq (`12`), a time (`2025-03-01 14:05`, `14:05:30`, with or without zone) or `10 min ago`.

    Times without a zone are local, without a date of today. `UsageProblem`.
    """
    words = text.strip()
    if words.isascii() and words.isdigit() and len(words) <= MAX_SEQ_DIGITS:
        return int(words)
    if found := _BEFORE_NOW.match(words):
        return now - timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    if re.match(r"\d\d?:\d\d", words):
        words = f"{now.astimezone():%Y-%m-%d} {words.zfill(len(words) + (words[1] == ':'))}"
    try:
        return datetime.fromisoformat(words).astimezone()
    except (ValueError, OverflowError, OSError):
        raise UsageProblem(
            f"Invalid value for '--at': {printable(text[:40])!r} is neither a seq nor a time such "
            "as 2025-03-01T14:05, 14:05 or '10 min ago'."
        ) from None
