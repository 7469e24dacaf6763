"""The state machine finds mistakes that are made on purpose, so it looks where it should."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from domain import inbox as inboxes
from domain.errors import TurnlogError
from tests.domain.test_machine import Runtime

# Enough to find each of them in a small part of it. The first failure ends the search.
SEARCH = settings(
    max_examples=3_000,
    stateful_step_count=30,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def none(*_: object) -> tuple[()]:
    return ()


def unchanged(_event: object, inbox: inboxes.Inbox) -> inboxes.Inbox:
    return inbox


def behind(*arguments: object) -> int:
    """After what it should stand before."""
    rest = arguments[2]
    assert isinstance(rest, tuple)
    return len(rest)


MISTAKES: dict[str, tuple[str, object]] = {
    "an edit is forgotten": ("domain.inbox.edit", unchanged),
    "a redelivery is forgotten": ("domain.inbox.redeliver", unchanged),
    "a move is forgotten": ("domain.inbox.reorder", unchanged),
    "every move is to the end": ("domain.decide.move._index", behind),
    "an interrupt leaves approvals open": ("domain.decide.interrupt.cancel_approvals", none),
    "an end leaves approvals open": ("domain.decide.finish.cancel_approvals", none),
    "an item leaves its approvals open": ("domain.decide.items.cancel_approvals_of", none),
    "a fork takes the inbox along": ("domain.decide.fork._closing", none),
    "a prompt is made a steer of nothing": (
        "domain.decide.redeliver._aim",
        lambda thread: thread.turn.turn_id if thread.turn else "turn_9",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_state_machine_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, mistake = MISTAKES[name]
    monkeypatch.setattr(where, mistake)
    with pytest.raises((AssertionError, TurnlogError)):
        run_state_machine_as_test(Runtime, settings=SEARCH)
