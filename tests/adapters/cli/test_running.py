"""Turns that run in the process of the command that starts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.cli.words import short_thread
from tests.adapters.cli.harness import Cli, LogState, new_thread


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A file to write a script into."""
    return tmp_path / "script.json"


def write(script: Path, *steps: dict[str, object]) -> str:
    script.write_text(json.dumps({"steps": list(steps)}))
    return str(script)


def test_what_the_engine_does_is_printed_as_it_happens(cli: Cli, script: Path) -> None:
    path = write(
        script,
        {"do": "think", "text": "Hm."},
        {"do": "run", "command": "make test", "output": "ok"},
        {"do": "say", "text": "Tested: {prompt}"},
    )
    ran = cli("submit", "--new", "the parser", "--script", path).ok()
    lines = [line.strip() for line in ran.out.splitlines()]
    shown = ["reasoning: Hm.", "command execution: make test", "ok", "agent: Tested: the parser"]
    assert [line for line in lines if line in shown] == shown
    assert lines[-1] == "turn completed"


def test_the_queue_is_drained_in_the_same_run(cli: Cli) -> None:
    thread_id = new_thread(cli, "One")
    cli("submit", thread_id, "Two", "--delivery", "queue", "--no-run").ok()
    ran = cli("run", thread_id).ok()
    assert "agent: You said: One" in ran.out
    assert "turn started: Two" in ran.out
    assert "agent: You said: Two" in ran.out


def test_turns_are_told_to_programs_at_the_end(cli: Cli) -> None:
    thread_id = new_thread(cli, "One")
    cli("submit", thread_id, "Two", "--delivery", "queue", "--no-run").ok()
    document = cli.document("run")
    assert document.keys() == {"turns", "stopped"}
    first, second = document["turns"]
    assert first.keys() == {"thread_id", "turn_id", "end", "next_turn_id"}
    assert first["end"] == second["end"] == "completed"
    assert first["next_turn_id"] == second["turn_id"]
    assert document["stopped"] is False


def test_all_threads_with_something_to_do_are_run(cli: Cli) -> None:
    one, other = new_thread(cli, "One"), new_thread(cli, "Other")
    ran = cli("run").ok()
    assert f"Thread {one}" in ran.out
    assert f"Thread {other}" in ran.out
    assert "nothing to run" in cli("run").ok().out


def test_a_turn_that_fails_makes_the_command_fail(cli: Cli, script: Path) -> None:
    path = write(script, {"do": "fail", "error": "out of paper"})
    ran = cli("submit", "--new", "Print it", "--script", path)
    assert ran.code == 1
    assert "out of paper" in ran.out


def test_an_engine_that_cannot_start_fails_the_turn(cli: Cli, script: Path) -> None:
    path = write(script, {"do": "fail_to_start", "why": "no key"})
    ran = cli("submit", "--new", "Hello", "--script", path, "--json")
    assert ran.code == 1
    assert [turn["end"] for turn in ran.json["turns"]] == ["failed"]


def test_after_three_failures_the_way_out_of_the_hold_is_said(cli: Cli, script: Path) -> None:
    path = write(script, {"do": "fail", "error": "out of paper"})
    thread_id = new_thread(cli, "1")
    for text in "2345":
        cli("submit", thread_id, text, "--delivery", "queue", "--no-run").ok()
    ran = cli("run", thread_id, "--script", path)
    assert ran.code == 1
    assert f"`turnlog release {short_thread(thread_id)}`" in ran.out
    assert "Held after failed turns" in cli("show", thread_id).ok().out


def test_a_script_is_read_from_stdin(cli: Cli) -> None:
    text = json.dumps({"steps": [{"do": "say", "text": "From stdin."}]})
    ran = cli("submit", "--new", "Hello", "--script", "-", stdin=text).ok()
    assert "From stdin." in ran.out


@pytest.mark.parametrize("content", ["", "{", '{"steps": [{"do": "dance"}]}', "\x00"])
def test_a_bad_script_stops_everything_before_it_begins(
    cli: Cli, script: Path, log_state: LogState, content: str
) -> None:
    script.write_text(content)
    ran = cli("submit", "--new", "Hello", "--script", str(script), "--json")
    assert (ran.code, ran.error["code"]) == (2, "invalid_script")
    assert log_state.is_empty


@pytest.mark.parametrize("name", ["", "missing.json", ".", "a\0b"])
def test_a_script_that_cannot_be_read_is_misuse(
    cli: Cli, tmp_path: Path, log_state: LogState, name: str
) -> None:
    ran = cli("submit", "--new", "Hello", "--script", f"{tmp_path}/{name}", "--json")
    assert (ran.code, ran.error["code"]) == (2, "usage")
    assert log_state.is_empty


def test_an_unknown_engine_is_misuse(cli: Cli, log_state: LogState) -> None:
    ran = cli("submit", "--new", "Hello", "--engine", "steam", "--json")
    assert (ran.code, ran.error["code"]) == (2, "invalid_argument")
    assert "scripted" in ran.error["message"]
    assert log_state.is_empty
