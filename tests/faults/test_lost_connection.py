"""A worker whose way to the database is cut, on a real PostgreSQL behind a proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresActiveTurns, PostgresLeases
from adapters.postgres.recorder import PostgresLogRecorder
from domain.ports import EngineEvent, TurnContext, TurnHandle
from tests.adapters.runner.stage import PACE, THREAD, Played, Stage, said, story
from tests.fixtures.faults import Proxy


def _stage(database: Database) -> Iterator[Stage]:
    with open_pool(database) as pool, PostgresLogRecorder(database, pool) as recorder:
        leases, active = PostgresLeases(database, pool), PostgresActiveTurns(database, pool)
        yield Stage(recorder, leases, active, lambda _: None)


@pytest.fixture
def direct(database: Database) -> Iterator[Stage]:
    """Somebody with a good connection."""
    yield from _stage(database)


@pytest.fixture
def cut_off(proxy: Proxy) -> Iterator[Stage]:
    """Somebody whose connection goes through the proxy."""
    yield from _stage(proxy.database)


@story
async def test_a_worker_that_cannot_renew_stops_its_engine_and_is_recovered(
    direct: Stage, cut_off: Stage, proxy: Proxy
) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def play(_: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        try:
            yield said("begun")
            begun.set()  # asked for more: what it said is in the log, and the runner knows
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def echo(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield said(context.messages[-1].text)

    turn_id = direct.thread("A", "B")
    run = asyncio.create_task(cut_off.runner(Played(play)).run(THREAD, turn_id))
    await begun.wait()
    await cut_off.time.sleeping(PACE.renew_seconds)
    proxy.stop()
    cut_off.time.advance(PACE.renew_seconds)
    while not run.done():  # renewals fail or hang, while the pool tries to connect
        await asyncio.sleep(0.02)
        cut_off.time.advance(PACE.lease_seconds / 30)
    [result] = await run
    proxy.start()
    assert cut_off.time.now() >= PACE.lease_seconds
    assert result.end == "lost"
    assert stopped.is_set()
    assert direct.ends() == []
    with open_pool(direct.recorder._database) as pool, pool.connection() as connection:  # type: ignore[attr-defined]
        connection.execute("UPDATE leases SET expires_at = clock_timestamp()")
    report = await direct.runner(Played(echo), "other").run_pending()
    assert [result.end for result in report.results] == ["recovered", "completed"]
    assert direct.texts("agent_message") == ["begun", "B"]


@pytest.mark.parametrize("fault", ["lose_reply", "lose_request"])
@pytest.mark.parametrize("of", [b"turn.completed", b"item.started"])
@story
async def test_a_connection_lost_during_an_append_neither_loses_nor_doubles_anything(
    cut_off: Stage, proxy: Proxy, fault: str, of: bytes
) -> None:
    async def play(context: TurnContext, _: TurnHandle) -> AsyncIterator[EngineEvent]:
        if context.turn_id == turn_id:
            getattr(proxy, fault)(of)
        yield said(context.messages[-1].text)

    turn_id = cut_off.thread("A", "B")
    results = await cut_off.runner(Played(play)).run(THREAD, turn_id)
    assert proxy.struck.is_set()
    assert [result.end for result in results] == ["completed"] * 2
    assert cut_off.texts("agent_message") == ["A", "B"]
    assert cut_off.ends() == [("completed", None)] * 2
