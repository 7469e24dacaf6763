"""Threads as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from adapters.cli.cells import cell, state
from adapters.cli.screen import Screen
from adapters.cli.thread_view import slot_and_inbox
from adapters.cli.words import SHORT_THREAD_CHARS, ago

if TYPE_CHECKING:
    from projections.rows import ThreadRow


def tell_threads(
    rows: Sequence[ThreadRow], screen: Screen, now: datetime, *, more: bool, everything: bool
) -> None:
    """A line each: the beginning of its id, its slot and inbox, its title."""
    if not rows:
        what = (
            "There are no threads yet." if everything else "There are no threads of your own yet."
        )
        screen.say(f"{what} `turnlog submit --new TEXT` starts one.")
        if not everything:
            screen.say("`turnlog threads --all` shows imported and archived ones.", "dim")
        return
    short = shortened([row.thread_id for row in rows])
    cells = [
        (
            short[row.thread_id],
            state(slot_and_inbox(row)),
            f"{row.turn_count:,}",
            ago(row.updated_at, now),
            cell(_name(row)),
        )
        for row in rows
    ]
    columns = ("THREAD", "STATE", "TURNS", "UPDATED", "TITLE")
    screen.table(columns, cells, flexible="TITLE", right=("TURNS",))
    if more:
        screen.say("There are more; --limit shows more of them.", "dim")


def _name(row: ThreadRow) -> str:
    """Its title, or for an imported thread without one the name of its file."""
    return row.title or (row.origin.file_name if row.origin else None) or "–"


def shortened(thread_ids: Sequence[str]) -> dict[str, str]:
    """Each id's beginning: as much as tells it from the others here."""
    length = SHORT_THREAD_CHARS
    for one, other in pairwise(sorted(thread_ids)):
        length = max(length, _common(one, other) + 1)
    return {thread_id: thread_id[:length] for thread_id in thread_ids}


def _common(one: str, other: str) -> int:
    """How many characters they begin alike with."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
