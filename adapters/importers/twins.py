"""What a log writes twice is recorded once, whichever of the two comes first."""

from __future__ import annotations

import hashlib
from collections import Counter


class Twins:
    """Pairs equal texts from several sides of a log (say, events and model items).

    Each side's n-th writing of a text is a twin if another side has written it n times before.
    """

    def __init__(self) -> None:
        self._written: Counter[tuple[str, bytes]] = Counter()
        self._recorded: Counter[bytes] = Counter()

    def is_first(self, side: str, text: str) -> bool:
        """Whether `text` is news: then it is to be recorded."""
        key = hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).digest()
        self._written[side, key] += 1
        if self._written[side, key] <= self._recorded[key]:
            return False
        self._recorded[key] += 1
        return True
