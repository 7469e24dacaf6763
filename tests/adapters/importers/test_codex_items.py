"""Codex rollouts: what happens within a turn, by small logs."""

from __future__ import annotations

import json

import pytest

from domain.events.base import Json, Usage
from domain.events.item import ItemCompleted, ItemStarted
from domain.events.turn import TurnCompleted
from tests.adapters.importers.logs import (
    Importing,
    answer,
    call,
    done,
    event,
    item,
    meta,
    output,
    spoken,
    task,
    totals,
    typed,
)


@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("exec_command", {"cmd": "ls -l"}, "command_execution 'ls -l'"),
        ("shell", {"command": ["bash", "-lc", "ls -l"]}, "command_execution 'ls -l'"),
        ("shell", {"command": ["ls", "-l"]}, "command_execution 'ls -l'"),
        ("shell_command", {"command": "ls -l"}, "command_execution 'ls -l'"),
        ("write_stdin", {"session_id": 1}, "command_execution 'write_stdin {\"session_id\": 1}'"),
        ("shell", {"command": ["apply_patch", "***"]}, "file_change 'apply_patch ***'"),
        ("apply_patch", {"patch": "***"}, 'file_change \'apply_patch {"patch": "***"}\''),
        ("update_plan", {"plan": []}, "tool_call 'update_plan {\"plan\": []}'"),
        ("view_image", {}, "tool_call 'view_image'"),
    ],
)
def test_what_kind_a_call_is(importing: Importing, name: str, arguments: Json, line: str) -> None:
    told = importing.tell([meta(), task(), *typed("x"), call(name, "c1", arguments)])
    assert told.story[-1] == f"5: {line}"


WRAPPED = json.dumps({"output": "text", "metadata": {"exit_code": 3, "duration_seconds": 0.1}})


@pytest.mark.parametrize(
    ("value", "end", "text"),
    [
        (WRAPPED, "failed (exit code 3)", "text"),
        ("Exit code: 0\nWall time: 1 s\nOutput:\nExit code: 7", "completed", None),
        ("Exit code: 2\nWall time: 1 s\nOutput:\n", "failed (exit code 2)", None),
        ("Chunk ID: 1\nProcess exited with code 1\nOutput:\nx", "failed (exit code 1)", None),
        ("Wall time: 1 s\nOutput:\nExit code: 7\n", "completed", None),
        ("Chunk ID: 1\nProcess running with session ID 7\nOutput:\nx", "completed", None),
        ("plain", "completed", "plain"),
        ([{"type": "input_text", "text": "a"}, {"type": "input_image"}], "completed", "a\n[image]"),
        ({"content": "no", "success": False}, "failed (it did not succeed)", "no"),
        ("apply_patch verification failed: x", "failed (it did not succeed)", None),
        ('{"output": 1}', "completed", '{"output": 1}'),
        ("Wall time: 1.0 seconds\naborted by user", "interrupted (aborted by user)", None),
        (None, "completed", ""),
    ],
)
def test_the_dresses_of_outputs(
    importing: Importing, value: str | list[Json] | Json | None, end: str, text: str | None
) -> None:
    asked = call("exec_command", "c1", {"cmd": "x"})
    told = importing.tell([meta(), task(), *typed("x"), asked, output("c1", value)])  # type: ignore[arg-type]
    shown = value if text is None else text
    assert told.story[-1] == f"6: command_execution {end} {shown!r}"


def test_outputs_of_parallel_calls_come_in_any_order(importing: Importing) -> None:
    told = importing.tell(
        [
            meta(),
            task(),
            *typed("x"),
            call("exec_command", "c1", {"cmd": "one"}),
            call("exec_command", "c2", {"cmd": "two"}),
            output("c2", "2"),
            output("c1", "1"),
        ]
    )
    starts = {e.item_id: e.summary for e in told.events if isinstance(e, ItemStarted)}
    ends = [(starts[e.item_id], e.text) for e in told.events if isinstance(e, ItemCompleted)]
    assert ends[1:] == [("two", "2"), ("one", "1")]


def test_a_reported_end_is_told_with_the_output(importing: Importing) -> None:
    told = importing.tell(
        [
            meta(),
            task(),
            *typed("x"),
            item("custom_tool_call", name="apply_patch", call_id="c1", input="*** Begin Patch"),
            event("patch_apply_end", call_id="c1", success=False, changes={"a.txt": {}}),
            item("custom_tool_call_output", call_id="c1", output="no"),
        ]
    )
    assert told.story[2:] == [
        "5: file_change 'apply_patch *** Begin Patch'",
        "7: file_change failed (it did not succeed) 'no'",
    ]
    assert told.events[-1].model_dump()["result"] == {"changes": {"a.txt": {}}, "success": False}
    assert told.skipped["patch_apply_end: told with the call's output"] == 1


def test_an_end_reported_without_its_call_is_a_call(importing: Importing) -> None:
    end = event("exec_command_end", call_id="c1", command=["ls"], exit_code=1, stdout="out")
    told = importing.tell([meta(), task(), *typed("x"), end, end])
    assert told.story[2:] == [
        "5: command_execution 'ls'",
        "5: command_execution failed (exit code 1) 'out'",
    ]
    assert told.skipped["exec_command_end: written twice"] == 1


def test_an_output_without_its_call_is_kept(importing: Importing) -> None:
    told = importing.tell([meta(), task(), *typed("x"), output("c9", "text")])
    why = "an output without its call"
    assert told.story[2:] == [f"5: status {why!r} [{why}]", f"5: status completed 'text' [{why}]"]
    assert told.contradictions == {why: 1}


def test_an_output_after_the_end_of_its_turn(importing: Importing) -> None:
    asked = call("exec_command", "c1", {"cmd": "x"})
    late = [output("c1", "late")]
    told = importing.tell([meta(), task(), *typed("x"), asked, done(), *late])
    why = "an output after the end of its turn"
    assert told.skipped[why] == 1
    told = importing.tell([meta(), task(), *typed("x"), asked, done(), *late, *typed("y"), *late])
    assert told.story[-1] == f"10: status completed 'late' [{why}]"


def test_an_output_in_the_turn_after(importing: Importing) -> None:
    asked = call("exec_command", "c1", {"cmd": "x"})
    told = importing.tell(
        [meta(), task(), *typed("x"), asked, done(), *typed("y"), output("c1", "")]
    )
    assert told.contradictions == {"an output after the end of its turn": 1}


def test_calls_whose_output_is_never_written(importing: Importing) -> None:
    search: Json = {"type": "search", "query": "weather"}
    told = importing.tell(
        [
            meta(),
            task(),
            *typed("x"),
            event("web_search_end", call_id="w1", query="weather", action=search),
            item("web_search_call", id="w1", action=search),
            item("image_generation_call", id="g1", result="…"),
            event("image_generation_end", call_id="g1"),
            item("tool_search_call", call_id="s1", arguments={"query": "q"}),
            item("tool_search_output", call_id="s1", tools=[{"type": "function"}]),
        ]
    )
    assert told.story[2:] == [
        "5: tool_call 'web_search weather'",
        "5: tool_call completed None",
        "7: tool_call 'image_generation'",
        "7: tool_call completed None",
        '9: tool_call \'tool_search {"query": "q"}\'',
        "10: tool_call completed '[function]'",
    ]


@pytest.mark.parametrize("event_first", [True, False])
def test_reasoning_is_told_once(importing: Importing, event_first: bool) -> None:
    summary = item("reasoning", summary=[{"type": "summary_text", "text": "hm"}])
    pair = [event("agent_reasoning", text="hm"), summary]
    records = pair if event_first else pair[::-1]
    hidden = item("reasoning", summary=[], encrypted_content="…")
    told = importing.tell([meta(), task(), *typed("x"), *records, hidden])
    assert told.story[2:] == [
        "5: reasoning 'hm'",
        "5: reasoning completed 'hm'",
        "7: reasoning '(not readable)'",
        "7: reasoning completed ''",
    ]


def test_the_phase_of_a_message_is_kept(importing: Importing) -> None:
    told = importing.tell([meta(), task(), *typed("x"), *answer("y", phase="commentary")])
    (started,) = [e for e in told.events if isinstance(e, ItemStarted)][1:]
    assert started.detail == {"phase": "commentary"}


def test_the_same_words_in_two_turns_are_said_twice(importing: Importing) -> None:
    one = [task("t1"), *typed("x"), *answer("ok"), done("t1")]
    two = [task("t2"), *typed("x"), *answer("ok"), done("t2")]
    told = importing.tell([meta(), *one, *two])
    assert len([line for line in told.story if "agent_message 'ok'" in line]) == 2


@pytest.mark.parametrize("begin", [[], [task("t2")]])
def test_what_one_side_left_out_is_no_twin_of_the_next_turn(
    importing: Importing, begin: list[Json]
) -> None:
    one = [*begin, *typed("x"), event("agent_message", message="ok"), event("turn_aborted")]
    two = [*begin, *typed("y"), spoken("assistant", "ok")]
    told = importing.tell([meta(), *one, *two])
    assert len([line for line in told.story if "agent_message 'ok'" in line]) == 2


@pytest.mark.parametrize("compacted_first", [True, False])
def test_a_compaction_is_one_item(importing: Importing, compacted_first: bool) -> None:
    compacted: Json = {
        "type": "compacted",
        "payload": {"message": "", "replacement_history": [{}, {}]},
    }
    pair = [compacted, event("context_compacted")]
    records = pair if compacted_first else pair[::-1]
    told = importing.tell([meta(), task(), *typed("x"), *records, done()])
    assert told.story[2:-1] == [
        "5: context_compaction 'Context compaction'",
        "5: context_compaction completed None",
    ]


def test_a_compaction_by_hand_is_a_turn_of_its_own(importing: Importing) -> None:
    compacted: Json = {"type": "compacted", "payload": {"message": "so far"}}
    told = importing.tell([meta(), compacted, event("context_compacted")])
    assert told.story == [
        "2: turn 1 starts a compaction with no prompt",
        "2: context_compaction 'Context compaction'",
        "2: context_compaction completed 'so far'",
        "2?: turn 1 completed [the log has only the compaction's result]",
    ]


def test_a_compaction_task_ends_with_the_task(importing: Importing) -> None:
    compacted: Json = {"type": "compacted", "payload": {"message": "so far"}}
    told = importing.tell([meta(), task(), compacted, done()])
    assert told.story == [
        "2: turn 1 starts a compaction with no prompt",
        "3: context_compaction 'Context compaction'",
        "3: context_compaction completed 'so far'",
        "4: turn 1 completed",
    ]


def test_usage_is_the_last_total_minus_the_last_before(importing: Importing) -> None:
    told = importing.tell(
        [
            meta(),
            task("t1"),
            *typed("x"),
            totals(100, 10, 50, 5),
            totals(100, 10, 50, 5),
            done("t1"),
            task("t2"),
            *typed("y"),
            event("token_count", info=None),
            totals(300, 25, 150, 6),
            done("t2"),
            task("t3"),
            *typed("z"),
            done("t3"),
            task("t4"),
            *typed("z"),
            totals(7, 1),
            done("t4"),
        ]
    )
    usages = [e.usage for e in told.events if isinstance(e, TurnCompleted)]
    assert usages == [
        Usage(input_tokens=100, cached_input_tokens=50, output_tokens=10, reasoning_tokens=5),
        Usage(input_tokens=200, cached_input_tokens=100, output_tokens=15, reasoning_tokens=1),
        None,
        Usage(input_tokens=7, output_tokens=1),
    ]


def test_a_thread_name_is_the_title(importing: Importing) -> None:
    named = event("thread_name_updated", thread_name="A title")
    told = importing.tell([meta(), named, named])
    assert told.story == ["2: title 'A title'"]
    assert told.skipped == {"a title that is not new": 1}


def test_unknown_types_are_kept_within_a_turn_and_counted_outside(importing: Importing) -> None:
    newest: Json = {"type": "newest", "payload": {}}
    unknown = [event("brand_new", x=1), item("newer", y=2), newest]
    told = importing.tell([meta(), *unknown, task(), *typed("x"), *unknown])
    assert [line for line in told.story if "status '" in line] == [
        "8: status 'brand_new'",
        "9: status 'newer'",
        "10: status 'newest'",
    ]
    assert told.skipped["outside a turn: brand_new"] == 1
    (first, *_) = [e for e in told.events if isinstance(e, ItemStarted) and e.kind == "status"]
    record = {"type": "brand_new", "x": 1}
    assert first.detail == {"type": "event_msg/brand_new", "record": record}


def test_items_completed_repeat_what_was_written(importing: Importing) -> None:
    def completed(kind: str, **more: str | list[Json]) -> Json:
        return event("item_completed", item={"type": kind, **more})  # type: ignore[dict-item]

    told = importing.tell(
        [
            meta(),
            task(),
            *typed("x"),
            completed("UserMessage", id="u", content=[{"type": "text", "text": "x"}]),
            completed("AgentMessage", id="a", content=[{"type": "Text", "text": "y"}]),
            *answer("y"),
            call("exec_command", "c1", {"cmd": "ls"}),
            completed("CommandExecution", id="c1"),
            completed("Plan", id="p", text="1. think"),
        ]
    )
    assert [line.split(": ", 1)[1] for line in told.story[2:]] == [
        "agent_message 'y'",
        "agent_message completed 'y'",
        "command_execution 'ls'",
        "status 'item_completed/Plan'",
        "status completed None",
    ]
