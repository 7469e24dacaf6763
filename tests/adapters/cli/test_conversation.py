"""One command of the table after the other: what it says, and what it returns to a program."""

from __future__ import annotations

import json

import pytest

from adapters.cli.words import short_thread
from tests.adapters.cli.harness import Cli, LogState, new_thread

OUTCOME_KEYS = {
    "thread_id",
    "command_id",
    "seq",
    "position",
    "admission",
    "started_turn_id",
    "ended_turn_id",
    "ended_status",
    "item_ids",
    "delivered",
    "held",
    "released",
    "withdrawn",
    "approval_id",
    "cancelled_approvals",
    "repeated",
}


@pytest.fixture
def busy(cli: Cli) -> str:
    """A thread with a turn that nobody works on."""
    return new_thread(cli, "Write the tests")


def queue(cli: Cli, thread_id: str, text: str) -> str:
    """A prompt that waits; its id."""
    options = ("--delivery", "queue", "--no-run")
    return str(cli.document("submit", thread_id, text, *options)["outcome"]["command_id"])


def test_an_outcome_always_has_the_same_keys(cli: Cli) -> None:
    document = cli.document("submit", "--new", "Hello", "--no-run")
    assert document.keys() == {"outcome", "turns"}
    assert document["outcome"].keys() == OUTCOME_KEYS
    admission = document["outcome"]["admission"]
    assert admission.keys() == {
        "input_id",
        "admitted_seq",
        "held",
        "replaced",
        "state",
        "turn_id",
        "promoted_seq",
    }


def test_a_new_thread_and_its_prompt_are_one_append(cli: Cli, log_state: LogState) -> None:
    ran = cli("submit", "--new", "Hello", "--no-run").ok()
    assert "is there" in ran.out
    assert "runs now" in ran.out
    assert log_state()[0] == 6


def test_a_new_thread_is_named_after_its_prompt_unless_a_title_is_given(cli: Cli) -> None:
    new_thread(cli, "Fix the\nbuild")
    new_thread(cli, "Fix it", "--title", "The build")
    titles = [row["title"] for row in cli.document("threads")["threads"]]
    assert titles == ["The build", "Fix the build"]


def test_a_prompt_to_a_busy_thread_has_to_say_how_it_enters(cli: Cli, busy: str) -> None:
    ran = cli("submit", busy, "More", "--json")
    assert ran.code == 1
    assert ran.out == ""
    assert ran.error["code"] == "thread_busy"
    assert ran.error["details"]["thread_id"] == busy
    assert "--delivery queue" in cli("submit", busy, "More").err


def test_a_queued_prompt_waits(cli: Cli, busy: str) -> None:
    ran = cli("submit", busy, "More", "--delivery", "queue", "--no-run").ok()
    assert "waits in the inbox" in ran.out


def test_an_interrupting_prompt_says_what_becomes_of_the_others(cli: Cli, busy: str) -> None:
    waiting = queue(cli, busy, "Later")
    options = ("--delivery", "interrupt", "--queued", "discard", "--no-run")
    ran = cli("submit", busy, "Now", *options).ok()
    assert waiting in ran.out
    assert "    Later" in ran.out


def test_a_steer_waits_for_the_running_turn(cli: Cli, busy: str) -> None:
    outcome = cli.document("steer", busy, "Use pytest", "--no-run")["outcome"]
    assert outcome["admission"]["state"] == "pending"
    [prompt] = cli.document("show", busy)["inbox"]
    assert prompt == outcome["command_id"]


def test_a_steer_into_another_turn_is_refused(cli: Cli, busy: str) -> None:
    ran = cli("steer", busy, "Use pytest", "--turn", "turn_f", "--no-run", "--json")
    assert ran.code == 1
    assert ran.error["code"] == "turn_not_active"


def test_an_interrupt_holds_what_waits_and_says_the_way_out(cli: Cli, busy: str) -> None:
    queue(cli, busy, "Later")
    ran = cli("interrupt", busy, "--no-run").ok()
    assert "is asked to stop" in ran.out
    assert "1 prompt is on hold" in ran.out
    assert f"turnlog release {short_thread(busy)}`" in ran.out


def test_an_interrupt_that_discards_prints_the_texts(cli: Cli, busy: str) -> None:
    queue(cli, busy, "First line\nsecond line")
    ran = cli("interrupt", busy, "--queued", "discard", "--no-run").ok()
    assert "    First line\n    second line" in ran.out


def test_an_interrupt_of_a_turn_that_nobody_works_on_ends_it(cli: Cli, busy: str) -> None:
    document = cli.document("interrupt", busy)
    assert [turn["end"] for turn in document["turns"]] == ["interrupted"]


def test_an_interrupt_of_an_idle_thread_is_refused(cli: Cli) -> None:
    thread_id = cli.document("create")["outcome"]["thread_id"]
    ran = cli("interrupt", thread_id, "--json")
    assert (ran.code, ran.error["code"]) == (1, "no_active_turn")


def test_a_second_interrupt_is_answered(cli: Cli, busy: str) -> None:
    cli("interrupt", busy, "--no-run").ok()
    ran = cli("interrupt", busy, "--no-run").ok()
    assert "nothing to do" in ran.out


def test_held_prompts_are_released_all_or_some(cli: Cli, busy: str) -> None:
    first, second = queue(cli, busy, "One"), queue(cli, busy, "Two")
    cli("interrupt", busy).ok()
    released = cli.document("release", busy, second, "--no-run")["outcome"]
    assert released["released"] == [second]
    assert cli.document("show", busy)["inbox"] == [first]


def test_releasing_nothing_is_refused(cli: Cli, busy: str) -> None:
    ran = cli("release", busy, "--json")
    assert (ran.code, ran.error["code"]) == (1, "nothing_held")


def test_a_withdrawn_prompt_is_given_back(cli: Cli, busy: str) -> None:
    waiting = queue(cli, busy, "Later\x1b[31m")
    ran = cli("withdraw", busy, waiting[:30]).ok()
    assert waiting in ran.out
    assert "Later" in ran.out
    assert "\x1b" not in ran.out
    again = cli("withdraw", busy, waiting, "--json")
    assert (again.code, again.error["code"]) == (1, "prompt_not_waiting")


def test_compaction_rollback_and_edit(cli: Cli) -> None:
    thread_id = str(cli.document("submit", "--new", "Helo")["outcome"]["thread_id"])
    compacted = cli.document("compact", thread_id, "--reason", "long")
    assert [turn["end"] for turn in compacted["turns"]] == ["completed"]
    edited = cli.document("edit-last", thread_id, "Hello")
    assert [turn["end"] for turn in edited["turns"]] == ["completed"]
    assert "1 turn left the context" in cli("rollback", thread_id).ok().out
    in_context = [turn["in_context"] for turn in cli.document("show", thread_id)["turns"]]
    assert in_context == [False, False, False]


def test_a_rollback_beyond_the_beginning_is_refused(cli: Cli) -> None:
    thread_id = str(cli.document("submit", "--new", "Hello")["outcome"]["thread_id"])
    ran = cli("rollback", thread_id, "-n", "5", "--json")
    assert (ran.code, ran.error["code"]) == (1, "rollback_too_deep")


def test_threads_are_made_changed_archived_and_brought_back(cli: Cli) -> None:
    created = cli.document("create", "--title", "One", "--on-interrupt", "continue")
    thread_id = created["outcome"]["thread_id"]
    cli("update", thread_id, "--title", "Two", "--model", "large", "--not-steerable").ok()
    row = cli.document("show", thread_id)["thread"]
    assert row["title"] == "Two"
    assert row["settings"]["options"]["model"] == "large"
    assert row["settings"]["queue_on_interrupt"] == "continue"
    assert row["settings"]["steerable"] is False

    cli("archive", thread_id).ok()
    assert cli.document("threads")["threads"] == []
    refused = cli("submit", thread_id, "Hello", "--json")
    assert (refused.code, refused.error["code"]) == (1, "thread_is_archived")
    cli("unarchive", thread_id).ok()
    assert [row["thread_id"] for row in cli.document("threads")["threads"]] == [thread_id]


def test_an_update_that_changes_nothing_appends_nothing(cli: Cli, log_state: LogState) -> None:
    thread_id = cli.document("create", "--title", "One")["outcome"]["thread_id"]
    before = log_state()
    assert "nothing to do" in cli("update", thread_id, "--title", "One").ok().out
    assert log_state() == before


def test_options_of_a_prompt_are_resolved_and_recorded(cli: Cli) -> None:
    options = ("--route", "Review", "--temperature", "0.5", "--max-tokens", "99", "--no-shell")
    routing = json.dumps({"review": "large-model"})
    thread_id = new_thread(Cli({**cli.env, "TURNLOG_ROUTING": routing}), "Look", *options)
    [turn] = cli.document("show", thread_id)["turns"]
    assert turn["model"] == "large-model"
    assert turn["options"]["temperature"] == 0.5
    assert turn["options"]["max_tokens"] == 99
    assert turn["options"]["allow_shell"] is False


class TestRetries:
    """The same id with the same body is answered, with another body refused (L10)."""

    def test_of_a_prompt(self, cli: Cli, log_state: LogState) -> None:
        thread_id = str(cli.document("create")["outcome"]["thread_id"])
        args = ("submit", thread_id, "Hello", "--input-id", "inp_1", "--no-run")
        first = cli.document(*args)["outcome"]
        before = log_state()
        again = cli(*args).ok()
        assert "done before" in again.out
        assert cli.document(*args)["outcome"] == {**first, "repeated": True}
        assert log_state() == before

    def test_of_a_prompt_with_another_body(self, cli: Cli, log_state: LogState) -> None:
        thread_id = new_thread(cli, "Hello", "--input-id", "inp_1")
        before = log_state()
        ran = cli("submit", thread_id, "Goodbye", "--input-id", "inp_1", "--json")
        assert (ran.code, ran.error["code"]) == (1, "command_conflict")
        assert "inp_1" in ran.error["message"]
        assert log_state() == before

    def test_of_a_new_thread(self, cli: Cli, log_state: LogState) -> None:
        first = new_thread(cli, "Hello", "--input-id", "inp_1")
        before = log_state()
        assert new_thread(cli, "Hello", "--input-id", "inp_1") == first
        assert log_state() == before

    def test_of_an_interrupt_that_named_no_turn(self, cli: Cli, busy: str) -> None:
        args = ("interrupt", busy, "--command-id", "cmd_1")
        turn_id = cli.document(*args)["turns"][0]["turn_id"]
        again = cli.document(*args)
        assert again["outcome"]["repeated"] is True
        assert turn_id.startswith("turn_")

    def test_of_a_steer_that_named_no_turn(self, cli: Cli, busy: str) -> None:
        args = ("steer", busy, "Use pytest", "--input-id", "inp_1")
        cli.document(*args)
        assert cli.document(*args)["outcome"]["repeated"] is True

    def test_of_a_withdrawal(self, cli: Cli, busy: str) -> None:
        waiting = queue(cli, busy, "Later")
        args = ("withdraw", busy, waiting, "--command-id", "cmd_1")
        cli(*args).ok()
        assert "Later" in cli(*args).ok().out
