"""Claude Code logs: commands, notes, titles and compactions, by small logs."""

from __future__ import annotations

import pytest

from domain.events.base import Json
from domain.events.prompt import PromptAdmitted
from tests.adapters.importers.logs import (
    INTERRUPT,
    Importing,
    assistant,
    claude,
    duration,
    say,
    system,
    time,
    use,
    user,
)

OUTPUT = "a local command ends with its output"


COMMAND = "<command-name>/ide</command-name>\n<command-message>ide</command-message>"


def test_a_local_command_is_a_turn_of_its_own(importing: Importing) -> None:
    out = user("<local-command-stdout>Connected.</local-command-stdout>")
    told = importing.tell([user("<local-command-caveat>…"), user(COMMAND), out, out])
    assert told.story == [
        "2: '/ide' admitted to queue from command",
        "2: turn 1 starts with '/ide'",
        "3: command_execution '/ide'",
        "3: command_execution completed 'Connected.'",
        f"3?: turn 1 completed [{OUTPUT}]",
    ]
    assert told.skipped == {
        "outside a turn: a note of the program": 1,
        "outside a turn: output of a local command": 1,
    }


def test_a_local_command_in_a_system_record(importing: Importing) -> None:
    out = "<local-command-stdout>Closed.</local-command-stdout>"
    told = importing.tell(
        [system("local_command", content=COMMAND), system("local_command", content=out)]
    )
    assert told.story[0] == "1: '/ide' admitted to queue from command"
    assert told.story[-1] == f"2?: turn 1 completed [{OUTPUT}]"


def test_a_command_the_model_answers_is_an_ordinary_turn(importing: Importing) -> None:
    command = "<command-message>pr</command-message>\n<command-name>/pr</command-name>\n"
    told = importing.tell(
        [
            user(f"{command}<command-args>now  please</command-args>"),
            user("what /pr means", isMeta=True),
            assistant("m1", say("Title: …")),
            duration(),
        ]
    )
    assert told.story == [
        "1: '/pr now  please' admitted to queue from command",
        "1: turn 1 starts with '/pr now  please'",
        "2: status 'a note to the model'",
        "2: status completed 'what /pr means'",
        "3: agent_message 'Title: …'",
        "3: agent_message completed 'Title: …'",
        "4: turn 1 completed",
    ]


def test_an_output_after_the_models_answer_is_not_the_commands(importing: Importing) -> None:
    out = user("<local-command-stdout>x</local-command-stdout>")
    told = importing.tell([user(COMMAND), assistant("m1", say("yes")), out])
    assert told.story[-2] == "3: status 'output of a local command'"
    assert told.report.open_turn is not None


def test_a_command_beside_a_working_model_ends_nothing(importing: Importing) -> None:
    call = assistant("m1", use("c1", "Bash", command="x"))
    told = importing.tell([user("x"), call, user(COMMAND)])
    assert told.story[-2:] == [
        "3: status 'local command /ide'",
        "3: status completed '/ide'",
    ]


def test_a_shell_command_of_the_user(importing: Importing) -> None:
    told = importing.tell(
        [
            user("<bash-input>git branch</bash-input>"),
            user("<bash-stdout>* main</bash-stdout><bash-stderr>oh</bash-stderr>"),
        ]
    )
    assert told.story == [
        "1: 'git branch' admitted to queue from shell",
        "1: turn 1 starts with 'git branch'",
        "1: command_execution 'git branch'",
        "2: command_execution completed '* main\\noh'",
        f"2?: turn 1 completed [{OUTPUT}]",
    ]


def test_a_notification_begins_a_turn_that_no_person_began(importing: Importing) -> None:
    told = importing.tell(
        [user("<task-notification>done"), user("done, too", origin={"kind": "task-notification"})]
    )
    origins = [e.origin for e in told.events if isinstance(e, PromptAdmitted)]
    assert origins == ["notification", "notification"]


def test_what_stands_beside_a_tool_result(importing: Importing) -> None:
    block: Json = {"type": "tool_result", "tool_use_id": "c1", "content": "1"}
    call = assistant("m1", use("c1", "Bash", command="x"))
    told = importing.tell([user("x"), call, user([block, say("a reminder"), say(INTERRUPT)])])
    assert told.story[-4:] == [
        "3: status 'a text with a tool result'",
        "3: status completed 'a reminder'",
        "3: turn 1 must stop",
        "3: turn 1 interrupted",
    ]


def test_prompts_of_blocks_and_images(importing: Importing) -> None:
    told = importing.tell([user([say("see"), {"type": "image"}]), user([say(" ")])])
    assert told.story[0] == "1: 'see\\n[image]' admitted to queue"
    assert told.skipped == {"an empty prompt": 1}


def test_titles(importing: Importing) -> None:
    told = importing.tell(
        [
            {"type": "summary", "summary": "old", "leafUuid": "elsewhere", "untimed": True},
            user("x", uuid="u1"),
            {"type": "summary", "summary": "mine", "leafUuid": "u1", "untimed": True},
            claude("custom-title", customTitle="given"),
            claude("custom-title", customTitle="given"),
            claude("custom-title", customTitle=" "),
        ]
    )
    assert [line for line in told.story if "title" in line] == [
        "3: title 'mine'",
        "4: title 'given'",
    ]
    assert told.skipped == {
        "summary of another session": 1,
        "a title that is not new": 1,
        "an empty title": 1,
    }


# ── Compaction ────────────────────────────────────────────────────────────────────────────────────


def boundary(trigger: str) -> Json:
    return system("compact_boundary", compactMetadata={"trigger": trigger, "preTokens": 9})


SUMMARY = user("so far …", isCompactSummary=True)


def test_a_compaction_within_a_turn_is_an_item(importing: Importing) -> None:
    told = importing.tell([user("x"), assistant("m1", say("a")), boundary("auto"), SUMMARY])
    assert told.story[4:] == [
        "3: context_compaction 'Context compaction'",
        "4: context_compaction completed 'so far …'",
    ]


@pytest.mark.parametrize("before", [[], [user("x"), assistant("m1", say("a"))]])
def test_a_compaction_by_hand_is_a_turn(importing: Importing, before: list[Json]) -> None:
    told = importing.tell([*before, boundary("manual"), SUMMARY, user("go on")])
    first = len(before) + 1
    turn = 2 if before else 1
    assert told.story[-6:-2] == [
        f"{first}: turn {turn} starts a compaction with no prompt",
        f"{first}: context_compaction 'Context compaction'",
        f"{first + 1}: context_compaction completed 'so far …'",
        f"{first + 1}?: turn {turn} completed [a compaction ends with its summary]",
    ]


def test_a_summary_without_its_compaction(importing: Importing) -> None:
    told = importing.tell([SUMMARY, user("x"), SUMMARY])
    assert told.skipped == {"outside a turn: summary of a compaction": 1}
    assert told.story[-1] == "3: status completed 'so far …'"


def test_a_record_without_a_time_has_that_of_the_one_before(importing: Importing) -> None:
    title = claude("custom-title", customTitle="t", untimed=True)
    told = importing.tell([user("x"), assistant("m1", say("y")), title])
    assert [e.at for e in told.events[-2:]] == [told.events[-2].at] * 2
    assert told.events[-1].source is not None
    assert told.events[-1].source.time is None


def test_times_may_go_backwards(importing: Importing) -> None:
    told = importing.tell([user("x", timestamp=time(9)), assistant("m1", say("y"))])
    assert [e.at > told.events[-1].at for e in told.events[:2]] == [True, True]
    assert told.report.tally.mapped == 2
