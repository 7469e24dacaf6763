"""Both stores, the read models and everything around them, side by side through long schedules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from adapters.postgres.connection import Connection, Pool
from adapters.postgres.database import Database
from adapters.postgres.read_models import PostgresReadModels
from adapters.postgres.recorder import PostgresLogRecorder
from tests.fixtures.faults import Proxy
from tests.machines.machine import Machine
from tests.machines.stage import Stage


@pytest.fixture
def stage(
    database: Database,
    proxy: Proxy,
    connection: Connection,
    pool: Pool,
    tmp_path: Path,
    haste: None,
) -> Iterator[Stage]:
    """A database to play on, behind a proxy and without one."""
    folder = tmp_path / "transcripts"
    folder.mkdir()
    reader = PostgresReadModels(database, pool)
    with PostgresLogRecorder(database, pool) as recorder:
        yield Stage(database, proxy, connection, recorder, reader, folder)


@pytest.fixture
def many_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken after a few events: the histories here are short."""
    monkeypatch.setattr("adapters.threads.SNAPSHOT_EVENTS", 5)


def test_everything_agrees_through_any_schedule(stage: Stage, many_snapshots: None) -> None:
    examples = settings().max_examples
    run_state_machine_as_test(
        lambda: Machine(stage),  # type: ignore[arg-type]
        settings=settings(
            max_examples=max(1, examples // 8),
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )
