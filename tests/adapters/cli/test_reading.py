"""Lists, one thread, and its history, for people and for programs."""

from __future__ import annotations

import json

import pytest
from rich.cells import cell_len

from adapters.cli.words import short_thread
from tests.adapters.cli.harness import Cli, new_thread

THREAD_KEYS = {
    "thread_id",
    "title",
    "settings",
    "origin",
    "forked_from",
    "archived",
    "active_turn_id",
    "latest_turn_id",
    "turn_count",
    "pending_count",
    "held_count",
    "created_at",
    "updated_at",
    "last_seq",
    "last_position",
}


@pytest.fixture
def told(cli: Cli) -> str:
    """A thread with a completed turn, a running one, and one held prompt."""
    thread_id = str(cli.document("submit", "--new", "Hello")["outcome"]["thread_id"])
    cli("submit", thread_id, "Write it", "--no-run").ok()
    cli("submit", thread_id, "Publish it", "--delivery", "queue", "--no-run").ok()
    cli("interrupt", thread_id, "--no-run").ok()
    return thread_id


class TestThreads:
    def test_an_empty_list_says_how_to_begin(self, cli: Cli) -> None:
        assert "turnlog submit --new" in cli("threads").ok().out
        assert cli.document("threads") == {"threads": [], "more": False}

    def test_the_last_changed_is_first(self, cli: Cli) -> None:
        first, second = new_thread(cli, "One"), new_thread(cli, "Two")
        cli("run", first).ok()
        listed = cli.document("threads")["threads"]
        assert [row["thread_id"] for row in listed] == [first, second]
        assert listed[0].keys() == THREAD_KEYS

    def test_a_limit_says_that_there_are_more(self, cli: Cli) -> None:
        for text in ("One", "Two", "Three"):
            new_thread(cli, text)
        document = cli.document("threads", "--limit", "2")
        assert (len(document["threads"]), document["more"]) == (2, True)
        assert "There are more" in cli("threads", "-n", "2").ok().out

    def test_lines_fit_the_width(self, cli: Cli) -> None:
        new_thread(cli, "ein sehr langer Titel " * 5)
        new_thread(cli, "標題" * 60)
        for width in (60, 80, 100):
            for line in cli("threads", COLUMNS=str(width)).ok().out.splitlines():
                assert cell_len(line) <= width

    def test_what_runs_and_waits_is_in_the_list(self, cli: Cli, told: str) -> None:
        assert "running, 1 held" in cli("threads").ok().out

    def test_each_line_has_enough_of_the_id_to_find_the_thread(self, cli: Cli) -> None:
        cli("create", "--id", "thr_project-number-one-is-this").ok()
        cli("create", "--id", "thr_project-number-two-is-that").ok()
        _, *lines = cli("threads").ok().out.splitlines()
        for line in lines:
            cli("show", line.split()[0]).ok()

    def test_archived_ones_are_listed_on_demand(self, cli: Cli, told: str) -> None:
        other = str(cli.document("create")["outcome"]["thread_id"])
        cli("archive", other).ok()
        assert [row["thread_id"] for row in cli.document("threads")["threads"]] == [told]
        everything = cli.document("threads", "--all")["threads"]
        assert {row["thread_id"] for row in everything} == {told, other}


class TestShow:
    def test_turns_items_inbox_and_the_way_out(self, cli: Cli, told: str) -> None:
        out = cli("show", told).ok().out
        for words in (
            "Turn 1 completed",
            "you      Hello",
            "agent    You said: Hello",
            "Turn 2 running",
            "asked to stop",
            "Inbox: 1 prompt",
            "held “Publish it”",
            f"To let them run: turnlog release {short_thread(told)}",
            f"To take one back: turnlog withdraw {short_thread(told)}",
        ):
            assert words in out

    def test_programs_get_every_row(self, cli: Cli, told: str) -> None:
        document = cli.document("show", told)
        assert document.keys() == {
            *("thread", "turns", "items", "prompts", "inbox", "approvals"),
        }
        assert document["thread"].keys() == THREAD_KEYS
        assert [turn["status"] for turn in document["turns"]] == ["completed", "in_progress"]
        assert [prompt["state"] for prompt in document["prompts"]] == [
            "promoted",
            "promoted",
            "held",
        ]
        assert len(document["inbox"]) == 1

    def test_only_the_last_turns_are_shown_unless_asked_for(self, cli: Cli, told: str) -> None:
        assert "Turn 1" not in cli("show", told, "--turns", "1").ok().out
        assert "1 earlier turn not shown" in cli("show", told, "--turns", "1").ok().out
        assert "Turn 1" in cli("show", told, "--turns", "0").ok().out

    def test_texts_are_shown_in_full_on_demand(self, cli: Cli) -> None:
        thread_id = new_thread(cli, "first line\nsecond line")
        assert "first line second line" in cli("show", thread_id).ok().out
        assert "second line" not in cli("show", thread_id).ok().out.replace(
            "first line second line", ""
        )
        full = cli("show", thread_id, "--full").ok().out
        assert "you      first line\n" in full

    def test_nothing_in_a_prompt_reaches_the_terminal_as_a_command(self, cli: Cli) -> None:
        thread_id = new_thread(cli, "red \x1b[31m bell \x07 [bold]plain[/bold] :smile:")
        for ran in (cli("show", thread_id), cli("show", thread_id, "--full"), cli("threads")):
            assert "\x1b" not in ran.ok().out
            assert "\x07" not in ran.out
            assert "[bold]plain[/bold] :smile:" in ran.out


class TestReplay:
    def test_each_event_is_a_line(self, cli: Cli, told: str) -> None:
        out = cli("replay", told).ok().out
        assert "    1  " in out
        assert "thread created: Hello" in out
        assert "After seq 17: running, 1 held, 2 turns." in out

    def test_the_state_at_a_seq(self, cli: Cli, told: str) -> None:
        document = cli.document("replay", told, "--at", "14")
        assert document.keys() == {"thread_id", "seq", "timeline", "state"}
        assert document["seq"] == 14
        assert len(document["timeline"]) == 14
        assert document["timeline"][0].keys() == {
            "seq",
            "position",
            "at",
            "actor",
            "type",
            "turn_id",
            "what",
            "inferred",
        }
        assert document["state"]["thread"]["pending_count"] == 0
        then = cli("replay", told, "--at", "15").ok().out
        assert "pending “Publish it”" in then

    def test_the_state_at_a_time(self, cli: Cli, told: str) -> None:
        whole = cli.document("replay", told)["timeline"]
        then = cli.document("replay", told, "--at", whole[8]["at"])
        # All events of one command have its time.
        assert then["seq"] == max(line["seq"] for line in whole if line["at"] == whole[8]["at"])

    def test_before_its_first_event_a_thread_does_not_exist(self, cli: Cli, told: str) -> None:
        assert "did not exist yet" in cli("replay", told, "--at", "2001-01-01").ok().out
        assert cli.document("replay", told, "--at", "0")["state"]["thread"] is None

    def test_a_seq_beyond_the_end_is_the_end(self, cli: Cli, told: str) -> None:
        assert cli.document("replay", told, "--at", "999999")["seq"] == 17

    def test_at_and_follow_exclude_one_another(self, cli: Cli, told: str) -> None:
        assert cli("replay", told, "--at", "1", "--follow").code == 2

    def test_a_point_that_is_none_is_misuse(self, cli: Cli, told: str) -> None:
        ran = cli("replay", told, "--at", "yesterday-ish", "--json")
        assert (ran.code, ran.error["code"]) == (2, "usage")

    def test_the_fold_and_the_tables_show_the_same(self, cli: Cli, told: str) -> None:
        shown = cli.document("show", told)
        replayed = cli.document("replay", told)["state"]
        assert json.dumps(shown, sort_keys=True) == json.dumps(replayed, sort_keys=True)
