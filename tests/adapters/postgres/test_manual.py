"""What docs/log.md gives to strangers works as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.connection import Connection, Pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from tests.contracts.records import commanded, record, records

MANUAL = Path(__file__).parents[3] / "docs" / "log.md"


@pytest.fixture
def check() -> Callable[[Connection, str], None]:
    """The manual's function, which knows nothing of turnlog."""
    [block] = re.findall(r"```python\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    found: Callable[[Connection, str], None] = names["check"]
    return found


@pytest.fixture
def thread_id(database: Database, pool: Pool) -> str:
    """A thread with commands and without, among others."""
    with PostgresLogRecorder(database, pool) as log:
        log.append(commanded("thr_a", 1, "cmd_1"))
        log.append(records("thr_b", 1, 2))
        log.append([record("thr_a", 3, data='{"text": "naïve ✓",  "n": 1.0}'.encode())])
    return "thr_a"


def test_a_stranger_finds_a_thread_whole(
    check: Callable[[Connection, str], None], thread_id: str, connection: Connection
) -> None:
    check(connection, thread_id)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log SET data = '{}' WHERE thread_id = 'thr_a' AND seq = 2",
        "UPDATE log SET command_id = NULL, receipt = NULL WHERE thread_id = 'thr_a' AND seq = 2",
        "UPDATE log SET recorded_at = recorded_at + interval '1 us' WHERE seq = 2",
        "UPDATE log SET hash = sha256('x') WHERE thread_id = 'thr_a' AND seq = 2",
    ],
)
def test_a_stranger_finds_what_was_changed(
    check: Callable[[Connection, str], None], thread_id: str, connection: Connection, change: str
) -> None:
    connection.execute("ALTER TABLE log DISABLE TRIGGER ALL")
    assert connection.execute(change.encode()).rowcount > 0
    with pytest.raises(AssertionError, match="seq 2 was changed"):
        check(connection, thread_id)
