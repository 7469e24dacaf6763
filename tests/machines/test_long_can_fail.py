"""Long schedules find mistakes that are made on purpose, also those that take a while to show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.thread_states import encode_state
from adapters.threads import CachedThreads
from domain import inbox as inboxes
from domain.errors import TurnlogError
from domain.events.prompt import PromptEdited
from domain.thread import Thread
from tests.machines.deeds import random_deeds, shortest
from tests.machines.long_run import LongRun
from tests.machines.test_long import fails, play, story

MANY = 4_000


def without_the_last_that_waits(thread: Thread) -> bytes:
    return encode_state(replace(thread, inbox=thread.inbox[:-1]))


def without_what_came_later(self: CachedThreads, thread_id: str) -> Thread:
    """As if a snapshot were all there is."""
    return self.remembered(thread_id) or self._load(thread_id) or RIGHT(self, thread_id)


def of_the_first_hundred(thread: Thread) -> Thread:
    """A context that loses its beginning when it gets long."""
    return thread if len(thread.context) < 100 else replace(thread, context=thread.context[-99:])


RIGHT = CachedThreads.current
RIGHT_LOAD = CachedThreads._load


def cut_when_loaded(self: CachedThreads, thread_id: str) -> Thread | None:
    loaded = RIGHT_LOAD(self, thread_id)
    return loaded and of_the_first_hundred(loaded)


MISTAKES: dict[str, tuple[str, object]] = {
    "a snapshot leaves out what waits": (
        "tests.machines.long_run.encode_state",
        without_the_last_that_waits,
    ),
    "what came after a snapshot is not read": (
        "adapters.threads.CachedThreads.current",
        without_what_came_later,
    ),
    "a long context is cut": ("adapters.threads.CachedThreads._load", cut_when_loaded),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_long_schedule_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, mistake = MISTAKES[name]
    monkeypatch.setattr(where, mistake)
    with pytest.raises((AssertionError, TurnlogError)):
        play(LongRun(), random_deeds(5, MANY))


def test_what_is_found_is_told_by_a_short_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(_event: PromptEdited, inbox: inboxes.Inbox) -> inboxes.Inbox:
        return inbox

    monkeypatch.setattr("domain.inbox.edit", forgotten)
    deeds = random_deeds(5, 300)
    assert fails(deeds)
    found = shortest(deeds, fails)
    assert len(found) <= 6
    told = story(found).splitlines()
    assert "edit(" in told[-2]
    assert told[-1].startswith("AssertionError")
