"""What the domain is promised of its log, and what it may bring into it."""

from __future__ import annotations

import pytest

from adapters.event_log import RecordedLog
from domain.errors import TooLarge
from domain.execution import number
from domain.ports import CommandRecorded, Conflict
from domain.thread import Thread
from tests.adapters.service import LIMIT, Bench


def test_an_append_on_an_old_state_is_a_conflict_and_leaves_nothing() -> None:
    bench = Bench()
    thread_id = bench.thread()
    entries = bench.log.read_thread(thread_id)
    again, _ = number([entries[0].event], Thread(thread_id))
    before = bench.recorder.head()
    with pytest.raises(CommandRecorded):
        bench.log.append(again, expected_seq=0)
    other = again[0].event.model_copy(update={"command_id": "cmd_other"})
    stale, _ = number([other], Thread(thread_id))
    with pytest.raises(Conflict):
        bench.log.append(stale, expected_seq=0)
    assert bench.recorder.head() == before


def test_what_is_recorded_equals_what_is_read() -> None:
    bench = Bench()
    thread_id = bench.thread()
    bench.service.submit(thread_id, "hello", input_id="inp_1")
    recorded = bench.log.read_thread(thread_id)
    assert [e.seq for e in recorded] == [1, 2, 3, 4, 5, 6]
    assert [e.event.name for e in bench.log.read_command("inp_1")] == [
        "prompt.admitted",
        "prompt.promoted",
        "turn.started",
        "item.started",
        "item.completed",
    ]
    assert bench.log.read_command("inp_2") == []


def test_a_prompt_over_the_limit_is_refused_with_size_and_limit() -> None:
    bench = Bench()
    thread_id = bench.thread()
    with pytest.raises(TooLarge, match=rf"\d+ bytes; the limit is {LIMIT}"):
        bench.service.submit(thread_id, "x" * LIMIT)
    assert len(bench.log.read_thread(thread_id)) == 1


def test_a_prompt_just_below_the_limit_can_always_be_promoted() -> None:
    bench = Bench()
    thread_id = bench.thread()
    first = bench.service.submit(thread_id, "go").started_turn_id
    assert first is not None
    size = LIMIT
    while True:
        try:
            bench.service.submit(
                thread_id, "x" * size, delivery="queue", input_id="inp_1", actor="a" * 200
            )
            break
        except TooLarge as error:
            size -= max(1, int(str(error.details["size"])) - LIMIT)
    outcome = bench.service.finish(thread_id, first, "completed", actor="b" * 200)
    assert outcome.started_turn_id is not None


def test_a_lower_limit_does_not_catch_what_was_admitted_under_a_higher_one() -> None:
    bench = Bench()
    thread_id = bench.thread()
    turn_id = bench.service.submit(thread_id, "go").started_turn_id
    assert turn_id is not None
    bench.service.submit(thread_id, "x" * (LIMIT // 2), delivery="queue", input_id="inp_1")
    bench.log = RecordedLog(bench.recorder, 1024)
    bench.service._execution._log = bench.log
    outcome = bench.service.interrupt(thread_id, turn_id, queued="discard")
    assert [w.input_id for w in outcome.withdrawn] == ["inp_1"]


def test_an_item_over_the_limit_is_refused() -> None:
    bench = Bench()
    thread_id = bench.thread()
    turn_id = bench.service.submit(thread_id, "go").started_turn_id
    assert turn_id is not None
    with pytest.raises(TooLarge, match=r"item\.completed"):
        bench.service.record_item(thread_id, turn_id, "agent_message", "s", text="x" * LIMIT)


def test_an_edit_and_a_question_over_the_limit_are_refused() -> None:
    bench = Bench()
    thread_id = bench.thread()
    turn_id = bench.service.submit(thread_id, "go").started_turn_id
    assert turn_id is not None
    bench.service.submit(thread_id, "next", delivery="queue", input_id="inp_1")
    with pytest.raises(TooLarge, match=r"prompt\.edited"):
        bench.service.edit(thread_id, "inp_1", "x" * LIMIT)
    with pytest.raises(TooLarge, match=r"approval\.requested"):
        bench.service.request_approval(thread_id, turn_id, "may I?", detail={"why": "x" * LIMIT})


def test_a_fork_copies_what_was_admitted_under_a_higher_limit() -> None:
    bench = Bench()
    thread_id = bench.thread()
    bench.service.submit(thread_id, "x" * (LIMIT // 2))
    bench.log = RecordedLog(bench.recorder, 1024)
    bench.service._execution._log = bench.log
    assert bench.service.fork(thread_id).thread_id != thread_id
