"""Entries of a timeline as lines: with short ids, in colour, indented inside of a turn."""

from __future__ import annotations

import re
from typing import Final

from adapters.cli.words import one_line
from projections.timeline import TimelineEntry

_STYLES: Final = {
    "prompt.admitted": "yellow",
    "prompt.promoted": "dim",
    "prompt.withdrawn": "dim",
    "queue.held": "magenta",
    "queue.released": "magenta",
    "turn.started": "bold cyan",
    "turn.steered": "yellow",
    "turn.interrupt_requested": "yellow",
    "item.failed": "red",
    "item.interrupted": "yellow",
    "approval.requested": "yellow",
    "approval.cancelled": "dim",
}
_ENDS: Final = {"turn completed": "green", "turn failed": "red", "turn interrupted": "yellow"}
# Ids that we minted begin alike, with the time; the end is what tells them apart.
_MINTED: Final = re.compile(r"\b(thr|turn|inp|item|appr|cmd)_[0-9a-f]{26}([0-9a-f]{6})\b")


def short_ids(text: str) -> str:
    """`text` with long ids shortened to their ends."""
    return _MINTED.sub(r"\1_…\2", text)


def line_of(entry: TimelineEntry) -> tuple[str, str, int]:
    """(text, style, depth) of the entry; depth 1 is inside of a turn."""
    text = one_line(short_ids(entry.what).replace("_message ", " message "))
    style = _STYLES.get(entry.type, "")
    if entry.type == "turn.completed":
        style = next((s for end, s in _ENDS.items() if text.startswith(end)), "")
    inside = entry.type.startswith(("item.", "approval.")) or entry.type in (
        "turn.steered",
        "turn.interrupt_requested",
    )
    return text + (" (inferred)" if entry.inferred else ""), style, int(inside)
