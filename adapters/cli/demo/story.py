"""The steps of the story, in order. What a step tells is checked before it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.cli.demo import script
from adapters.cli.demo.stage import Stage
from adapters.cli.demo.worker import worker_process
from domain.thread import Thread

if TYPE_CHECKING:
    from adapters.runner.runner import Runner
    from domain.outcome import Outcome


async def tell_story(stage: Stage, runner: Runner, first: Outcome) -> int:
    """Plays and tells it all, from the `first` prompt on; the seq at which a prompt was held."""
    working = asyncio.create_task(runner.run(stage.thread_id, _turn_of(first)))
    try:
        second = await _queue_and_steer(stage, first)
        held_at = await _interrupt(stage, second, working)
    finally:
        working.cancel()
    await _run_past_the_held_one(stage, runner)
    third = await _release(stage)
    await _kill_the_worker(stage, third)
    await _recover(stage, runner, third)
    return held_at


async def _queue_and_steer(stage: Stage, first: Outcome) -> str:
    """The first turn, with what arrives in it; the turn that its end starts."""
    service, thread_id = stage.log.service, stage.thread_id
    turn_id = _turn_of(first)
    await stage.tell(
        f"Ada: “{script.RETRY}”", "Nothing is running, so turn 1 starts at once.", first
    )
    await stage.until("turn 1 runs a command", _is_busy_in(turn_id))

    queued = await stage.do(
        lambda: service.submit(thread_id, script.CHANGELOG, delivery="queue", actor="ada")
    )
    stage.check("a queued prompt waits", holds=_waits(queued))
    await stage.tell(f"Ada: “{script.CHANGELOG}” (queue)", "A turn is running: it waits.", queued)

    steer = await stage.do(lambda: service.steer(thread_id, turn_id, script.LONGER, actor="ada"))
    stage.check("a steer waits for the step boundary", holds=_waits(steer))
    await stage.until("the first turn ends", lambda thread: not _is_active(turn_id)(thread))
    taken = await stage.command_of("turn.steered", turn_id)
    await stage.tell(
        f"Ada: “{script.LONGER}” (steer)",
        "It goes into turn 1 at its next step, ahead of what waits in line.",
        steer,
        taken,
    )
    thread = await stage.until("the queue goes on", lambda thread: thread.turn is not None)
    assert thread.turn is not None
    stage.check("the queued prompt runs next", holds=thread.turn.input_id == queued.command_id)
    await stage.tell(
        "Turn 1 completes",
        "The append that ends it starts turn 2 with the prompt that waits.",
        await stage.command_of("turn.completed", turn_id),
    )
    return thread.turn.turn_id


async def _interrupt(stage: Stage, turn_id: str, working: asyncio.Task[object]) -> int:
    """The second turn, which is stopped while a prompt waits behind it."""
    service, thread_id = stage.log.service, stage.thread_id
    await stage.until("turn 2 works", _is_busy_in(turn_id))
    waiting = await stage.do(
        lambda: service.submit(thread_id, script.PUBLISH, delivery="queue", actor="ada")
    )
    await stage.tell(f"Ada: “{script.PUBLISH}” (queue)", "Turn 2 is running: it waits.", waiting)
    stop = await stage.do(lambda: service.interrupt(thread_id, turn_id, queued="hold", actor="ada"))
    await working
    thread = await stage.until("the turn stops", lambda thread: thread.turn is None)
    stage.check("the interrupt holds what waits", holds=stop.held == (waiting.command_id,))
    stage.check("it is still held when the turn has ended", holds=_held(thread) == 1)
    await stage.tell(
        "Ada interrupts turn 2 (hold)",
        "The turn stops. What waited is held, so nothing is published by accident.",
        stop,
        await stage.command_of("turn.completed", turn_id),
    )
    return thread.seq


async def _run_past_the_held_one(stage: Stage, runner: Runner) -> None:
    """A prompt to the idle thread runs, and the held one stays where it is."""
    service, thread_id = stage.log.service, stage.thread_id
    asked = await stage.do(lambda: service.submit(thread_id, script.WHAT_CHANGED, actor="ada"))
    results = await runner.run(thread_id, _turn_of(asked))
    stage.check("the new prompt runs to its end", holds=[r.end for r in results] == ["completed"])
    thread = await stage.do(lambda: service.thread(thread_id))
    stage.check("the held prompt did not run", holds=_held(thread) == 1)
    assert asked.admission is not None
    stage.check("the outcome says that one is held", holds=asked.admission.held == 1)
    await stage.tell(
        f"Ada: “{script.WHAT_CHANGED}”",
        "The thread is idle: turn 3 runs now. The answer says that one is held.",
        asked,
    )


async def _release(stage: Stage) -> str:
    """The held prompt gets its turn; another one waits behind it."""
    service, thread_id = stage.log.service, stage.thread_id
    released = await stage.do(lambda: service.release(thread_id, actor="ada"))
    turn_id = released.started_turn_id
    stage.check("the released prompt runs", holds=turn_id is not None)
    await stage.tell(
        "Ada releases it", "Turn 4 starts, for a worker in a process of its own.", released
    )
    queued = await stage.do(
        lambda: service.submit(thread_id, script.TELL, delivery="queue", actor="ada")
    )
    await stage.tell(f"Ada: “{script.TELL}” (queue)", "Turn 4 is running: it waits.", queued)
    return str(turn_id)


async def _kill_the_worker(stage: Stage, turn_id: str) -> None:
    """`kill -9` while the engine uploads."""
    log = stage.log
    with worker_process(log, stage.thread_id) as process:
        await stage.until("the worker begins turn 4", _is_busy_in(turn_id))
        process.kill()
        await stage.do(process.wait)
    thread = await stage.do(lambda: log.service.thread(stage.thread_id))
    lease = await stage.do(lambda: log.leases.find(turn_id))
    stage.check("nobody recorded the crash", holds=_is_active(turn_id)(thread))
    stage.check("the dead worker holds its lease", holds=lease is not None)
    await stage.tell(
        f"kill -9 {process.pid}, the worker",
        "Nobody could record that: in the log turn 4 still runs.",
    )


async def _recover(stage: Stage, runner: Runner, turn_id: str) -> None:
    """The next worker ends the turn by an event, and goes on with the queue."""
    results = await runner.run_thread(stage.thread_id)
    ends = [result.end for result in results]
    expected = ["recovered", "completed"]
    stage.check("the turn is recovered and the queue goes on", holds=ends == expected)
    await stage.tell(
        "Another worker starts",
        "The lease has run out, so turn 4 ends as interrupted, by an event; it is not run "
        "again, for it may have published. The same append starts turn 5.",
        await stage.command_of("turn.completed", turn_id),
    )


def _turn_of(outcome: Outcome) -> str:
    assert outcome.started_turn_id is not None
    return outcome.started_turn_id


def _waits(outcome: Outcome) -> bool:
    return outcome.admission is not None and outcome.admission.state == "pending"


def _held(thread: Thread) -> int:
    return sum(1 for prompt in thread.inbox if prompt.state == "held")


def _is_active(turn_id: str) -> Callable[[Thread], bool]:
    return lambda thread: thread.turn is not None and thread.turn.turn_id == turn_id


def _is_busy_in(turn_id: str) -> Callable[[Thread], bool]:
    """In the middle of something the engine has begun in that turn."""

    def holds(thread: Thread) -> bool:
        turn = thread.turn
        return turn is not None and turn.turn_id == turn_id and bool(turn.open_items)

    return holds
