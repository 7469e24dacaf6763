"""Every command, from a process that dies at every point of it, and is given again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from domain.laws import violations
from domain.outcome import Outcome
from domain.service import ThreadService
from tests.crashes import commands
from tests.crashes.commands import COMMANDS, Command, give, give_to_a_long_thread
from tests.crashes.process import Given, Work
from tests.crashes.site import Site
from tests.crashes.trial import Point, Stand, World, names, points
from tests.crashes.wire import Fate

A_COMMAND = ["append_batch", "user is told"]
TO_A_LONG_THREAD = ["save_snapshot", "append_batch", "save_snapshot", "user is told"]
LOST_CONNECTION: dict[Fate, list[str]] = {
    "request lost": ["append_batch", "fence_append", "append_batch", "user is told"],
    "answer lost": ["append_batch", "fence_append", "user is told"],
}
"""What a command does to the world outside, in order."""

# Not commands: they read, or make an id.
QUESTIONS = {"new_id", "thread"}


def test_every_command_of_the_service_is_given() -> None:
    public = {
        name
        for name, _ in inspect.getmembers(ThreadService, inspect.isfunction)
        if not name.startswith("_")
    }
    given = {command.method for command in COMMANDS.values()}
    assert given == public - QUESTIONS - {"recover"}  # which is a worker's, see test_turns


@pytest.mark.parametrize("group", ["PROMPTS", "INBOX", "TURNS", "WORK", "THREADS"])
def test_a_client_that_dies_anywhere_gives_its_command_again(group: str, site: Site) -> None:
    chosen: Mapping[str, Command] = getattr(commands, group)
    for name in chosen:
        assert Trials(site, give, name).run() == A_COMMAND
    site.expect_all_clean()


def test_so_does_one_that_dies_at_a_snapshot(site: Site) -> None:
    for name in ("finish", "submit to an idle thread"):
        assert Trials(site, give_to_a_long_thread, name).run()[-3:] == TO_A_LONG_THREAD[-3:]
    site.expect_all_clean()


@pytest.mark.parametrize("lost", LOST_CONNECTION)
def test_so_does_one_that_had_to_find_out_what_became_of_it(lost: Fate, site: Site) -> None:
    mishap = Point(lost, "append_batch", 1)
    trials = Trials(site, give, "submit to an idle thread", mishap=mishap)
    assert trials.run() == LOST_CONNECTION[lost]
    site.expect_all_clean()


@dataclass
class Trials:
    """A command of that name, again and again in a thread of its own."""

    site: Site
    work: Work
    name: str
    where: str = ""
    mishap: Point | None = None

    def run(self) -> list[str]:
        """With every point of its life as its last one. What it does when it lives on."""
        stand = self.site.stand()
        given, world = self._prepared(), World()
        life, _ = stand.live(self.work, given, world, mishap=self.mishap)
        wanted = self._history(world)
        # What a connection is lost over the process lives through.
        effects = life.effects[1:] if self.mishap else life.effects
        for point in points(effects, self.where):
            try:
                self._die_at(point, stand, wanted)
            except BaseException as error:
                error.add_note(f"{self.name!r}, when the process died {point}")
                raise
        return names(life.effects)

    def _prepared(self) -> Given:
        given = self.site.given(name=self.name)
        COMMANDS[self.name].prepare(self.site.user.service, given)
        return given

    def _die_at(self, point: Point, stand: Stand, wanted: object) -> None:
        given, world = self._prepared(), World()
        again = stand.carry_on if self.work is give else stand.live
        _, wire = stand.live(self.work, given, world, point, self.mishap)
        again(self.work, given, world)
        before = self._history(world)
        wire.deliver()
        assert self._history(world) == before, "what came late was done"
        assert before == wanted, "it is not as if nobody had died"

    def _history(self, world: World) -> list[tuple[Any, ...]]:
        """What is in the thread that the user was told of, but for ids and times."""
        told: list[tuple[str, Outcome]] = world.of("user is told")
        outcome = told[-1][1]
        assert all(answer == outcome for _, answer in told), "two answers to one command"
        recorded = self.site.user.log.read_thread(outcome.thread_id)
        assert violations(recorded) == []
        ours = self.site.user.log.read_command(outcome.command_id)
        assert ours[-1].position == outcome.position, "what was acknowledged is not there"
        return [
            (entry.event.name, entry.event.actor, *(getattr(entry.event, n, None) for n in SAID))
            for entry in recorded
        ]


SAID = ("text", "summary", "status", "error", "decision", "place", "title")
"""Fields that tell events of one type apart, but for ids."""
