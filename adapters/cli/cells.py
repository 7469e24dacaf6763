"""Pieces of text for tables and headings, in their colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from adapters.cli.words import one_line

if TYPE_CHECKING:
    from rich.text import Text

STATE_STYLES: Final[Mapping[str, str]] = {
    "active": "cyan",
    "running": "cyan",
    "pending": "yellow",
    "held": "magenta",
    "waiting": "yellow",
    "completed": "green",
    "promoted": "green",
    "ok": "green",
    "failed": "red",
    "bad": "red",
    "interrupted": "yellow",
    "withdrawn": "dim",
    "archived": "dim",
    "imported": "dim",
    "idle": "dim",
}


def state(word: str) -> Text:
    """A state, in its colour."""
    from rich.text import Text

    return Text(word, style=STATE_STYLES.get(word.split(maxsplit=1)[0].rstrip(","), ""))


def cell(text: str) -> Text:
    """A text from the log as a table's cell."""
    from rich.text import Text

    return Text(one_line(text))
