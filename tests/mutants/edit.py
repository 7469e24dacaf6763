"""A mutant: one small change of one file's text, which some test should notice."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def tell(text: str, end: str = "\n") -> None:
    """Onto the screen, or into a file."""
    sys.stdout.write(f"{text}{end}")
    sys.stdout.flush()


@dataclass(frozen=True)
class Edit:
    """`file` (from the root) with the text from `start` to `end` replaced by `after`."""

    file: str
    start: int
    end: int
    after: str
    operator: str
    line: int
    before: str

    @classmethod
    def of(cls, file: str, source: str, span: tuple[int, int], after: str, operator: str) -> Edit:
        """The change of that span of a file whose text is `source`."""
        start, end = span
        line = source.count("\n", 0, start) + 1
        return cls(file, start, end, after, operator, line, source[start:end])

    def applied_to(self, source: str) -> str:
        """The mutant's text."""
        assert source[self.start : self.end] == self.before, "the file is not the one that was read"
        return source[: self.start] + self.after + source[self.end :]

    def shown(self) -> str:
        """The change on one line, for people."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{before or '·'} → {after or '·'}"
