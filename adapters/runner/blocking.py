"""Calls that block, from a loop that must not; and waiting for the first of several things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """`call` in a thread. When the caller is cancelled, the cancellation waits for its end.

    A thread cannot be stopped; going on before it has ended would leave a write that lands later,
    behind the back of whoever cleans up.
    """
    task = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        consume(task)
        raise


async def until(*waits: Coroutine[Any, Any, object]) -> None:
    """Returns when the first of them does, or raises what it raised; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(*tasks)
    for task in done:
        task.result()


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancels the tasks and waits until they are over, whatever they raise."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        consume(task)


def consume(future: asyncio.Future[Any]) -> BaseException | None:
    """The exception of a future that is done, which nobody else will ask for."""
    return None if not future.done() or future.cancelled() else future.exception()
