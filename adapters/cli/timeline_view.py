"""A timeline, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from adapters.cli.lines import line_of
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from projections.timeline import TimelineEntry

SEQ_WIDTH: Final = 5
TIME_WIDTH: Final = len("00:00:00")


class TimelinePrinter:
    """Prints entries as `seq  time  what`. A time is not repeated, a new day has a line."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._day = ""
        self._time = ""

    def show(self, entry: TimelineEntry) -> None:
        """One event."""
        local = entry.at.astimezone()
        day, time = f"{local:%A %d %B %Y}", f"{local:%H:%M:%S}"
        if day != self._day:
            self._screen.say(f"{' ' * (SEQ_WIDTH + 2)}{day}", "dim")
        shown = time if (day, time) != (self._day, self._time) else ""
        self._day, self._time = day, time
        text, style, depth = line_of(entry)
        prefix = f"{entry.seq:>{SEQ_WIDTH}}  {shown:<{TIME_WIDTH}}  "
        self._screen.prefixed(prefix, "  " * depth + text, style)
