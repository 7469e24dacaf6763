"""Loads the named queries of `sql/*.sql`.

A file is a sequence of `-- name --`, a comment that says what the query is for, and the query.
Before the first name there may be comments about the whole file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, LiteralString

FOLDER: Final = Path(__file__).parent / "sql"
_NAME: Final = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@functools.cache
def load_queries(file_name: str) -> Mapping[str, LiteralString]:
    """The queries of `sql/<file_name>` by name, without comments. Raises KeyError when asked for
    a name that is not there, ValueError if one is there twice."""
    _, *parts = _NAME.split((FOLDER / file_name).read_text(encoding="utf-8"))
    queries: dict[str, LiteralString] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in queries:
            raise ValueError(f"{file_name} has two queries named {name}")
        query = "\n".join(line for line in body.splitlines() if not line.startswith("--"))
        # Literal indeed: the files are part of this package, and nothing is put into them.
        queries[name] = query.strip().removesuffix(";")
    return MappingProxyType(queries)
