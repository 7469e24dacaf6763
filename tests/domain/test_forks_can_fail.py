"""The laws find what breaks them in the history of a fork, too."""

from __future__ import annotations

import pytest

from domain.events.base import Usage
from domain.laws import violations
from tests.laws_breakers import (
    Breaker,
    History,
    changed,
    find,
    forked,
    lost,
    receipt,
    repaired,
    says,
)


def copied(change: dict[str, object], name: str) -> Breaker:
    """The first copied event of that name has another source."""

    def breaker(history: History) -> History:
        index = find(history, name)
        source = history[index].event.source
        assert source is not None
        return changed(history, index, source=source.model_copy(update=change))

    return breaker


BROKEN_FORKS: dict[str, tuple[str, Breaker]] = {
    "L12 nothing was forked": ("L12", says("thread.created", {"forked_from": None})),
    "L12 a copy from after the fork": ("L12", copied({"line": 999}, "turn.completed")),
    "L12 a copy from before the one before": ("L12", copied({"line": 1}, "turn.completed")),
    "L12 a copy that comes later": (
        "L12",
        lambda history: repaired([*history, history[find(history, "item.started")]]),
    ),
    "L12 usage counts again": ("L12", says("turn.completed", {"usage": Usage(input_tokens=1)})),
    "L12 a prompt still waits": ("L12", lost("prompt.withdrawn")),
    "L1 a turn still runs": ("L1", lost("turn.completed", status="interrupted")),
    "L5 a prompt waits for nobody": ("L5", lost("prompt.withdrawn")),
    "L18 copied without its text": ("L18", says("item.completed", {"text": "?"})),
    "L10 a copied receipt": ("L10", receipt(1, "r")),
}


@pytest.mark.parametrize("name", BROKEN_FORKS)
def test_the_law_finds_what_breaks_it_in_a_fork(name: str) -> None:
    law, breaker = BROKEN_FORKS[name]
    assert violations(forked()) == []
    found = violations(breaker(forked()))
    assert law in {violation.law for violation in found}, found
