"""What the laws say of histories that went wrong, written down, each word of it.

That a law finds something in each is in `test_laws_can_fail.py`; this is which laws, where and in
which words, for some hundred of them. `python -m tests.domain.verdicts` writes the file anew. Read
the difference before you keep it: a line that goes away is something `verify` no longer sees.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from domain.laws import violations
from tests.domain.test_forks_can_fail import BROKEN_FORKS
from tests.domain.test_laws_can_fail import BROKEN
from tests.laws_breakers import History, doubled, failing, forked, story, swapped, without
from tests.laws_changes import changes

PATH: Final = Path(__file__).with_name("verdicts.snapshot.json")
IN_WORDS: Final = "broken"
Made = Iterator[tuple[str, History]]
"""Histories, each with what is wrong in it."""


@cache
def _told() -> tuple[History, ...]:
    return story(), forked(), failing()


def _broken() -> Made:
    """Those that somebody thought of."""
    for rows, history in zip((BROKEN, BROKEN_FORKS), _told(), strict=False):
        for name, (_, breaker) in rows.items():
            yield name, breaker(list(history))


def _spoiled(spoil: Callable[[History, int], History]) -> Made:
    """That done to each event."""
    for what, history in zip(("", " of a fork", " of failures"), _told(), strict=True):
        for index, entry in enumerate(history[:-1] if spoil is swapped else history):
            yield f"{index + 1}{what} {entry.event.name}", spoil(list(history), index)


def _changed() -> Made:
    for what, history in zip(("", "of a fork "), _told(), strict=False):
        yield from ((f"{what}{name}", made) for name, made in changes(list(history)))


GROUPS: Final[dict[str, Callable[[], Made]]] = {
    IN_WORDS: _broken,
    "lost": lambda: _spoiled(without),
    "doubled": lambda: _spoiled(doubled),
    "swapped": lambda: _spoiled(swapped),
    "changed": _changed,
}


def verdicts(group: str) -> Iterator[tuple[str, str]]:
    """What is said of each history of a group: in words of those that somebody thought of."""
    say = _in_words if group == IN_WORDS else _in_short
    return ((_named(name), say(history)) for name, history in GROUPS[group]())


def _in_words(history: History) -> str:
    return "; ".join(f"{v.law} at {v.seq}: {_named(v.what)}" for v in violations(history))


def _in_short(history: History) -> str:
    return " ".join(f"{v.law}@{v.seq}" for v in violations(history))


def _named(text: str) -> str:
    """Ids of chance by their number in their story."""
    return re.sub(r"(?:turn|item)_[0-9a-f]{32}", lambda found: _numbers()[found[0]], text)


@cache
def _numbers() -> dict[str, str]:
    found: dict[str, str] = {}
    for history in _told():
        for entry in history:
            for field in ("turn_id", "item_id"):
                value = getattr(entry.event, field, None)
                if value is not None:
                    found.setdefault(value, f"{field.removesuffix('_id')} {len(found) + 1}")
    return found


def stored() -> dict[str, dict[str, str]]:
    """What was agreed on, by group."""
    found: dict[str, dict[str, str]] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    now = {group: dict(verdicts(group)) for group in GROUPS}
    PATH.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
