"""Mutants of the laws against the verdicts that `tests/domain/test_verdicts.py` keeps.

That test spends most of its time on telling the histories, and a mutant of a law changes none of
them. So they are told once, and a mutant is judged by the laws of its own module only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from domain.laws import LAWS
from domain.predicates.history import History, Law, Violation
from tests.domain import verdicts

_LAWS: Final = "domain/predicates/"
_TEST: Final = "tests/domain/test_verdicts.py::test_the_laws_say_what_they_said"
Said = Sequence[tuple[str, int, str]]


class Verdicts:
    """What each law says of each history while there is no mutant."""

    def __init__(self, groups: Iterable[str] = verdicts.GROUPS) -> None:
        self._told = [
            (group, made, {name: _said(law, group, made) for name, law in LAWS.items()})
            for group in groups
            for _, made in verdicts.GROUPS[group]()
        ]

    def notices(self, file: str) -> str | None:
        """The test that would notice the mutant which is now in place there, if it does."""
        if not file.startswith(_LAWS):
            return None
        laws = _laws_of(file)
        for group, history, before in self._told:
            try:
                noticed = any(_said(law, group, history) != before[name] for name, law in laws)
            except Exception:  # noqa: BLE001, whatever a mutant raises
                noticed = True
            if noticed:
                return f"{_TEST}[{group}]"
        return None


def _laws_of(file: str) -> Sequence[tuple[str, Law]]:
    """The laws in the file; all, if it has none and others use it."""
    module = file.removesuffix(".py").replace("/", ".")
    own = [(name, law) for name, law in LAWS.items() if law.__module__ == module]
    return own or list(LAWS.items())


def _said(law: Law, group: str, history: History) -> Said:
    found: list[Violation] = list(law(history))
    return [(v.law, v.seq, v.what if group == verdicts.IN_WORDS else "") for v in found]
