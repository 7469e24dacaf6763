"""Given a past, when a command comes, then exactly these events, or a refusal and no trace of it.

Each `when` is tried in several worlds with the same past, and the answer must be the same in all:
one where the process remembers the thread as it is, one where it has just started and remembers
nothing, and one for every command of the past that another process may have run, so that what
this one remembers is old. Afterwards the laws must hold, and what is remembered must be what
the log folds to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from domain.errors import TurnlogError
from domain.laws import violations
from domain.options import Routing, ThreadSettings
from domain.outcome import Outcome
from tests.domain.render import lines
from tests.domain.steps import Step
from tests.domain.world import THREAD, World


@dataclass(frozen=True)
class Given:
    """A past: steps on one thread with those settings."""

    steps: tuple[Step, ...]
    settings: ThreadSettings | None = None
    routing: Routing | None = None

    def world(self) -> World:
        """A fresh world with that past, remembered as it is."""
        world = World.with_thread(self.settings, self.routing)
        for step in self.steps:
            step(world)
        check(world)
        return world

    def worlds(self) -> Iterator[World]:
        """That past, remembered in every way it can be."""
        yield self.world()
        forgetful = self.world()
        forgetful.crash()
        yield forgetful
        for seq in self.world().ends()[:-1]:
            stale = self.world()
            stale.remember_at(seq)
            yield stale

    def when(self, step: Step) -> When:
        """The command under test."""
        return When(self, step)


@dataclass(frozen=True)
class When:
    """A past and a command."""

    given: Given
    step: Step

    def then(self, *expected: str) -> Outcome:
        """Exactly these events, in this order. The outcome is that of the first world."""
        outcomes = [self._appends(world, expected) for world in self.given.worlds()]
        return outcomes[0]

    def answers(self) -> Outcome:
        """No event, and no refusal either."""
        return self.then()

    def refused(self, error: type[TurnlogError]) -> TurnlogError:
        """That refusal, and no trace in the thread (L7)."""
        refusals = [self._refuses(world, error) for world in self.given.worlds()]
        return refusals[0]

    def _appends(self, world: World, expected: Sequence[str]) -> Outcome:
        before = len(world.history())
        appends = world.log.appends
        outcome = self.step(world)
        check(world)
        assert lines(world.history(), after_seq=before) == list(expected)
        assert world.log.appends == appends + bool(expected), "one append a command"
        return outcome

    def _refuses(self, world: World, error: type[TurnlogError]) -> TurnlogError:
        before = world.log.entries[:]
        with pytest.raises(error) as caught:
            self.step(world)
        assert type(caught.value) is error
        assert "None" not in caught.value.message, "it says whose and what"
        assert world.log.entries == before
        check(world)
        return caught.value


def given(
    *steps: Step, settings: ThreadSettings | None = None, routing: Routing | None = None
) -> Given:
    """A thread to which these steps were done."""
    return Given(steps, settings, routing)


@dataclass(frozen=True)
class Row:
    """One row of a table of cases: its name says what it shows."""

    name: str
    given: Given
    when: Step
    then: tuple[str, ...] | type[TurnlogError]

    def __str__(self) -> str:
        return self.name

    def check(self) -> None:
        """The row is as it says."""
        if isinstance(self.then, tuple):
            self.given.when(self.when).then(*self.then)
        else:
            self.given.when(self.when).refused(self.then)


def check(world: World, thread_id: str = THREAD) -> None:
    """The laws hold, and the state the process remembers, if it is of now, is the fold's."""
    history = world.history(thread_id)
    assert violations(history) == []
    remembered = world.threads.remembered(thread_id)
    if remembered is not None and remembered.seq == len(history):
        assert remembered == world.state(thread_id)


def runs(name: str, steerable: bool = True) -> tuple[str, ...]:
    """What a prompt's way into the free slot looks like, after its admission."""
    return (
        f"prompt.promoted {name} into {name}",
        f"turn.started {name} prompt" + ("" if steerable else " unsteerable"),
        f"item.started {name} user_message {name}",
        f"item.completed {name} user_message {name!r}",
    )


def steers(name: str, turn: str) -> tuple[str, ...]:
    """What a steer's way into the running turn looks like."""
    return (
        f"prompt.promoted {name} into {turn}",
        f"turn.steered {turn} with {name}",
        f"item.started {turn} user_message {name}",
        f"item.completed {turn} user_message {name!r}",
    )
