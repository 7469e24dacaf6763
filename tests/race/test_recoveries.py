"""Two processes that recover the same turn at once (L14, D16).

Where the first one sleeps before its append, with or without its lease, is in
`tests/faults/test_stopped_worker.py`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from adapters.composition import Turnlog
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from tests.faults.workers import RECOVERED, Processes, begin, lapse_leases, outline
from tests.fixtures.patience import PATIENCE, eventually
from tests.race.arena import Gate, shut


@pytest.fixture
def processes(database: Database) -> Iterator[Processes]:
    with Processes(database) as made:
        yield made


def printed(process: subprocess.Popen[str]) -> object:
    text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return json.loads(text)


def token(turnlog: Turnlog, turn_id: str) -> int:
    """Of the last lease that was taken."""
    lease = turnlog.leases.find(turn_id)
    assert lease is not None
    return lease.token


def test_a_recovery_that_is_about_to_commit_is_waited_for_and_not_done_again(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    """The lease has run out under it; but who takes it next is told only after the commit."""
    thread_id, turn_id = begin(turnlog, "A")
    lost = turnlog.leases.acquire(turn_id, thread_id, "lost", 3600)
    assert lost is not None
    lapse_leases(connection)
    gate = Gate(connection)
    with shut(gate):
        first = processes.start("{}", "run", thread_id, turn_id)
        eventually(lambda: gate.somebody_waits() or first.poll() is not None)
        lapse_leases(connection)
        second = processes.start("{}", "run", thread_id, turn_id)
        eventually(lambda: gate.waiting() > 1 or second.poll() is not None)
        assert (first.poll(), second.poll()) == (None, None)
        assert RECOVERED not in outline(turnlog, thread_id)
        assert token(turnlog, turn_id) == 2
    assert (printed(first), printed(second)) == (["recovered"], ["gone"])
    assert outline(turnlog, thread_id).count(RECOVERED) == 1
    assert token(turnlog, turn_id) == 3
