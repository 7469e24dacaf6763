"""Claude Code logs: what happens within a turn, by small logs."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.events.item import ItemStarted
from tests.adapters.importers.logs import (
    INTERRUPT,
    Importing,
    assistant,
    claude,
    duration,
    result,
    say,
    system,
    think,
    use,
    user,
)


def test_each_block_of_a_message_is_an_item(importing: Importing) -> None:
    blocks = [think("hm"), say("so"), use("c1", "Read", file_path="a.txt")]
    told = importing.tell([user("x"), *(assistant("m1", block) for block in blocks)])
    assert told.story[2:] == [
        "2: reasoning 'hm'",
        "2: reasoning completed 'hm'",
        "3: agent_message 'so'",
        "3: agent_message completed 'so'",
        "4: tool_call 'Read a.txt'",
    ]
    details = [e.detail for e in told.events if isinstance(e, ItemStarted)]
    assert details[1] == {"message": "m1"}
    assert details[3] == {"message": "m1", "name": "Read", "input": {"file_path": "a.txt"}}


@pytest.mark.parametrize(
    ("tool", "asked", "line"),
    [
        ("Bash", {"command": "ls"}, "command_execution 'ls'"),
        ("PowerShell", {"command": "dir"}, "command_execution 'dir'"),
        ("Edit", {"file_path": "a"}, "file_change 'Edit a'"),
        ("Write", {"file_path": "a"}, "file_change 'Write a'"),
        ("MultiEdit", {"file_path": "a"}, "file_change 'MultiEdit a'"),
        ("NotebookEdit", {"notebook_path": "a"}, "file_change 'NotebookEdit a'"),
        ("Grep", {"pattern": "x"}, "tool_call 'Grep x'"),
        ("TodoWrite", {"todos": []}, "tool_call 'TodoWrite'"),
    ],
)
def test_what_kind_a_tool_is(
    importing: Importing, tool: str, asked: dict[str, JsonValue], line: str
) -> None:
    told = importing.tell([user("x"), assistant("m1", use("c1", tool, **asked))])
    assert told.story[-1] == f"2: {line}"


@pytest.mark.parametrize(
    ("content", "error", "end"),
    [
        ("text", False, "completed 'text'"),
        ([say("a"), {"type": "image"}], False, "completed 'a\\n[image]'"),
        (None, False, "completed ''"),
        ("bad", True, "failed (the tool reported an error) 'bad'"),
        (INTERRUPT, True, f"interrupted (interrupted by the user) {INTERRUPT!r}"),
    ],
)
def test_how_a_call_ends(importing: Importing, content: JsonValue, error: bool, end: str) -> None:
    call = assistant("m1", use("c1", "Bash", command="x"))
    told = importing.tell([user("x"), call, result("c1", content, error=error)])
    assert told.story[-1] == f"3: command_execution {end}"


def test_results_without_their_call_and_after_their_turn(importing: Importing) -> None:
    call = assistant("m1", use("c1", "Bash", command="x"))
    told = importing.tell([result("c0", "early"), user("x"), result("c0", "lost")])
    assert told.skipped == {"a result without its call": 1}
    assert told.story[-1] == "3: status completed 'lost' [a result without its call]"
    late = [user("x"), call, duration(), result("c1", "late")]
    told = Importing(importing.folder).tell(late)
    assert told.skipped == {"a result after the end of its turn": 1}


def test_a_subagent_in_the_same_file_is_told_as_status(importing: Importing) -> None:
    inner = [
        user("look into it"),
        assistant("s1", say("looking"), use("c2", "Bash", command="ls"), output_tokens=5),
        result("c2", "none", error=True),
    ]
    told = importing.tell(
        [
            user("x"),
            assistant("m1", use("c1", "Task", description="look")),
            *({**record, "isSidechain": True} for record in inner),
            result("c1", "nothing there"),
            duration(),
        ]
    )
    assert told.story[2:] == [
        "2: tool_call 'Task look'",
        '3: status "a subagent\'s prompt"',
        "3: status completed 'look into it'",
        "4: status 'looking'",
        "4: status completed 'looking'",
        "4: status 'Bash ls'",
        "5: status failed (the tool reported an error) 'none'",
        "6: tool_call completed 'nothing there'",
        "7: turn 1 completed",
    ]
    assert told.events[-1].model_dump()["usage"]["output_tokens"] == 5


def test_the_same_record_again_is_skipped(importing: Importing) -> None:
    record = {**assistant("m1", say("a")), "uuid": "u1"}
    told = importing.tell([user("x"), record, {**record, "cwd": "/elsewhere"}])
    assert told.skipped == {"the same uuid with the same content again": 1}
    other = {**assistant("m1", say("b")), "uuid": "u1"}
    told = Importing(importing.folder).tell([user("x"), record, other])
    assert told.skipped == {}
    assert told.contradictions == {"the same uuid with another content": 1}


def test_unknown_records_and_blocks_are_kept_within_a_turn(importing: Importing) -> None:
    unknown = claude("brand-new", x=1)
    told = importing.tell(
        [unknown, user("x"), unknown, system("newer"), assistant("m1", {"type": "odd"})]
    )
    assert told.skipped == {"outside a turn: unknown record (brand-new)": 1}
    assert [line for line in told.story if "status '" in line] == [
        "3: status 'unknown record (brand-new)'",
        "4: status 'system (newer)'",
        "5: status 'odd'",
    ]


def test_retries_and_small_compactions_are_status(importing: Importing) -> None:
    retry = system("api_error", retryAttempt=1, maxRetries=10)
    told = importing.tell([user("x"), retry, system("microcompact_boundary")])
    assert [line for line in told.story if "status '" in line] == [
        "2: status 'API error, retry 1 of 10'",
        "3: status 'microcompaction'",
    ]


def test_bookkeeping_is_counted(importing: Importing) -> None:
    told = importing.tell(
        [
            user("x"),
            claude("progress", data={"type": "hook_progress"}),
            claude("file-history-snapshot"),
            claude("last-prompt"),
            claude("mode"),
            claude("attachment", attachment={"type": "skill_listing"}),
        ]
    )
    assert told.skipped == {
        "progress (hook_progress)": 1,
        "file-history-snapshot: bookkeeping": 1,
        "last-prompt: bookkeeping": 1,
        "mode: bookkeeping": 1,
        "attachment (skill_listing)": 1,
    }
