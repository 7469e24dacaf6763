"""L10 for forks: who used that id before is told so, whatever place is asked for now."""

from __future__ import annotations

from typing import Any, Final

import pytest

from domain.errors import CommandConflict, InvalidArgument, Refused, ThreadNotFound, TurnNotFound
from tests.domain.given import given
from tests.domain.steps import submit
from tests.domain.world import THREAD

NOWHERE: Final[dict[str, tuple[dict[str, Any], type[Refused]]]] = {
    "a thread that is not there": ({"thread_id": "thr_9"}, ThreadNotFound),
    "a turn that is not there": ({"at_turn": "turn_9"}, TurnNotFound),
    "a seq that is not there": ({"at_seq": 999}, InvalidArgument),
    "two places": ({"at_turn": "turn_9", "at_seq": 1}, InvalidArgument),
}


@pytest.mark.parametrize("where", NOWHERE)
def test_another_fork_under_the_same_id_is_a_conflict_also_if_it_could_not_be(where: str) -> None:
    place, refusal = NOWHERE[where]
    arguments = {"thread_id": THREAD, **place}
    world = given(submit("A")).world()
    first = world.service.fork(THREAD, command_id="cmd_fork")
    before = len(world.log.entries)
    with pytest.raises(CommandConflict):
        world.service.fork(**arguments, command_id="cmd_fork")
    with pytest.raises(refusal):
        world.service.fork(**arguments, command_id="cmd_other")
    assert world.service.fork(THREAD, command_id="cmd_fork") == first
    assert len(world.log.entries) == before
