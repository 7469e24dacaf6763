"""Which files there are under some paths, and which of them are logs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from adapters.importers.records import Record, lines, parse
from adapters.importers.session import Format

# A log shows what it is in its first records, or not at all.
_LINES_LOOKED_AT: Final = 100
_LONGEST_LINE_LOOKED_AT: Final = 16 * 1024 * 1024
_SKIPPED_FOLDERS: Final = frozenset({".git", "node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Found:
    """A file and its size in bytes; or a path and why there is no file."""

    path: Path
    size: int = 0
    problem: str | None = None


def find(paths: Iterable[Path]) -> list[Found]:
    """All files at or under `paths`, each once, in the order of the paths and their names."""
    found: dict[Path, Found] = {}
    for path in paths:
        for file in _walk(path):
            found.setdefault(file.path.resolve() if not file.problem else file.path, file)
    return list(found.values())


def _walk(path: Path) -> Iterator[Found]:
    if not path.is_dir():
        yield _examined(path)
        return
    problems: list[Found] = []

    def unreadable(error: OSError) -> None:
        where = Path(error.filename) if error.filename else path
        problems.append(Found(where, problem=f"cannot be read: {error.strerror}"))

    for folder, folders, names in os.walk(path, onerror=unreadable):
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        yield from (_examined(Path(folder, name)) for name in sorted(names))
    yield from problems


def _examined(path: Path) -> Found:
    try:
        status = path.stat()
    except OSError as error:
        return Found(path, problem=f"cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        # Reading from a pipe or a device may never end.
        return Found(path, problem="is not a regular file")
    return Found(path, status.st_size)


def detect(path: Path, formats: Sequence[Format]) -> Format | None:
    """The format of the first record that any format knows; `OSError` if it cannot be read."""
    with path.open("rb") as stream:
        for line in islice(lines(stream, _LONGEST_LINE_LOOKED_AT), _LINES_LOOKED_AT):
            for piece in parse(line):
                if not isinstance(piece, Record):
                    continue
                for log_format in formats:
                    if log_format.recognises(piece.body):
                        return log_format
    return None
