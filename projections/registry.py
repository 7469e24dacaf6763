"""The read models: their tables, and the SQL that makes and fills them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, LiteralString

from projections.rows import ItemRow, PromptRow, Row, ThreadRow, TurnRow

STATE_TABLE: Final = "read_models"
"""One row: the position the tables are at, and the definition that filled them."""

ROWS: Final[Mapping[str, type[Row]]] = MappingProxyType(
    {"threads": ThreadRow, "turns": TurnRow, "items": ItemRow, "prompts": PromptRow}
)
KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {"threads": "thread_id", "turns": "turn_id", "items": "item_id", "prompts": "input_id"}
)
"""What tells the rows of one thread apart."""

TABLES: Final = (STATE_TABLE, *ROWS)
"""All tables. Whoever locks several locks them in this order."""

STEPS: Final = ("turns", "context", "items", "prompts", "threads")
"""The files that apply a range of positions, in this order."""


@functools.cache
def load_sql(name: str) -> LiteralString:
    """The text of `sql/<name>.sql` without its comments."""
    text = (files("projections") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    lines = (line.rstrip() for line in text.splitlines() if not line.lstrip().startswith("--"))
    # Literal indeed: the files are part of this package, and nothing is put into them.
    return "\n".join(line for line in lines if line)


@functools.cache
def definition() -> str:
    """A hash of what the tables are and how they are filled; comments and spacing do not count."""
    words = (word for name in ("tables", *STEPS) for word in [name, *load_sql(name).split()])
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
