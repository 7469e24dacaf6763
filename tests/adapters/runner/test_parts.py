"""The small parts: the bell, calls in threads, waiting for the first of several things."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from adapters.runner.bell import Bell, NoHints, listening
from adapters.runner.blocking import cancelled, in_thread, until
from adapters.runner.handle import Handle
from adapters.runner.pace import Pace, RealTime
from adapters.runner.runner import new_holder
from domain.ports import Message
from tests.adapters.runner.hand_time import HandTime
from tests.adapters.runner.stage import PACE, story
from tests.fixtures.patience import PATIENCE

STEER = Message(role="user", kind="user_message", text="S", item_id="item_1")


def test_a_bell_rung_in_another_thread_is_heard() -> None:
    async def hear() -> None:
        bell, time = Bell(), HandTime()
        hearing = asyncio.create_task(bell.heard(PACE, time))
        await time.sleeping(PACE.poll_seconds)
        ringer = threading.Thread(target=bell.set)
        ringer.start()
        async with asyncio.timeout(PATIENCE):
            await hearing
        ringer.join()

    # In debug mode the loop refuses what is done to it from other threads.
    asyncio.run(hear(), debug=True)


@story
async def test_a_bell_rung_before_anyone_listens_is_heard_once() -> None:
    bell, time = Bell(), HandTime()
    bell.set()
    await bell.heard(PACE, time)
    again = asyncio.create_task(bell.heard(PACE, time))
    await time.sleeping(PACE.poll_seconds)
    assert not again.done()
    time.advance(PACE.poll_seconds)
    await again


@story
async def test_a_burst_is_heard_once() -> None:
    bell, time = Bell(), HandTime()
    pace = replace(PACE, pause_seconds=0.05)
    hearing = asyncio.create_task(bell.heard(pace, time))
    await time.sleeping(0.05)
    for _ in range(3):
        bell.set()
    await asyncio.sleep(0)
    assert not hearing.done()
    time.advance(0.05)
    await hearing
    again = asyncio.create_task(bell.heard(pace, time))
    await time.sleeping(0.05)
    time.advance(0.05)
    await time.sleeping(pace.poll_seconds)
    assert not again.done()
    await cancelled(again)


def test_a_bell_whose_loop_is_closed_may_still_be_rung() -> None:
    async def make() -> Bell:
        async with listening(NoHints()) as bell:
            return bell

    asyncio.run(make()).set()


@story
async def test_a_call_in_a_thread_is_over_before_its_cancellation_is() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        go_on.wait(PATIENCE)
        done.set()

    task = asyncio.create_task(in_thread(call))
    await asyncio.to_thread(begun.wait, PATIENCE)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


@story
async def test_an_error_in_a_thread_whose_caller_was_cancelled_is_not_left_lying_about() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        go_on.wait(PATIENCE)
        raise ValueError("late")

    task = asyncio.create_task(in_thread(call))
    await asyncio.to_thread(begun.wait, PATIENCE)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task


@story
async def test_until_raises_what_the_first_one_raises_and_cancels_the_others() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await until(endless(), fail())
    assert ended.is_set()


@story
async def test_a_handle_tells_of_input_until_it_is_taken() -> None:
    handle = Handle()
    handle.steer_waits()
    await handle.wait_input()
    assert handle.take_input() == ()
    await handle.wait_input()  # still in the log: only a boundary brings it here
    handle.boundary()
    handle.deliver([STEER])
    await handle.wait_input()
    assert handle.take_input() == (STEER,)
    waiting = asyncio.create_task(handle.wait_input())
    await asyncio.sleep(0)
    assert not waiting.done()
    handle.steer_waits()
    await waiting


@story
async def test_a_handle_knows_what_a_whole_run_left_unread() -> None:
    handle = Handle()
    handle.begin_run()
    handle.deliver([STEER])
    assert (handle.unread, handle.ignored) == (1, False)
    handle.begin_run()
    assert handle.ignored
    handle.take_input()
    assert (handle.unread, handle.ignored) == (0, False)


@story
async def test_real_time_passes() -> None:
    time = RealTime()
    before = time.now()
    await time.sleep(0.001)
    assert time.now() > before


def test_a_lease_is_renewed_three_times_in_its_life() -> None:
    assert Pace(lease_seconds=30).renew_seconds == 10


def test_two_holders_never_have_the_same_name() -> None:
    assert new_holder() != new_holder()
