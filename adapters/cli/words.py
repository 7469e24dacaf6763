"""Numbers, times and texts as people read them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_DAYS_IN_WORDS: Final = 14
_SIZES: Final = ("bytes", "kB", "MB", "GB", "TB")

# What would move the cursor, change colours or reverse the line: control characters, the marks
# that change the direction of writing, and bytes that were no UTF-8.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MINTED_THREAD: Final = re.compile(r"thr_[0-9a-f]{32}\Z")
SHORT_THREAD_CHARS: Final = len("thr_") + 12
_BLANKS: Final = re.compile(r"\s+")


def count(number: int, noun: str) -> str:
    """`1 event`, `1,234 events`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def ago(then: datetime, now: datetime) -> str:
    """How long ago, in one unit: `3 minutes ago`; the date when it was weeks ago."""
    seconds = (now - then).total_seconds()
    if seconds < -1:
        return clock(then)
    if seconds < 1:
        return "just now"
    if seconds >= _DAYS_IN_WORDS * 86_400:
        return f"{then.astimezone():%Y-%m-%d}"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{count(int(seconds // size), unit)} ago"


def duration(seconds: float) -> str:
    """A length of time in two units at most: `0.4 s`, `12 s`, `1 min 12 s`, `2 h 5 min`."""
    if seconds < 0.001:
        return "0 s"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if not minutes:
        return f"{whole} s"
    if not hours:
        return _pair(minutes, "min", seconds_left, "s")
    if not days:
        return _pair(hours, "h", minutes_left, "min")
    return _pair(days, "d", hours_left, "h")


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large:,} {large_unit}" + (f" {small} {small_unit}" if small else "")


def clock(moment: datetime) -> str:
    """The moment in local time, to the second, with its zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def size(number: float) -> str:
    """Bytes in the unit that leaves a short number: `5.2 MB`."""
    for unit in _SIZES:
        if number < 1000 or unit == _SIZES[-1]:
            break
        number /= 1000
    return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"


def printable(text: str) -> str:
    """`text` without anything a terminal would obey; line feeds and tabs stay."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 280) -> str:
    """The beginning of `text` on one line of at most `limit` characters."""
    line = _BLANKS.sub(" ", printable(text[: limit * 4])).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def short_thread(thread_id: str) -> str:
    """What is enough to name that thread on a command line: the time in it, to the millisecond."""
    return thread_id[:SHORT_THREAD_CHARS] if _MINTED_THREAD.match(thread_id) else thread_id


def listed(words: list[str], limit: int = 5) -> str:
    """`a, b and c`; with `and 3 more` after `limit` of them."""
    if len(words) > limit:
        words = [*words[:limit], f"{len(words) - limit} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
