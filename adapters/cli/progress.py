"""How far long work is, and how long it will still take; on stderr, if somebody watches."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from types import EllipsisType
from typing import Final, Protocol

from adapters.cli.screen import Screen
from adapters.cli.words import duration

REDRAW_SECONDS: Final = 0.1
# Before this an estimate jumps about.
ESTIMATE_AFTER_SECONDS: Final = 1.0
BAR_WIDTH: Final = 24

Left = float | EllipsisType | None
"""Seconds left, or None if nobody knows; `...` for what the pace from the start would make it."""


class Meter(Protocol):
    """What long work reports to."""

    def __call__(self, done: float, total: float, note: str = "", /) -> None:
        """So much of so much is done."""
        ...


class Display(Protocol):
    """A meter that also takes the time left from who knows better than the pace so far."""

    def __call__(self, done: float, total: float, note: str = "", /, *, left: Left = ...) -> None:
        """So much of so much is done, and the rest will take so long."""
        ...


def estimate(done: float, total: float, seconds: float) -> float | None:
    """Seconds left at the pace so far; None while it is too early to say."""
    if seconds < ESTIMATE_AFTER_SECONDS or done <= 0 or total <= 0:
        return None
    return max(0.0, seconds * (total - done) / done)


def bar(done: float, total: float, seconds: float, note: str = "", *, left: Left = ...) -> str:
    """`━━━━━━      42 %  8.2 s left  note`."""
    part = min(1.0, done / total) if total > 0 else 0.0
    filled = round(part * BAR_WIDTH)
    if isinstance(left, EllipsisType):
        left = estimate(done, total, seconds)
    elif seconds < ESTIMATE_AFTER_SECONDS:
        left = None
    words = [
        "━" * filled + " " * (BAR_WIDTH - filled),
        f"{part:4.0%}",
        f"{duration(left)} left" if left is not None else "",
        note,
    ]
    return "  ".join(word for word in words if word)


@contextlib.contextmanager
def progress(screen: Screen, what: str) -> Iterator[Display]:
    """A meter for the block: a line that redraws itself, or nothing where nobody watches."""
    if not screen.shows_progress:
        yield _nobody_watches
        return
    began = time.monotonic()
    drawn = 0.0

    def draw(done: float, total: float, note: str = "", /, *, left: Left = ...) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - drawn < REDRAW_SECONDS:
            return
        drawn = now
        redraw(f"{what}  {bar(done, total, now - began, note, left=left)}")

    try:
        yield draw
    finally:
        redraw("")


def _nobody_watches(_done: float, _total: float, _note: str = "", /, *, left: Left = ...) -> None:
    pass


def redraw(text: str) -> None:
    """`text` in place of what stands on the line, as far as it fits."""
    import shutil

    width = shutil.get_terminal_size().columns - 1
    with contextlib.suppress(OSError, UnicodeError):
        sys.stderr.write("\r\x1b[2K" + text[:width])
        sys.stderr.flush()
