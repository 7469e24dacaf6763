"""A worker that dies at every point of its turns; another one carries on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from domain.events.prompt import PromptAdmitted, PromptPromoted
from domain.events.turn import TurnCompleted
from domain.laws import violations
from tests.crashes import turns
from tests.crashes.process import Given, Work
from tests.crashes.site import Site
from tests.crashes.trial import FULL, TWICE, Effect, Point, Stand, World, names, points
from tests.crashes.turns import STARTS, WORKS

APPEND, ACQUIRE, RENEW, RELEASE = "append_batch", "acquire_lease", "renew_lease", "release_lease"
NEXT = [ACQUIRE, STARTS, APPEND, WORKS, APPEND, APPEND, RELEASE]
"""A turn without anything special: an item begins and ends, and so does the turn."""

TURNS = {
    # Two steers: one is taken in at a step boundary, one when the turn was about to complete.
    "steer": [
        *(ACQUIRE, STARTS, APPEND, WORKS, APPEND, APPEND, APPEND, APPEND, APPEND, APPEND),
        *(RELEASE, *NEXT),
    ],
    "stop": [ACQUIRE, STARTS, APPEND, WORKS, APPEND, RELEASE, *NEXT],
    "ask": [ACQUIRE, STARTS, APPEND, WORKS, APPEND, APPEND, APPEND, RELEASE, *NEXT],
    "refuse": [ACQUIRE, STARTS, APPEND, RELEASE, *NEXT],
    "renew": [ACQUIRE, STARTS, APPEND, WORKS, RENEW, APPEND, APPEND, RELEASE, *NEXT],
    "lost": [ACQUIRE, APPEND, RELEASE, *NEXT],
}
"""What a worker does to the world outside, in order, by the first word of the first prompt."""


@pytest.mark.parametrize("prompt", TURNS)
def test_a_worker_that_dies_anywhere_loses_nothing_and_nothing_runs_twice(
    prompt: str, site: Site
) -> None:
    trials = Trials(site, prompt)
    assert trials.run() == TURNS[prompt]
    site.expect_all_clean()


@dataclass
class Trials:
    """A turn for that prompt and one for the next in line, in a thread of their own."""

    site: Site
    prompt: str
    work: Work = turns.work
    where: str = ""

    def run(self) -> list[str]:
        """With every point of a worker's life as its last one. What it does when it lives on."""
        stand = self.site.stand(self._asked)
        given, world = self._prepared(), World()
        life, _ = stand.live(self.work, given, world)
        self._check(given, world)
        for point in points(self._own(life.effects), self.where):
            effects = self._die_at(stand, point)
            for second in points(effects, full=False) if TWICE else ():
                self._die_at(stand, point, second)
        return names(life.effects)

    def _own(self, effects: list[Effect]) -> list[Effect]:
        """Those of the prompt's own turn; once also those of the next, which is always the same."""
        if self.prompt == "steer" or FULL:
            return effects
        return effects[: names(effects).index(RELEASE) + 1]

    def _die_at(self, stand: Stand, *deaths: Point) -> Sequence[Effect]:
        """One worker after the other dies, and what the last one does, who lives."""
        given, world = self._prepared(), World()
        wires = []
        try:
            for point in deaths:
                wires.append(stand.live(self.work, given, world, point)[1])
                self.site.lapse()
            if self.work is turns.work:
                effects = stand.carry_on(self.work, given, world)
            else:
                effects = stand.live(self.work, given, world)[0].effects
            for wire in wires:
                wire.deliver()
            self._check(given, world)
            self.site.lapse()
        except BaseException as error:
            error.add_note(f"{self.prompt!r}, when workers died {', '.join(map(str, deaths))}")
            raise
        return effects

    def _prepared(self) -> Given:
        given = self.site.given()
        service = self.site.user.service
        service.create(thread_id=given["thread"])
        turn_id = service.submit(given["thread"], self.prompt).started_turn_id
        service.submit(given["thread"], "next", delivery="queue", input_id=given["waiting"])
        if self.prompt == "lost":
            assert turn_id is not None
            assert self.site.user.leases.acquire(turn_id, given["thread"], "somebody", 1)
            self.site.lapse()
        return given

    def _asked(self, what: str, given: Given) -> None:
        """What users do meanwhile, from another process."""
        *how, turn_id = what.split()
        service, thread_id = self.site.user.service, given["thread"]
        if how == ["interrupt"]:
            service.interrupt(thread_id, turn_id, queued="continue", command_id=given["command"])
        elif how == ["approve"]:
            turn = service.thread(thread_id).turn
            assert turn is not None
            (asked,) = turn.open_approvals
            service.resolve_approval(thread_id, asked.approval_id, "approved")
        else:
            input_id = f"{given['input']}.{len(how)}"
            service.steer(thread_id, turn_id, "and this", input_id=input_id)

    def _check(self, given: Given, world: World) -> None:
        """The thread is idle; whatever was admitted got its turn, and no turn ran twice."""
        thread = self.site.user.service.thread(given["thread"])
        assert thread.turn is None
        assert not thread.inbox, "something waits, and nothing runs"
        recorded = self.site.user.log.read_thread(given["thread"])
        assert violations(recorded) == []
        events = [entry.event for entry in recorded]
        admitted = {event.input_id for event in events if isinstance(event, PromptAdmitted)}
        promoted = [event.input_id for event in events if isinstance(event, PromptPromoted)]
        assert given["waiting"] in admitted
        assert Counter(promoted) == Counter(admitted)
        for what in (STARTS, WORKS):
            twice = {turn for turn, times in Counter(world.of(what)).items() if times > 1}
            assert not twice, f"{what} twice: {twice}"
        never_ran = [
            event.error
            for event in events
            if isinstance(event, TurnCompleted) and event.turn_id not in world.of(STARTS)
        ]
        assert set(never_ran) <= {"worker lost"}, "a turn never ran, and nobody says why"
