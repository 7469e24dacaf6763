"""Processes that hammer the same threads; one is killed. Every answer could have been had alone.

TURNLOG_TEST_RACE_SEEDS=7,8,9 runs with those seeds instead, TURNLOG_TEST_RACE_CALLS=1000 with more
calls. A failure prints the seed; how the calls meet is another matter, and different every time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import pytest

from adapters.composition import Turnlog
from adapters.postgres.database import Database
from domain.laws import violations
from domain.thread import Thread
from tests.contracts.chain import broken_links
from tests.fixtures.patience import PATIENCE, eventually
from tests.race.calls import Operation, Recorder, calls_of, do, judged
from tests.race.hammer import CALLERS, Product
from tests.race.linearizability import Call, check
from tests.race.pure import State, step

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
    before = _here("before", turnlog, "create")
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
    calls = [*before, *calls, *_here("after", turnlog, "history")]
    for thread_id in THREADS:
        _judge([call for call in calls if call.operation.thread_id == thread_id])
        _check_log(turnlog, thread_id, calls)
    entries = turnlog.recorder.select_log(after_position=0, limit=1_000_000)
    assert [entry.id for entry in entries] == list(range(1, len(entries) + 1))


def _here(name: str, turnlog: Turnlog, method: str) -> list[Call[Operation]]:
    """That operation on every thread, done by the test while nobody else is there."""
    lines: list[bytes] = []
    recorder = Recorder(lines.append, time.monotonic_ns)
    product = Product(turnlog, Random(name))
    for thread_id in THREADS:
        arguments = {"command_id": f"cmd_create_{thread_id}"} if method == "create" else {}
        operation = Operation(f"{name}.{thread_id}", thread_id, method, arguments)
        recorder.begin(operation)
        recorder.end(operation, do(operation, product, time.sleep))
    return calls_of(line.decode() for line in lines)


def _judge(calls: Sequence[Call[Operation]]) -> None:
    verdict = check(judged(calls), State(Thread(calls[0].operation.thread_id)), step)
    answers = Counter(str(call.answer).partition("(")[0].partition(":")[0] for call in calls)
    print(f"{len(calls)} calls, {verdict.configurations} configurations: {dict(answers)}")  # noqa: T201
    call = verdict.refuted
    if call is None:
        return
    possible = "\n".join(map(str, verdict.possible))
    beside = "\n".join(f"{one.operation} -> {one.answer}" for one in verdict.open_calls)
    pytest.fail(
        f"no order of the calls explains\n{call.operation}\nanswered\n{call.answer}\n"
        f"possible were\n{possible}\nunder way were\n{beside}"
    )


def _check_log(turnlog: Turnlog, thread_id: str, calls: Sequence[Call[Operation]]) -> None:
    """All laws hold, and whatever was acknowledged is there once."""
    history = turnlog.log.read_thread(thread_id)
    assert violations(history) == []
    assert broken_links(turnlog.recorder.select_thread(thread_id)) == []
    admitted = Counter(
        entry.event.command_id for entry in history if entry.event.name == "prompt.admitted"
    )
    for call in calls:
        told = str(call.answer)
        if call.operation.thread_id == thread_id and "admission=Admission(" in told:
            assert admitted[call.operation.arguments["input_id"]] == 1, call.operation
