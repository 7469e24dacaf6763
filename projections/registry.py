"""The read models: their tables, and the SQL that makes and fills them."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, LiteralString

from projections.rows import ApprovalRow, ItemRow, PromptRow, Row, ThreadRow, TurnRow

STATE_TABLE: Final = "read_models"
"""One row: the position the tables are at, and the definition that filled them."""

NUMBER: Final = 2
"""Goes up by one in a release that changes the tables or how they are filled: so the code of the
release before knows that tables it did not make are newer than it, and stands aside."""

ROWS: Final[Mapping[str, type[Row]]] = MappingProxyType(
    {
        "threads": ThreadRow,
        "turns": TurnRow,
        "items": ItemRow,
        "prompts": PromptRow,
        "approvals": ApprovalRow,
    }
)
KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "threads": "thread_id",
        "turns": "turn_id",
        "items": "item_id",
        "prompts": "input_id",
        "approvals": "approval_id",
    }
)
"""What tells the rows of one thread apart."""

TABLES: Final = (STATE_TABLE, *ROWS)
"""All tables. Whoever locks several locks them in this order."""

STEPS: Final = ("turns", "context", "items", "prompts", "approvals", "threads")
"""The files that apply a range of positions, in this order."""


FORMER_INDEXES: Final[frozenset[str]] = frozenset()
"""Names of indexes that our tables had once and have no more. A rebuild keeps the indexes that
others have made, and must not take such a one for theirs."""

_TYPES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "turns": ("turn.", "item.started"),
        "context": ("thread.rolled_back",),
        "items": ("item.",),
        "prompts": ("prompt.", "queue."),
        "approvals": ("approval.",),
        "threads": ("",),
    }
)
"""What the types begin with of the events that a file has to do with."""

FILL_STEPS: Final = ("turns", "items", "prompts", "approvals", "threads")
"""Those that a rebuild applies to tables without indexes. After those are made come "context" and
"waiting", which look rows up."""

_RANGE: Final = "l.position > %(after)s AND l.position <= %(upto)s"
_THREADS: Final = "l.thread_id > %(first)s AND l.thread_id <= %(last)s"
_FILES: Final = ("tables", *STEPS, "waiting")
_INDEX: Final = re.compile(r"\b(?:ADD CONSTRAINT|CREATE INDEX) (\w+)")
_SECTION: Final = re.compile(r"^ *-- (step only|fill only|both|indexes|types) --$", re.MULTILINE)


@functools.cache
def _sections(name: str) -> tuple[tuple[str, LiteralString], ...]:
    """The parts of `sql/<name>.sql`, each with what it is for, without comments."""
    text = (files("projections") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    found = ["both", *_SECTION.split(text)]
    # Literal indeed: the files are part of this package, and nothing is put into them.
    return tuple(
        (
            section,
            "\n".join(
                line.rstrip()
                for line in body.splitlines()
                if line.strip() and not line.lstrip().startswith("--")
            ),
        )
        for section, body in zip(found[::2], found[1::2], strict=True)
    )


def _text(name: str, *used: str) -> LiteralString:
    return "\n".join(text for section, text in _sections(name) if section in used and text)


def steps_for(types: Iterable[str]) -> list[str]:
    """The files that have to do with events of these types, in the order of STEPS."""
    every = list(types)
    return [name for name in STEPS if any(type_.startswith(_TYPES[name]) for type_ in every)]


@functools.cache
def load_sql(name: str) -> LiteralString:
    """The text of `sql/<name>.sql` without its comments: as the migration or a step runs it."""
    return _text(name, "both", "step only", "indexes")


@functools.cache
def load_fill(name: str) -> LiteralString:
    """The same for all events of some threads, and for tables that have no rows of them.

    A file of FILL_STEPS finds the events in a table `part`, see `load_part`. The others find them
    in the log, and are given the threads as `first` < id <= `last` beside the range.
    """
    text = _text(name, "both", "fill only")
    if name in FILL_STEPS:
        return text.replace("FROM log l\n", "FROM part l\n").replace(_RANGE, "true")
    return text.replace(_RANGE, f"{_RANGE} AND {_THREADS}")


def load_part() -> LiteralString:
    """What selects the events of some threads in a range, with what is needed of them."""
    # The type is what most of them are left out by, so it is first.
    columns = "l.type, l.seq, l.position, l.thread_id, l.stream_id, l.data"
    return f"SELECT {columns} FROM log l WHERE {_RANGE} AND {_THREADS}"


def load_types() -> tuple[LiteralString, ...]:
    """What makes the types that the fills name, for the session that runs them."""
    texts = (_text(name, "types") for name in FILL_STEPS)
    return tuple(one for text in texts for one in text.split(";") if one.strip())


def load_tables() -> LiteralString:
    """What makes the tables without their indexes."""
    return _text("tables", "both")


def load_indexes() -> tuple[LiteralString, ...]:
    """What makes their indexes and keys, each by itself; the largest comes first."""
    statements = _text("tables", "indexes").split(";")
    return tuple(statement for statement in statements if statement.strip())


def index_names() -> frozenset[str]:
    """What those are called."""
    return frozenset(_INDEX.findall("".join(load_indexes())))


@functools.cache
def definition() -> str:
    """What the tables are and how they are filled, as NUMBER and a hash of the SQL.

    Comments and spacing do not count.
    """
    texts = ((name, text) for name in _FILES for _, text in _sections(name))
    words = (word for name, text in texts for word in [name, *text.split()])
    return f"{NUMBER}.{hashlib.sha256(chr(10).join(words).encode()).hexdigest()[:32]}"


def is_newer(made_by: str) -> bool:
    """Whether tables of that definition are of a later turnlog than this code."""
    number, dot, _ = made_by.partition(".")
    return bool(dot) and number.isdecimal() and int(number) > NUMBER
