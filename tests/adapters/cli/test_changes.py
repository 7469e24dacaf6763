"""What users do to prompts that wait, answers to what a turn asks for, and forks."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from adapters.composition import open_turnlog
from adapters.settings import Settings
from tests.adapters.cli.harness import Cli, new_thread


@pytest.fixture
def busy(cli: Cli) -> str:
    """A thread with a turn that nobody works on."""
    return new_thread(cli, "Write the tests")


def queue(cli: Cli, thread_id: str, text: str) -> str:
    """A prompt that waits; its id."""
    options = ("--delivery", "queue", "--no-run")
    return str(cli.document("submit", thread_id, text, *options)["outcome"]["command_id"])


def inbox(cli: Cli, thread_id: str) -> list[str]:
    found: list[str] = cli.document("show", thread_id)["inbox"]
    return found


def test_a_waiting_prompt_is_edited(cli: Cli, busy: str) -> None:
    waiting = queue(cli, busy, "Lter")
    ran = cli("edit", busy, waiting[:30], "Later").ok()
    assert f"Prompt {waiting} is edited." in ran.out
    assert "Later" in cli("show", busy).ok().out
    replayed = cli("replay", busy).ok().out
    assert "Lter" in replayed
    assert "edited: Later" in replayed
    assert "nothing to do" in cli("edit", busy, waiting, "Later").ok().out
    assert cli("edit", busy, waiting, " ", "--json").error["code"] == "prompt_required"
    assert cli("edit", busy, "inp_nobody", "x", "--json").error["code"] == "prompt_not_waiting"


def test_a_waiting_prompt_becomes_a_steer_and_back(cli: Cli, busy: str) -> None:
    waiting = queue(cli, busy, "Use pytest")
    assert "is to steer the running turn" in cli("redeliver", busy, waiting, "steer").ok().out
    [prompt] = [p for p in cli.document("show", busy)["prompts"] if p["input_id"] == waiting]
    assert (prompt["delivery"], prompt["asked_delivery"]) == ("steer", "queue")
    assert prompt["target_turn_id"] is not None
    assert "waits in line" in cli("redeliver", busy, waiting, "queue").ok().out
    assert cli("redeliver", busy, waiting, "interrupt").code == 2


def test_queued_prompts_change_places(cli: Cli, busy: str) -> None:
    a, b, c = (queue(cli, busy, text) for text in ("First", "Second", "Third"))
    assert f"Prompt {c} is moved." in cli("move", busy, c, "first").ok().out
    assert inbox(cli, busy) == [c, a, b]
    cli("move", busy, c, "after", a).ok()
    assert inbox(cli, busy) == [a, c, b]
    assert "nothing to do" in cli("move", busy, b, "last").ok().out
    assert cli("move", busy, a, "before", "--json").error["code"] == "invalid_argument"
    cli("interrupt", busy, "--no-run").ok()
    cli("move", busy, b, "first").ok()
    assert inbox(cli, busy) == [b, a, c]
    assert cli("verify").code == 0


def test_an_approval_is_answered(cli: Cli, busy: str, database_url: str) -> None:
    assert cli("approve", busy, "--json").error["code"] == "nothing_asked"
    with open_turnlog(Settings(database_url=SecretStr(database_url))) as log:
        turn = log.service.thread(busy).turn
        assert turn is not None
        for name in ("a", "b"):
            log.service.request_approval(busy, turn.turn_id, "rm", approval_id=f"appr_{name}")
    shown = cli("show", busy).ok().out
    assert "Waits for an answer: 2 approvals" in shown
    assert "“rm”" in shown
    assert "appr_a" in shown
    ambiguous = cli("approve", busy, "--json")
    assert ambiguous.error["code"] == "ambiguous_id"
    args = ("approve", busy, "a", "--note", "go on", "--command-id", "cmd_1")
    assert "Approval appr_a is approved." in cli(*args).ok().out
    assert "done before" in cli(*args).ok().out
    assert "appr_b is denied" in cli("approve", busy, "--deny").ok().out
    assert "Waits for an answer" not in cli("show", busy).ok().out
    assert [
        (row["approval_id"], row["state"], row["decided_by"], row["note"])
        for row in cli.document("show", busy)["approvals"]
    ] == [("appr_a", "approved", "user", "go on"), ("appr_b", "denied", "user", None)]
    late = cli("approve", busy, "appr_b", "--json")
    assert (late.code, late.error["code"]) == (1, "approval_closed")
    replayed = cli("replay", busy).ok().out
    assert "approval appr_a approved: go on" in replayed
    assert cli("verify").code == 0


def test_a_thread_is_forked(cli: Cli) -> None:
    parent = str(cli.document("submit", "--new", "Hello")["outcome"]["thread_id"])
    cli("submit", parent, "And then").ok()
    turns = [turn["turn_id"] for turn in cli.document("show", parent)["turns"]]
    ran = cli("fork", parent, "--turn", turns[0], "--title", "Another way").ok()
    assert f"forked from {parent}" in ran.out
    shown = cli.document("show", "last")
    assert shown["thread"]["title"] == "Another way"
    assert [turn["summary"] for turn in shown["turns"]] == ["Hello"]
    assert shown["thread"]["forked_from"]["thread_id"] == parent
    assert f"forked from {parent} at {shown['thread']['forked_from']['seq']}" in (
        cli("show", "last").ok().out
    )
    assert "forked from" in cli("replay", "last").ok().out
    cli("submit", "last", "Goes on").ok()
    assert cli("fork", parent, "--turn", "turn_f", "--json").error["code"] == "turn_not_found"
    assert cli("fork", parent, "--at", "999", "--json").error["code"] == "invalid_argument"
    assert cli("verify").code == 0


def test_a_retry_finds_what_it_was_about_when_that_has_moved_on(cli: Cli, busy: str) -> None:
    """Shortened ids and `last` mean what they meant the first time (L10)."""
    waiting = queue(cli, busy, "Second")
    edit = ("edit", busy, waiting[:-1], "Other", "--command-id", "cmd_edit")
    cli(*edit).ok()
    cli("interrupt", busy, "--queued", "discard", "--no-run").ok()
    assert "done before" in cli(*edit).ok().out
    fork = ("fork", "last", "--command-id", "cmd_fork", "--title", "A\x07 title\n" + "x" * 500)
    first = cli.document(*fork)["outcome"]["thread_id"]
    again = cli.document(*fork)["outcome"]
    assert (again["thread_id"], again["repeated"]) == (first, True)
    title = str(cli.document("show", first)["thread"]["title"])
    assert "\n" not in title
    assert len(title) <= 280


def test_a_retry_of_a_move_or_a_release_finds_the_prompts_it_was_about(cli: Cli, busy: str) -> None:
    b, c = queue(cli, busy, "Second"), queue(cli, busy, "Third")
    move = ("move", busy, c[:-1], "before", b[:-1], "--command-id", "cmd_move")
    release = ("release", busy, c[:-1], "--no-run", "--command-id", "cmd_release")
    cli(*move).ok()
    cli("interrupt", busy, "--queued", "hold", "--no-run").ok()
    cli(*release).ok()
    cli("interrupt", busy, "--queued", "discard", "--no-run").ok()
    assert inbox(cli, busy) == []
    for retry in (move, release):
        assert "done before" in cli(*retry).ok().out


def test_a_retry_finds_the_thread_that_was_the_last_one_then(cli: Cli, busy: str) -> None:
    retries = [
        ("update", "last", "--title", "Another", "--command-id", "cmd_update"),
        ("submit", "last", "More", "--delivery", "queue", "--no-run", "--input-id", "inp_more"),
        ("interrupt", "last", "--no-run", "--command-id", "cmd_interrupt"),
    ]
    for first in retries:
        cli(*first).ok()
    new_thread(cli)
    for retry in retries:
        assert cli.document(*retry)["outcome"]["thread_id"] == busy
    cli("create", "--id", busy[:-1]).ok()
    other = cli("update", busy[:-1], "--title", "Another", "--command-id", "cmd_update", "--json")
    assert other.error["code"] == "command_conflict"  # for that is a thread of its own


def test_a_new_title_leaves_the_settings_to_others(cli: Cli, busy: str) -> None:
    """Also when it is sent again: it says nothing about them."""
    retitle = ("update", busy, "--title", "Another", "--command-id", "cmd_update")
    cli(*retitle).ok()
    cli("update", busy, "--model", "large").ok()
    assert "done before" in cli(*retitle).ok().out
    thread = cli.document("show", busy)["thread"]
    assert (thread["title"], thread["settings"]["options"]["model"]) == ("Another", "large")


@pytest.mark.parametrize(
    "command",
    [
        ("interrupt", "--no-run"),
        ("withdraw", "inp_a"),
        ("fork",),
        ("update", "--title", "T"),
    ],
)
def test_an_id_of_a_retry_that_is_none_is_refused_in_a_sentence(
    cli: Cli, busy: str, command: tuple[str, ...]
) -> None:
    queue(cli, busy, "Second")
    cli("submit", busy, "A", "--delivery", "queue", "--no-run", "--input-id", "inp_a").ok()
    name, *options = command
    ran = cli(name, busy, *options, "--command-id", "cmd_\udcff", "--json")
    assert (ran.code, ran.error["code"]) == (2, "invalid_argument")
