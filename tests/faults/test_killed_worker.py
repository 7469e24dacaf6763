"""Real processes on a real PostgreSQL, killed so that nothing in them can clean up."""

from __future__ import annotations

import json
import signal

from adapters.composition import Turnlog
from adapters.postgres.connection import Connection
from tests.faults.workers import Processes, begin, history, lapse_leases, outline, wait_for
from tests.fixtures.patience import PATIENCE

DIES = """{"turns": [{"when": "deploy", "steps": [
    {"do": "say", "text": "on my way"}, {"do": "tool", "name": "deploy"},
    {"do": "die", "during": "check"}]}]}"""
WORKS_ON = """{"turns": [{"when": "deploy", "steps": [
    {"do": "tool", "name": "deploy", "wait": {"until": "signal", "signal": "never"}}]}]}"""


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
        "turn.completed interrupted: worker lost",
        "turn.started",
        "item.started You said: B",
        "turn.completed completed: None",
        "turn.started",
        "item.started You said: C",
        "turn.completed completed: None",
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
    first.wait(timeout=PATIENCE)
    assert processes.run("{}", "pending") == (0, ["taken"])  # its lease is all one can know
    lapse_leases(connection)
    assert processes.run("{}", "pending") == (0, ["recovered", "completed"])
    wrote, ended = (
        {e.event.actor for e in history(turnlog, thread_id)[part] if e.event.actor != "user"}
        for part in (slice(len(before)), slice(len(before), None))
    )
    [worker], [rescuer] = wrote, ended
    assert f":{first.pid}:" in worker
    assert f":{first.pid}:" not in rescuer


def test_an_interrupt_from_this_process_reaches_the_engine_in_another(
    turnlog: Turnlog, processes: Processes
) -> None:
    thread_id, turn_id = begin(turnlog, "deploy A", "B")
    worker = processes.start(WORKS_ON, "run", thread_id, turn_id)
    wait_for(turnlog, thread_id, "item.started deploy")
    turnlog.service.interrupt(thread_id, turn_id, queued="continue")
    printed, _ = worker.communicate(timeout=PATIENCE)
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
