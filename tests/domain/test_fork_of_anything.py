"""fork, at every event of any history."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given as for_all

from domain.errors import (
    ThreadIsImported,
)
from domain.events.base import Source
from domain.events.thread import Origin, ThreadCreated
from domain.laws import violations
from tests.domain.given import check, given
from tests.domain.steps import (
    complete,
    submit,
)
from tests.domain.test_fork import FORK, fork, said
from tests.domain.world import THREAD, World
from tests.laws_breakers import STORY
from tests.strategies import Move, play_all, scripts


def test_the_laws_hold_for_a_fork_at_every_event_of_the_story() -> None:
    world = STORY.world()
    history = world.history()
    for seq in range(1, len(history) + 1):
        into = f"thr_at_{seq}"
        world.service.fork(THREAD, at_seq=seq, new_thread_id=into)
        forked = world.history(into)
        assert violations(forked) == []
        state = world.state(into)
        assert (state.turn, state.inbox) == (None, ())


@for_all(scripts(max_size=25))
def test_a_fork_of_anything_is_a_thread_like_any_other(script: list[Move]) -> None:
    world = World()
    play_all(world.service, script)
    seqs = [entry.seq for entry in world.history()]
    for seq in seqs[:: 1 + len(seqs) // 6]:
        child, grandchild = f"thr_at_{seq}", f"thr_at_{seq}_again"
        world.service.fork(THREAD, at_seq=seq, new_thread_id=child)
        half = 1 + len(world.history(child)) // 2
        world.service.fork(child, at_seq=half, new_thread_id=grandchild)
        for thread_id in (child, grandchild):
            check(world, thread_id)
            state = world.state(thread_id)
            assert (state.turn, state.inbox) == (None, ())
        play_all(world.service, [replace(move, wrong=False) for move in script[:4]], [grandchild])
        check(world, grandchild)


@for_all(scripts(max_size=25))
def test_a_fork_of_a_thread_at_rest_shows_the_model_what_its_parent_does(
    script: list[Move],
) -> None:
    world = World()
    play_all(world.service, script)
    if world.state().turn is None:
        fork(world)
        assert said(world.history(FORK)) == said(world.history())
        assert [t.prompted for t in world.state(FORK).context] == [
            t.prompted for t in world.state().context
        ]


def test_imported_history_can_be_forked_and_then_goes_on() -> None:
    world = World()
    source = Source(format="codex", line=1, inferred=True, note="a guess")
    past = given(submit("A"), complete("A")).world().history()
    for entry in past:
        event = entry.event.model_copy(update={"source": source})
        if isinstance(event, ThreadCreated):
            origin = Origin(kind="imported", format="codex", native_id="n")
            event = event.model_copy(update={"origin": origin})
        world.put(event)
    with pytest.raises(ThreadIsImported):
        submit("B")(world)
    fork(world)
    check(world, FORK)
    assert submit("B", thread_id=FORK)(world).started_turn_id is not None
    sources = [entry.event.source for entry in world.history(FORK) if entry.event.copied]
    assert all(s and (s.inferred, s.note) == (True, "a guess") for s in sources)
