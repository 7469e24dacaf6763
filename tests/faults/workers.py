"""Worker processes, and what they leave in the log."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Self

from adapters.composition import Turnlog
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.runner.bell import Bell
from adapters.runner.pace import Pace, RealTime
from domain.laws import violations
from domain.ports import Recorded
from tests.fixtures.patience import PATIENCE

RECOVERED = "turn.completed interrupted: worker lost"


class Processes:
    """Worker processes on the test's database, gone after the block."""

    def __init__(self, database: Database) -> None:
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("TURNLOG_")},
            "TURNLOG_DATABASE_URL": database.url,
            "TURNLOG_LEASE_SECONDS": "3600",  # none runs out but by the test
            "TURNLOG_CONNECT_TIMEOUT_SECONDS": "600",  # of one that is stopped, the time goes by
        }
        self.started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=PATIENCE)

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
        printed, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, json.loads(printed) if printed else None


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
                lines.append(f"turn.completed {event.status}: {event.error}")
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
            async with asyncio.timeout(PATIENCE):
                while line not in outline(turnlog, thread_id):
                    await bell.heard(Pace(), RealTime())
        finally:
            turnlog.recorder.unlisten(bell)

    asyncio.run(wait())
