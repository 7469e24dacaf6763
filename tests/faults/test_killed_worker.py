"""Real processes on a real PostgreSQL, killed so that nothing in them can clean up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.runner.bell import Bell
from adapters.runner.pace import Pace, RealTime
from adapters.settings import Settings
from domain.laws import violations
from domain.ports import Recorded

DIES = """{"turns": [{"when": "deploy", "steps": [
    {"do": "say", "text": "on my way"}, {"do": "tool", "name": "deploy"},
    {"do": "die", "during": "check"}]}]}"""
WORKS_ON = """{"turns": [{"when": "deploy", "steps": [
    {"do": "tool", "name": "deploy", "wait": {"until": "signal", "signal": "never"}}]}]}"""


@pytest.fixture
def turnlog(database: Database) -> Iterator[Turnlog]:
    with turnlog_on(OpenDatabase(database), Settings()) as opened:
        yield opened


class Processes:
    """Worker processes on the test's database."""

    def __init__(self, database: Database) -> None:
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("TURNLOG_")},
            "TURNLOG_DATABASE_URL": database.url,
        }
        self.started: list[subprocess.Popen[str]] = []

    def start(self, script: str, *what: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker", script, *what],
            env={**self._environment, **more},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, script: str, *what: str, **more: str) -> tuple[int, Any]:
        """Exit code and what it printed."""
        process = self.start(script, *what, **more)
        printed, _ = process.communicate(timeout=60)
        return process.returncode, json.loads(printed) if printed else None


@pytest.fixture
def processes(database: Database) -> Iterator[Processes]:
    made = Processes(database)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def lapse_leases(connection: Connection) -> None:
    """As if the time of all leases had gone by."""
    connection.execute("UPDATE leases SET expires_at = clock_timestamp()")


def begin(turnlog: Turnlog, *prompts: str) -> tuple[str, str]:
    """A thread in which the first prompt is to run and the others wait."""
    thread_id = turnlog.service.create().thread_id
    turn_id = turnlog.service.submit(thread_id, prompts[0]).started_turn_id
    assert turn_id is not None
    for prompt in prompts[1:]:
        turnlog.service.submit(thread_id, prompt, delivery="queue")
    return thread_id, turn_id


def history(turnlog: Turnlog, thread_id: str) -> Sequence[Recorded]:
    recorded = turnlog.log.read_thread(thread_id)
    assert violations(recorded) == []
    return recorded


def outline(turnlog: Turnlog, thread_id: str) -> list[str]:
    """What happened, without the prompts' own events."""
    lines = []
    for entry in history(turnlog, thread_id):
        event: Any = entry.event
        match event.name:
            case "turn.started" | "item.interrupted":
                lines.append(event.name)
            case "turn.completed":
                lines.append(f"turn.completed {event.status} by {event.actor}: {event.error}")
            case "item.started" if event.kind != "user_message":
                lines.append(f"item.started {event.summary}")
            case _:
                pass
    return lines


def wait_for(turnlog: Turnlog, thread_id: str, line: str) -> None:
    """Returns when that line is in the outline."""

    async def wait() -> None:
        bell = Bell()
        turnlog.recorder.listen(bell)
        try:
            async with asyncio.timeout(60):
                while line not in outline(turnlog, thread_id):
                    await bell.heard(Pace(), RealTime())
        finally:
            turnlog.recorder.unlisten(bell)

    asyncio.run(wait())


def test_kill_9_in_a_running_turn_is_recovered_by_an_event_and_the_queue_goes_on(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    """Field cases 43, 73, 82, 98: nothing stays running, and the tool is not called again."""
    thread_id, turn_id = begin(turnlog, "deploy A", "B", "C")
    code, _ = processes.run(DIES, "run", thread_id, turn_id)
    assert code == -signal.SIGKILL
    left = turnlog.service.thread(thread_id).turn
    assert left is not None
    assert left.turn_id == turn_id
    lapse_leases(connection)
    assert processes.run("{}", "pending") == (0, ["recovered", "completed", "completed"])
    assert outline(turnlog, thread_id) == [
        "turn.started",
        "item.started on my way",
        "item.started deploy",
        "item.started check",
        "item.interrupted",
        "turn.completed interrupted by recovery: worker lost",
        "turn.started",
        "item.started You said: B",
        "turn.completed completed by runner: None",
        "turn.started",
        "item.started You said: C",
        "turn.completed completed by runner: None",
    ]
    assert processes.run("{}", "pending") == (0, [])


def test_d16_a_second_process_leaves_a_live_turn_alone_until_its_worker_is_dead(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    thread_id, turn_id = begin(turnlog, "deploy A", "B")
    first = processes.start(WORKS_ON, "run", thread_id, turn_id)
    wait_for(turnlog, thread_id, "item.started deploy")
    before = history(turnlog, thread_id)
    assert processes.run("{}", "pending") == (0, ["taken"])
    assert processes.run("{}", "run", thread_id, turn_id) == (0, ["taken"])
    assert history(turnlog, thread_id) == before
    first.kill()
    first.wait(timeout=60)
    assert processes.run("{}", "pending") == (0, ["taken"])  # its lease is all one can know
    lapse_leases(connection)
    assert processes.run("{}", "pending") == (0, ["recovered", "completed"])


def test_an_interrupt_from_this_process_reaches_the_engine_in_another(
    turnlog: Turnlog, processes: Processes
) -> None:
    thread_id, turn_id = begin(turnlog, "deploy A", "B")
    worker = processes.start(WORKS_ON, "run", thread_id, turn_id)
    wait_for(turnlog, thread_id, "item.started deploy")
    turnlog.service.interrupt(thread_id, turn_id, queued="continue")
    printed, _ = worker.communicate(timeout=60)
    assert json.loads(printed) == ["interrupted", "completed"]


def test_kill_9_between_the_end_of_a_turn_and_the_next_loses_nothing(
    turnlog: Turnlog, processes: Processes
) -> None:
    thread_id, turn_id = begin(turnlog, "A", "B", "C")
    code, _ = processes.run("{}", "run", thread_id, turn_id, TURNLOG_TEST_DEADLY_LEASE="2")
    assert code == -signal.SIGKILL
    assert outline(turnlog, thread_id)[-1] == "turn.started"  # B, by the end of A, and nobody's
    assert processes.run("{}", "pending") == (0, ["completed", "completed"])
    said = [line for line in outline(turnlog, thread_id) if "You said" in line]
    assert said == [f"item.started You said: {prompt}" for prompt in "ABC"]
