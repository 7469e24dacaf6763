"""Claude Code logs: which session a file is, and where its turns begin and end."""

from __future__ import annotations

import pytest

from domain.events.base import Json, Usage
from domain.events.thread import ThreadCreated
from domain.events.turn import TurnCompleted
from tests.adapters.importers.logs import (
    DECLINE,
    INTERRUPT,
    SESSION,
    START,
    Importing,
    assistant,
    claude,
    duration,
    hook,
    result,
    say,
    system,
    think,
    use,
    user,
)
from tests.adapters.importers.story import story

NEXT_PROMPT = "the next prompt shows that the turn has ended"
NO_BEGINNING = "the log does not show what began this turn"
NO_END = "the turn's end is not in the log"
HOOK = "a stop hook has run"
LAST_WORDS = "the model's last message ended its turn"


def turns(lines: list[str]) -> list[str]:
    """The lines about turns."""
    return [line for line in lines if ": turn" in line]


# ── Which session ─────────────────────────────────────────────────────────────────────────────────


def test_the_file_name_is_the_session(importing: Importing) -> None:
    other = "99999999-2222-4333-8444-555555555555"
    told = importing.tell([user("hi", sessionId=other, version="2.1.0")])
    assert story(told.events)[0] == f"1: thread claude-code {SESSION}"
    created = told.events[0]
    assert isinstance(created, ThreadCreated)
    assert created.origin is not None
    assert created.origin.program_version == "2.1.0"


def test_a_renamed_file_is_the_session_of_its_first_assistant_record(importing: Importing) -> None:
    old = "99999999-2222-4333-8444-555555555555"
    told = importing.tell([user("plan", sessionId=old), assistant("m1", say("ok"))], "full.jsonl")
    assert story(told.events)[0] == f"1: thread claude-code {SESSION}"
    assert told.story[0] == "1: 'plan' admitted to queue"


def test_a_renamed_file_without_the_model_is_held_back(importing: Importing) -> None:
    told = importing.tell([user("one"), user("two")], "full.jsonl")
    assert told.events == []
    assert told.held == {"waits for the record that says which session this is": 2}


def test_a_subagents_own_log_is_a_thread_of_its_own(importing: Importing) -> None:
    records = [user("look"), assistant("m1", say("found"), stop="end_turn")]
    marked: list[Json] = [{**record, "isSidechain": True, "agentId": "a1"} for record in records]
    told = importing.tell(marked, "agent-a1.jsonl")
    first, *_ = story(told.events)
    assert first == f"1: thread claude-code {SESSION}/agent-a1, from {SESSION}"
    assert told.story[1:] == [
        "1: turn 1 starts with 'look'",
        "2: agent_message 'found'",
        "2: agent_message completed 'found'",
    ]


def test_the_thread_begins_with_the_first_time(importing: Importing) -> None:
    snapshot: Json = {"type": "file-history-snapshot", "messageId": "x", "untimed": True}
    told = importing.tell([snapshot, user("hi")])
    assert (told.events[0].at - START).total_seconds() == 1
    assert told.story[0] == "2: 'hi' admitted to queue"


# ── Turns ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_typed_prompt_begins_a_turn_and_ends_the_one_before(importing: Importing) -> None:
    told = importing.tell([user("one"), assistant("m1", say("1")), user("two")])
    assert told.story == [
        "1: 'one' admitted to queue",
        "1: turn 1 starts with 'one'",
        "2: agent_message '1'",
        "2: agent_message completed '1'",
        f"3?: turn 1 completed [{NEXT_PROMPT}]",
        "3: 'two' admitted to queue",
        "3: turn 2 starts with 'two'",
    ]
    assert told.report.open_turn is not None


def test_turn_duration_ends_a_turn(importing: Importing) -> None:
    told = importing.tell([user("one"), assistant("m1", say("1")), duration(), duration()])
    assert turns(told.story)[-1] == "3: turn 1 completed"
    assert told.skipped == {"says that a turn is over that has ended already": 1}


def test_a_stop_hook_after_the_last_words_ends_a_turn(importing: Importing) -> None:
    told = importing.tell([user("one"), assistant("m1", say("1")), hook(), duration()])
    assert turns(told.story)[-1] == f"3?: turn 1 completed [{HOOK}]"
    assert told.report.open_turn is None


@pytest.mark.parametrize(
    "records",
    [
        [hook()],
        [assistant("m1", use("c1", "Bash", command="ls")), hook()],
        [assistant("m1", say("1")), system("stop_hook_summary", preventedContinuation=True)],
        [assistant("m1", say("1")), system("stop_hook_summary", hookErrors=["blocked"])],
    ],
)
def test_a_stop_hook_that_ends_no_turn(importing: Importing, records: list[Json]) -> None:
    told = importing.tell([user("one"), *records])
    assert told.report.open_turn is not None
    assert told.skipped == {"stop_hook_summary: ends no turn": 1}


def test_a_stop_hook_ends_only_a_turn_the_model_has_answered(importing: Importing) -> None:
    told = importing.tell([user("one"), assistant("m1", say("1")), user("two"), hook()])
    assert told.report.open_turn is not None
    assert told.skipped == {"stop_hook_summary: ends no turn": 1}


def test_words_after_the_last_words(importing: Importing) -> None:
    last = assistant("m1", say("bye"), stop="end_turn")
    told = importing.tell([user("one"), last, assistant("m2", say("or not")), user("two")])
    assert turns(told.story)[1] == f"4?: turn 1 completed [{NEXT_PROMPT}]"


def test_last_words_end_a_turn_once_the_next_begins(importing: Importing) -> None:
    last = assistant("m1", say("bye"), stop="end_turn")
    told = importing.tell([user("one"), last])
    assert told.report.open_turn is not None
    told = importing.tell([user("one"), last, user("two")])
    assert turns(told.story)[1] == f"3?: turn 1 completed [{LAST_WORDS}]"


def test_a_turn_cut_off_by_the_next_prompt_is_interrupted(importing: Importing) -> None:
    told = importing.tell([user("one"), assistant("m1", use("c1", "Bash", command="x")), user("2")])
    assert told.story[3:5] == [
        f"3?: command_execution interrupted ({NO_END}) None [{NO_END}]",
        f"3?: turn 1 interrupted: {NO_END} [{NO_END}]",
    ]
    assert told.contradictions == {NO_END: 1}


def test_a_log_that_begins_within_a_turn(importing: Importing) -> None:
    told = importing.tell([assistant("m1", say("as I said")), duration()])
    assert turns(told.story) == [
        f"1?: turn 1 starts with no prompt [{NO_BEGINNING}]",
        "2: turn 1 completed",
    ]


def test_an_interrupt_ends_the_turn(importing: Importing) -> None:
    told = importing.tell([user("one"), user([say(INTERRUPT)]), user("two")])
    assert turns(told.story) == [
        "1: turn 1 starts with 'one'",
        "2: turn 1 must stop",
        "2: turn 1 interrupted",
        "3: turn 2 starts with 'two'",
    ]


def test_a_prompt_about_an_interrupt_is_none(importing: Importing) -> None:
    text = f"{INTERRUPT} is what it says [here]"
    assert importing.tell([user(text)]).story[0] == f"1: {text!r} admitted to queue"


def test_an_interrupt_of_no_turn_is_told_in_the_report(importing: Importing) -> None:
    told = importing.tell([user(INTERRUPT)])
    assert told.story == []
    assert told.contradictions == {"an interrupt of no turn": 1}


def test_an_interrupt_for_tool_use_follows_a_declined_call(importing: Importing) -> None:
    no = "The user doesn't want to proceed with this tool use. STOP"
    told = importing.tell(
        [
            user("one"),
            assistant("m1", use("c1", "Edit", file_path="a.txt")),
            result("c1", no, error=True),
            user([say("[Request interrupted by user for tool use]")]),
        ]
    )
    assert told.story[2:] == [
        "2: file_change 'Edit a.txt'",
        f"3: file_change interrupted (declined by the user) {no!r}",
        "4: turn 1 must stop",
        "4: turn 1 interrupted",
    ]


def test_words_with_a_declined_call_are_a_steer(importing: Importing) -> None:
    call = assistant("m1", use("c1", "Bash", command="rm"))
    told = importing.tell([user("one"), call, result("c1", DECLINE + "why?", error=True)])
    assert told.story[3:] == [
        f"3: command_execution interrupted (declined by the user) {DECLINE + 'why?'!r}",
        "3: 'why?' admitted to steer",
        "3: turn 1 takes in 'why?'",
    ]


def test_an_api_error_in_the_models_place_fails_the_turn(importing: Importing) -> None:
    error = claude(
        "assistant",
        isApiErrorMessage=True,
        message={"id": "x", "model": "<synthetic>", "content": [say("API Error: 529")]},
    )
    told = importing.tell([user("one"), error])
    assert told.story[2:] == [
        "2: error 'API Error: 529'",
        "2: error completed 'API Error: 529'",
        "2: turn 1 failed: API Error: 529",
    ]


def test_other_words_in_the_models_place_are_a_status(importing: Importing) -> None:
    words = claude("assistant", message={"model": "<synthetic>", "content": [say("No response")]})
    told = importing.tell([words, user("one"), words])
    assert told.skipped == {"outside a turn: synthetic message": 1}
    assert told.story[2] == "3: status 'synthetic message'"


def test_usage_counts_each_message_once_as_last_written(importing: Importing) -> None:
    told = importing.tell(
        [
            user("one"),
            assistant("m1", think("hm"), input_tokens=10, output_tokens=1),
            assistant(
                "m1",
                say("a"),
                input_tokens=10,
                cache_read_input_tokens=100,
                cache_creation_input_tokens=5,
                output_tokens=7,
            ),
            assistant("m2", say("b"), input_tokens=1, output_tokens=2),
            duration(),
            user("two"),
            assistant("m2", say("late"), input_tokens=1, output_tokens=2),
            assistant("m3", say("c"), input_tokens=3, output_tokens=4),
            duration(),
        ]
    )
    usages = [e.usage for e in told.events if isinstance(e, TurnCompleted)]
    assert usages == [
        Usage(input_tokens=116, cached_input_tokens=100, output_tokens=9),
        Usage(input_tokens=3, output_tokens=4),
    ]
