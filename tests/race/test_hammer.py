"""Processes that hammer the same threads; one is killed. Every answer could have been had alone.

TURNLOG_TEST_RACE_SEEDS=7,8,9 runs with those seeds instead, TURNLOG_TEST_RACE_CALLS=1000 with more
calls. A failure prints the seed; how the calls meet is another matter, and different every time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Final

import pytest

from adapters.cli.verifying import Verdict, verify_threads
from adapters.composition import Turnlog
from adapters.postgres.database import Database
from tests.fixtures.patience import PATIENCE, eventually
from tests.race.calls import Operation, calls_of
from tests.race.hammer import CALLERS, calls_here
from tests.race.judging import troubles
from tests.race.linearizability import Call

SEEDS: Final = os.environ.get("TURNLOG_TEST_RACE_SEEDS", "1").split(",")
CALLS: Final = int(os.environ.get("TURNLOG_TEST_RACE_CALLS", "120"))
"""Of each caller."""

PROCESSES: Final = 3
THREADS: Final = ("thr_1", "thr_2", "thr_3")


class Hammers:
    """The processes, and what they take down."""

    def __init__(self, database: Database, seed: str, folder: Path) -> None:
        self._environment = {**os.environ, "TURNLOG_DATABASE_URL": database.url}
        self._seed = seed
        self._folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str) -> Path:
        """One more; the file it writes."""
        path = self._folder / name
        path.touch()
        command = [sys.executable, "-m", "tests.race.hammer"]
        arguments = [self._seed, name, str(CALLS), str(path), *THREADS]
        self.running.append(subprocess.Popen([*command, *arguments], env=self._environment))
        return path

    def kill(self, number: int, path: Path, after: int) -> None:
        """Kill it when it has taken down so many lines."""
        process = self.running.pop(number)
        eventually(lambda: path.read_bytes().count(b"\n") >= after or process.poll() is not None)
        process.kill()
        process.wait(PATIENCE)

    def finish(self) -> list[Call[Operation]]:
        """All calls, when all are through."""
        for process in self.running:
            assert process.wait(PATIENCE) == 0
        return [
            call
            for path in sorted(self._folder.iterdir())
            for call in calls_of(path.read_text().splitlines(keepends=True))
        ]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_is_one_that_somebody_alone_could_have_had(
    database: Database, turnlog: Turnlog, tmp_path: Path, seed: str
) -> None:
    print(f"TURNLOG_TEST_RACE_SEEDS={seed}")  # noqa: T201  (shown if it fails)
    before = calls_here("before", turnlog, "create", THREADS)
    hammers = Hammers(database, seed, tmp_path)
    try:
        victim = hammers.start("p0")
        for number in range(1, PROCESSES):
            hammers.start(f"p{number}")
        hammers.kill(0, victim, Random(seed).randrange(CALLERS * CALLS // 2, CALLERS * CALLS))
        hammers.start("p0 again")
        calls = hammers.finish()
    finally:
        for process in hammers.running:
            process.kill()
            process.wait(PATIENCE)
    calls = [*before, *calls, *calls_here("after", turnlog, "history", THREADS)]
    for thread_id in THREADS:
        assert not [str(trouble) for trouble in troubles(turnlog, thread_id, calls)]
    verdict = Verdict()
    verify_threads(turnlog, None, verdict, lambda *_: None)
    assert verdict.findings == []
    assert verdict.events == turnlog.recorder.head()
