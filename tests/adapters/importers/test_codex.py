"""Codex rollouts: prompts, steers, interrupts and the ends of turns, by small logs."""

from __future__ import annotations

import pytest

from domain.events.base import Json, Usage
from domain.events.prompt import PromptAdmitted
from domain.events.thread import ThreadCreated
from domain.events.turn import TurnCompleted
from tests.adapters.importers.logs import (
    SESSION,
    Importing,
    answer,
    call,
    done,
    event,
    meta,
    output,
    spoken,
    task,
    time,
    totals,
    typed,
)
from tests.adapters.importers.story import story

NO_END = "the turn's end is not in the log"
NO_BEGINNING = "the log does not show what began this turn"
NEXT_PROMPT = "the next prompt shows that the turn has ended"


def test_the_first_session_meta_creates_the_thread(importing: Importing) -> None:
    told = importing.tell([meta(), task()], "rollout.jsonl")
    (created,) = told.events
    assert isinstance(created, ThreadCreated)
    assert created.actor == "import:codex"
    assert created.origin is not None
    assert created.origin.native_id == SESSION
    assert created.origin.file_name == "rollout.jsonl"
    assert created.origin.program_version == "0.142.0"
    assert told.held == {"task_started waits for the turn's first record": 1}


def test_a_session_without_a_turn_is_a_thread_without_a_turn(importing: Importing) -> None:
    told = importing.tell([meta(), spoken("user", "<environment_context>\n…")])
    assert told.story == []
    assert told.skipped == {"injected message (user)": 1}


def test_a_task_is_a_turn_that_its_prompt_opens(importing: Importing) -> None:
    told = importing.tell([meta(), task(), *typed("hello"), *answer("hi"), done()])
    assert told.story == [
        "4: 'hello' admitted to queue",
        "4: turn 1 starts with 'hello'",
        "5: agent_message 'hi'",
        "5: agent_message completed 'hi'",
        "7: turn 1 completed",
    ]
    assert told.report.open_turn is None
    assert told.skipped == {
        "task_started: its turn began with the prompt": 1,
        "message(user): twin of the prompt": 1,
        "agent message: written twice": 1,
    }


def test_a_second_prompt_in_a_task_is_a_steer(importing: Importing) -> None:
    told = importing.tell([meta(), task(), *typed("one"), *typed("two"), *typed("three")])
    assert told.story[2:] == [
        "6: 'two' admitted to steer",
        "6: turn 1 takes in 'two'",
        "8: 'three' admitted to steer",
        "8: turn 1 takes in 'three'",
    ]


def test_a_turn_stays_open_when_the_log_stops(importing: Importing) -> None:
    told = importing.tell([meta(), task(), *typed("hello")])
    assert told.report.open_turn is not None
    assert told.story[-1] == "4: turn 1 starts with 'hello'"


def test_an_aborted_turn_is_interrupted_and_so_are_its_open_calls(importing: Importing) -> None:
    told = importing.tell(
        [
            meta(),
            task(),
            *typed("hello"),
            call("exec_command", "c1", {"cmd": "sleep 9"}),
            call("exec_command", "c2", {"cmd": "sleep 8"}),
            output("c2", "aborted by user after 1.2s"),
            spoken("user", "<turn_aborted>\nOn purpose."),
            event("turn_aborted", turn_id="t1", reason="interrupted"),
        ]
    )
    assert told.story[2:] == [
        "5: command_execution 'sleep 9'",
        "6: command_execution 'sleep 8'",
        "7: command_execution interrupted (aborted by user) 'aborted by user after 1.2s'",
        "9: turn 1 must stop",
        "9: command_execution interrupted (the turn was interrupted) None",
        "9: turn 1 interrupted",
    ]


def test_a_turn_aborted_before_its_prompt_has_none(importing: Importing) -> None:
    told = importing.tell([meta(), task(), event("turn_aborted", turn_id="t1")])
    assert told.story == [
        "2: turn 1 starts with no prompt",
        "3: turn 1 must stop",
        "3: turn 1 interrupted",
    ]


def test_old_logs_show_by_the_next_prompt_that_a_turn_has_ended(importing: Importing) -> None:
    told = importing.tell([meta(), *typed("one"), *answer("1"), *typed("two"), *answer("2")])
    assert [line for line in told.story if "turn" in line] == [
        "3: turn 1 starts with 'one'",
        f"7?: turn 1 completed [{NEXT_PROMPT}]",
        "7: turn 2 starts with 'two'",
    ]
    assert told.report.open_turn is not None


def test_old_logs_abort_without_a_task(importing: Importing) -> None:
    told = importing.tell([meta(), *typed("one"), event("turn_aborted"), *typed("two")])
    assert [line for line in told.story if "turn" in line] == [
        "3: turn 1 starts with 'one'",
        "4: turn 1 must stop",
        "4: turn 1 interrupted",
        "6: turn 2 starts with 'two'",
    ]


def test_a_prompt_before_its_task_is_that_tasks_prompt(importing: Importing) -> None:
    prompt = event("user_message", message="hello")
    told = importing.tell([meta(), prompt, task(), spoken("user", "hello"), done()])
    assert told.story == [
        "2: 'hello' admitted to queue",
        "2: turn 1 starts with 'hello'",
        "5: turn 1 completed",
    ]
    assert told.skipped["message(user): twin of the prompt"] == 1


def test_a_task_over_an_open_one_ends_it_as_interrupted(importing: Importing) -> None:
    told = importing.tell([meta(), task("t1"), *typed("one"), task("t2"), *typed("two")])
    assert told.story[2] == f"5?: turn 1 interrupted: {NO_END} [{NO_END}]"
    assert told.contradictions == {NO_END: 1}


def test_two_tasks_without_a_record_between_them(importing: Importing) -> None:
    told = importing.tell([meta(), task("t1"), task("t2"), *typed("two"), done("t2")])
    assert told.story[:2] == [
        "2: turn 1 starts with no prompt",
        f"3?: turn 1 interrupted: {NO_END} [{NO_END}]",
    ]
    assert told.story[-1] == "6: turn 2 completed"


@pytest.mark.parametrize("end", [done("other"), event("turn_aborted", turn_id="other")])
def test_the_end_of_another_turn_ends_nothing(importing: Importing, end: Json) -> None:
    told = importing.tell([meta(), task("t1"), *typed("one"), end])
    assert told.report.open_turn is not None
    assert told.contradictions == {"the end of a turn that is not open": 1}


def test_a_log_that_begins_within_a_turn(importing: Importing) -> None:
    told = importing.tell([*answer("as I said"), done("t0"), task("t1"), *typed("go on")])
    assert told.story[:4] == [
        f"1?: turn 1 starts with no prompt [{NO_BEGINNING}]",
        "1: agent_message 'as I said'",
        "1: agent_message completed 'as I said'",
        "3: turn 1 completed",
    ]


def test_an_error_without_last_words_fails_the_turn(importing: Importing) -> None:
    told = importing.tell(
        [meta(), task(), *typed("x"), event("error", message="limit reached"), done(last=None)]
    )
    assert told.story[2:] == [
        "5: error 'limit reached'",
        "5: error completed 'limit reached'",
        "6: turn 1 failed: limit reached",
    ]


def test_an_error_the_turn_got_over_does_not_fail_it(importing: Importing) -> None:
    told = importing.tell([meta(), task(), *typed("x"), event("error", message="a"), done()])
    assert told.story[-1] == "6: turn 1 completed"


def test_an_error_fails_its_own_turn_only(importing: Importing) -> None:
    failed = [task("t1"), *typed("x"), event("error", message="a"), event("turn_aborted")]
    told = importing.tell([meta(), *failed, task("t2"), *typed("y"), done("t2", last=None)])
    assert told.story[-1] == "10: turn 2 completed"


def test_an_error_within_the_end_fails_the_turn(importing: Importing) -> None:
    end = event("task_complete", turn_id="t1", error={"message": "no"}, last_agent_message=None)
    told = importing.tell([meta(), task(), *typed("x"), end])
    assert told.story[-1] == "5: turn 1 failed: no"


def test_an_empty_prompt_is_skipped_and_images_are_named(importing: Importing) -> None:
    pictures = event("user_message", message="", images=["a", "b"], local_images=["c"])
    told = importing.tell([meta(), event("user_message", message=" \n"), pictures])
    assert told.skipped == {"an empty prompt": 1}
    assert told.story[0] == "3: '[image]\\n[image]\\n[image]' admitted to queue"


def test_a_prompts_model_is_that_of_the_settings_before_it(importing: Importing) -> None:
    settings: Json = {"type": "turn_context", "payload": {"model": "some-model", "cwd": "/"}}
    told = importing.tell([meta(), task(), settings, *typed("x")])
    (admitted,) = [e for e in told.events if isinstance(e, PromptAdmitted)]
    assert admitted.options.model == "some-model"


def test_what_programs_put_into_the_users_mouth_is_no_prompt(importing: Importing) -> None:
    told = importing.tell(
        [
            meta(),
            spoken("developer", "<permissions>"),
            spoken("user", "# AGENTS.md instructions for …"),
            spoken("user", "nobody typed this"),
            *typed("hello"),
        ]
    )
    assert told.skipped == {
        "injected message (developer)": 1,
        "injected message (user)": 2,
        "message(user): twin of the prompt": 1,
    }


def test_one_prompt_has_one_copy(importing: Importing) -> None:
    copies = [spoken("user", "hello"), spoken("user", "hello")]
    told = importing.tell([meta(), event("user_message", message="hello"), *copies, task()])
    assert told.skipped == {
        "message(user): twin of the prompt": 1,
        "injected message (user)": 1,
        "task_started after the prompt that began the turn": 1,
    }


def test_a_user_message_at_the_end_waits_for_its_prompt(importing: Importing) -> None:
    told = importing.tell([meta(), task(), spoken("user", "hello")])
    assert told.held == {
        "task_started waits for the turn's first record": 1,
        "a user message waits for the prompt it may be the copy of": 1,
    }


# ── Forks ─────────────────────────────────────────────────────────────────────────────────────────

PARENT = "00000000-0000-7000-8000-00000000aaaa"


def forked_at(millisecond: int) -> list[Json]:
    """A parent's lines, written again at once."""
    copy = [meta(PARENT), *typed("from the parent"), *answer("yes"), totals(100, 10)]
    return [{**record, "timestamp": time(1)[:-4] + f"{millisecond:03}Z"} for record in copy]


def test_a_fork_links_to_its_parent_and_skips_its_copy(importing: Importing) -> None:
    copied: list[Json] = [{**meta(), "timestamp": time(1)}, *forked_at(5)]
    own: list[Json] = [
        {**record, "timestamp": time(60)}
        for record in [*typed("in the fork"), *answer("sure"), totals(150, 12), *typed("bye")]
    ]
    told = importing.tell([*copied, *own])
    assert story(told.events)[0] == f"1: thread codex {SESSION}, from {PARENT}"
    assert told.story[:2] == [
        "9: 'in the fork' admitted to queue",
        "9: turn 1 starts with 'in the fork'",
    ]
    assert told.skipped["a line of the parent, copied at the fork"] == 6
    (ended,) = [e for e in told.events if isinstance(e, TurnCompleted)]
    assert ended.usage == Usage(input_tokens=50, output_tokens=2)


def test_a_fork_with_turn_ids_needs_no_pause(importing: Importing) -> None:
    old, new = "019d6c34-0e23-75c2-b402-150e5f962694", "019d6ec3-dc56-7bd3-9e6a-394302f3f706"
    made = "2026-04-08T12:00:00Z"
    first = meta(timestamp=made, forked_from_id=PARENT)
    records = [first, task(old), *typed("before"), done(old), task(new), *typed("after")]
    told = importing.tell([{**record, "timestamp": made} for record in records])
    assert told.story == ["8: 'after' admitted to queue", "8: turn 1 starts with 'after'"]
    assert told.skipped["a line of the parent, copied at the fork"] == 4


def test_a_pause_within_a_copy_does_not_end_it(importing: Importing) -> None:
    old, new = "019d6c34-0e23-75c2-b402-150e5f962694", "019d6ec3-dc56-7bd3-9e6a-394302f3f706"
    made, slow = "2026-04-08T12:00:00Z", "2026-04-08T12:00:09Z"
    copied = [meta(timestamp=made, forked_from_id=PARENT), task(old)]
    rest = [*typed("before"), done(old), task(new), *typed("after")]
    told = importing.tell(
        [
            *({**record, "timestamp": made} for record in copied),
            *({**record, "timestamp": slow} for record in rest),
        ]
    )
    assert told.story[0] == "8: 'after' admitted to queue"
    assert told.skipped["a line of the parent, copied at the fork"] == 4


def test_a_subagents_thread_names_the_one_that_began_it(importing: Importing) -> None:
    source: Json = {"subagent": {"thread_spawn": {"parent_thread_id": PARENT}}}
    told = importing.tell([meta(source=source), *typed("x")])
    assert story(told.events)[0] == f"1: thread codex {SESSION}, from {PARENT}"
    assert told.story[0] == "3: 'x' admitted to queue"
