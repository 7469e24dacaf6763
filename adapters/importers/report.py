"""What an import did, in numbers: for each file, and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from adapters.importers.tally import Tally


@dataclass(slots=True)
class FileReport:
    """One file. `format` and `thread_id` are None for a file that is no log, or not yet one.

    `problem` says why nothing, or not all, of it could be imported; `not_a_log` why it was left
    alone. `new` and `known` count events appended now and found there, `events` all of them by
    name. `open_turn` is the turn that has no end in the file.
    """

    path: Path
    size: int = 0
    format: str | None = None
    thread_id: str | None = None
    tally: Tally = field(default_factory=Tally)
    new: int = 0
    known: int = 0
    events: Counter[str] = field(default_factory=Counter)
    open_turn: str | None = None
    pending_prompts: int = 0
    problem: str | None = None
    not_a_log: str | None = None


@dataclass(slots=True)
class ImportReport:
    """All files, in the order they were taken."""

    files: list[FileReport] = field(default_factory=list)

    @property
    def imported(self) -> list[FileReport]:
        """The files that are logs and gave no problem."""
        return [f for f in self.files if f.format and not f.problem]

    @property
    def problems(self) -> list[FileReport]:
        """The files that could not be imported, or not wholly."""
        return [file for file in self.files if file.problem]

    @property
    def total(self) -> Tally:
        """The tallies of all files together."""
        total = Tally()
        for file in self.files:
            total.add(file.tally)
        return total

    @property
    def new(self) -> int:
        """Events appended."""
        return sum(file.new for file in self.files)

    @property
    def known(self) -> int:
        """Events that were in the log already."""
        return sum(file.known for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: files and bytes done, of how many; and the file it is at."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    path: Path | None = None


OnProgress = Callable[[Progress], None]
