"""Small made-up session logs of other agents, which grow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from domain.events.base import Json
from tests.adapters.importers.logs import SESSION, jsonl, meta
from tests.adapters.importers.mutations import CLAUDE, CODEX, QUEUE

OTHER_SESSION: Final = "99999999-2222-4333-8444-555555555555"
NAMES: Final = ("codex", "claude", "fork")
_POOLS: Final[dict[str, Sequence[Sequence[Json]]]] = {
    "codex": CODEX,
    "claude": [*CLAUDE, *QUEUE],
    "fork": CODEX,
}
_BEGINNINGS: Final[dict[str, list[Json]]] = {
    "codex": [meta()],
    "claude": [],
    "fork": [meta(OTHER_SESSION, forked_from_id=SESSION)],
}


class Transcripts:
    """A folder with a log of each name, once it has begun."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records: dict[str, list[Json]] = {}

    def path(self, name: str) -> Path:
        """Where it is; a path of the file that has no machine's name in it."""
        session = OTHER_SESSION if name == "fork" else SESSION
        return self._folder / name / f"{session}.jsonl"

    def grow(self, name: str, picks: Sequence[int], torn: int) -> Path:
        """More is written to it, the last line without its last `torn` bytes for now."""
        records = self._records.setdefault(name, list(_BEGINNINGS[name]))
        pool = _POOLS[name]
        for pick in picks:
            records.extend(pool[pick % len(pool)])
        data = jsonl([dict(record) for record in records])
        path = self.path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data[: len(data) - torn] if torn else data)
        return path

    def begun(self) -> list[Path]:
        """All there are."""
        return [self.path(name) for name in self._records]
