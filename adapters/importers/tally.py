"""The fate of every record: it became events, was skipped for a reason, or is held back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from adapters.importers.records import Fate, Record, Remainder


@dataclass(slots=True)
class Tally:
    """Counts of one file. A record is counted once, under the last thing that became of it.

    `lines` are lines, `records` JSON objects. What became events is in `mapped`; `skipped` and
    `held` count by reason, and count the pieces of lines that are no record, too. `contradictions`
    counts what the log says and the laws do not allow, by what it was.
    """

    lines: int = 0
    records: int = 0
    pieces: int = 0
    mapped: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    contradictions: Counter[str] = field(default_factory=Counter)

    def see(self, piece: Record | Remainder) -> None:
        """A piece of a line was read; what is no record has met its fate by that."""
        if isinstance(piece, Record):
            self.records += 1
            return
        self.pieces += 1
        (self.held if piece.held else self.skipped)[piece.why] += 1

    def mark(self, record: Record, fate: Fate, reason: str = "") -> None:
        """What became of `record`. Events outweigh everything else that is said of it."""
        if record.fate == "mapped":
            return
        self._count(record, -1)
        record.fate, record.reason = fate, reason
        self._count(record, 1)

    def forget(self, record: Record) -> None:
        """What was said of the record's fate is open again."""
        self._count(record, -1)
        record.fate = None

    def add(self, other: Tally) -> None:
        """Counts what `other` has counted, too."""
        self.lines += other.lines
        self.records += other.records
        self.pieces += other.pieces
        self.mapped += other.mapped
        self.skipped.update(other.skipped)
        self.held.update(other.held)
        self.contradictions.update(other.contradictions)

    def _count(self, record: Record, change: int) -> None:
        match record.fate:
            case "mapped":
                self.mapped += change
            case "skipped":
                _add(self.skipped, record.reason, change)
            case "held":
                _add(self.held, record.reason, change)
            case None:
                pass


def _add(counter: Counter[str], reason: str, change: int) -> None:
    counter[reason] += change
    if not counter[reason]:
        del counter[reason]
