"""Workers that sleep through the end of their lease, as processes on a laptop do (L14)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

from adapters.composition import Turnlog
from adapters.postgres.connection import Connection
from tests.faults.workers import (
    RECOVERED,
    Processes,
    begin,
    history,
    lapse_leases,
    outline,
)
from tests.fixtures.patience import PATIENCE

CALLS_TWICE = """{"turns": [{"when": "deploy", "steps": [
    {"do": "say", "text": "on my way"}, {"do": "tool", "name": "deploy"},
    {"do": "say", "text": "done"}]}]}"""


def until_stopped(process: subprocess.Popen[str]) -> None:
    """Returns when the process has stopped itself."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), status


def go_on(process: subprocess.Popen[str]) -> Any:
    """What a stopped process prints when it goes on to its end."""
    process.send_signal(signal.SIGCONT)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return json.loads(printed)


def stopped_before_its_call(
    turnlog: Turnlog, processes: Processes
) -> tuple[subprocess.Popen[str], str, str]:
    """A worker that has made sure of its lease and is about to record a call of a tool."""
    thread_id, turn_id = begin(turnlog, "deploy A", "B")
    worker = processes.start(
        CALLS_TWICE, "run", thread_id, turn_id, TURNLOG_TEST_STOP_BEFORE="item.started"
    )
    until_stopped(worker)
    return worker, thread_id, turn_id


def test_a_worker_that_slept_until_its_lease_ran_out_is_refused_and_stops(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    """Although nobody took over yet. The turn is left to the next start."""
    worker, thread_id, _ = stopped_before_its_call(turnlog, processes)
    lapse_leases(connection)
    before = history(turnlog, thread_id)
    assert go_on(worker) == ["lost"]
    assert history(turnlog, thread_id) == before
    assert processes.run("{}", "pending") == (0, ["recovered", "completed"])


def test_a_worker_that_wakes_after_it_was_recovered_writes_nothing_more(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    worker, thread_id, _ = stopped_before_its_call(turnlog, processes)
    lapse_leases(connection)
    assert processes.run("{}", "pending") == (0, ["recovered", "completed"])
    after = history(turnlog, thread_id)
    assert go_on(worker) == ["gone"]
    assert history(turnlog, thread_id) == after
    assert RECOVERED in outline(turnlog, thread_id)


def test_a_worker_that_wakes_between_the_takeover_and_the_recovery_is_refused(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    """The turn is still active, its thread unchanged: only the lease can tell."""
    worker, thread_id, _ = stopped_before_its_call(turnlog, processes)
    lapse_leases(connection)
    second = processes.start("{}", "pending", TURNLOG_TEST_STOP_WITH_LEASE="1")
    until_stopped(second)
    before = history(turnlog, thread_id)
    assert go_on(worker) == ["lost"]
    assert history(turnlog, thread_id) == before
    assert go_on(second) == ["recovered", "completed"]
    assert outline(turnlog, thread_id).count(RECOVERED) == 1


def test_of_two_recoveries_the_one_that_slept_finds_the_turn_ended(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    worker, thread_id, turn_id = stopped_before_its_call(turnlog, processes)
    worker.kill()
    lapse_leases(connection)
    first = processes.start("{}", "run", thread_id, turn_id, TURNLOG_TEST_STOP_WITH_LEASE="1")
    until_stopped(first)
    assert processes.run("{}", "run", thread_id, turn_id) == (0, ["taken"])
    lapse_leases(connection)
    assert processes.run("{}", "run", thread_id, turn_id) == (0, ["recovered", "completed"])
    after = history(turnlog, thread_id)
    assert go_on(first) == ["gone"]
    assert history(turnlog, thread_id) == after
    assert outline(turnlog, thread_id).count(RECOVERED) == 1


def test_of_two_recoveries_in_a_row_the_one_whose_lease_passed_on_is_refused(
    turnlog: Turnlog, processes: Processes, connection: Connection
) -> None:
    worker, thread_id, turn_id = stopped_before_its_call(turnlog, processes)
    worker.kill()
    lapse_leases(connection)
    recoveries = []
    for _ in range(2):
        process = processes.start(
            "{}", "run", thread_id, turn_id, TURNLOG_TEST_STOP_BEFORE="turn.completed"
        )
        until_stopped(process)
        recoveries.append(process)
        lapse_leases(connection)
    third = processes.start("{}", "run", thread_id, turn_id, TURNLOG_TEST_STOP_WITH_LEASE="1")
    until_stopped(third)
    before = history(turnlog, thread_id)
    assert [go_on(process) for process in recoveries] == [["lost"], ["lost"]]
    assert history(turnlog, thread_id) == before
    assert go_on(third) == ["recovered", "completed"]
