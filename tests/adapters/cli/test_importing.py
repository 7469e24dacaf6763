"""Logs of other programs: what an import says and when it fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.adapters.cli.harness import Cli, LogState

FILE_KEYS = {
    "path",
    "size",
    "format",
    "thread_id",
    "new_events",
    "known_events",
    "events",
    "open_turn",
    "pending_prompts",
    "problem",
    "not_a_log",
    "lines",
    "records",
    "mapped",
    "skipped",
    "held",
    "contradictions",
}
SESSION = "0199a213-81c0-7800-8aa1-bbab2a035a53"


def record(second: int, kind: str, payload: dict[str, object]) -> str:
    time = f"2025-10-01T12:00:{second:02}.000Z"
    return json.dumps({"timestamp": time, "type": kind, "payload": payload})


def rollout(*lines: str) -> str:
    """A Codex rollout that begins as they do."""
    meta: dict[str, object] = {
        "id": SESSION,
        "timestamp": "2025-10-01T12:00:00.000Z",
        "cwd": "/home/ada/project",
        "originator": "codex_cli_rs",
        "cli_version": "0.42.0",
        "instructions": None,
    }
    return "\n".join([record(0, "session_meta", meta), *lines]) + "\n"


def said(second: int, who: str, text: str) -> str:
    return record(second, "event_msg", {"type": f"{who}_message", "message": text})


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """A rollout with one prompt and its answer."""
    file = tmp_path / f"rollout-2025-10-01T12-00-00-{SESSION}.jsonl"
    file.write_text(rollout(said(1, "user", "Fix it"), said(2, "agent", "Fixed.")))
    return file


def test_a_log_becomes_a_thread(cli: Cli, log_file: Path) -> None:
    document = cli.document("import", str(log_file))
    assert document.keys() == {"files", "total"}
    [file] = document["files"]
    assert file.keys() == FILE_KEYS
    assert file["format"] == "codex"
    assert file["new_events"] == document["total"]["new_events"] > 5
    shown = cli.document("show", file["thread_id"])
    assert [prompt["text"] for prompt in shown["prompts"]] == ["Fix it"]
    assert "imported from codex" in cli("show", file["thread_id"]).ok().out
    assert cli.document("verify")["clean"] is True


def test_imported_threads_are_listed_on_demand(cli: Cli, log_file: Path) -> None:
    assert "`turnlog threads --all`" in cli("import", str(log_file)).ok().out
    assert cli.document("threads")["threads"] == []
    assert "imported" in cli("threads", "--all").ok().out


def test_importing_again_adds_nothing(cli: Cli, log_file: Path, log_state: LogState) -> None:
    cli("import", str(log_file)).ok()
    before = log_state()
    again = cli("import", str(log_file.parent)).ok()
    assert "0 new events" in again.out
    assert "were there already" in again.out
    assert log_state() == before


def test_a_grown_log_adds_its_tail(cli: Cli, log_file: Path) -> None:
    cli("import", str(log_file)).ok()
    with log_file.open("a") as file:
        file.write(said(5, "user", "And test it") + "\n")
    [grown] = cli.document("import", str(log_file))["files"]
    assert grown["known_events"] > 0
    assert grown["new_events"] > 0


def test_imported_threads_take_no_prompts(cli: Cli, log_file: Path, log_state: LogState) -> None:
    thread_id = cli.document("import", str(log_file))["files"][0]["thread_id"]
    before = log_state()
    for command in (("submit", thread_id, "Hello"), ("archive", thread_id)):
        ran = cli(*command, "--json")
        assert (ran.code, ran.error["code"]) == (1, "thread_is_imported")
    assert log_state() == before


def test_what_was_left_out_is_counted_with_its_reason(cli: Cli, log_file: Path) -> None:
    with log_file.open("a") as file:
        file.write('{"half a line\nnoise\n')
    out = cli("import", str(log_file)).ok().out
    assert "2 skipped:" in out
    assert "2  unreadable" in out


@pytest.mark.parametrize("name", ["missing.jsonl", "missing/folder"])
def test_a_path_that_is_not_there(cli: Cli, tmp_path: Path, log_state: LogState, name: str) -> None:
    ran = cli("import", str(tmp_path / name))
    assert ran.code == 1
    assert name in ran.out
    assert "cannot be read" in ran.out
    assert log_state.is_empty


def test_what_can_be_imported_is_although_something_else_cannot(
    cli: Cli, log_file: Path, tmp_path: Path
) -> None:
    ran = cli("import", str(tmp_path / "missing"), str(log_file), "--json")
    assert ran.code == 1
    assert [bool(file["problem"]) for file in ran.json["files"]] == [True, False]
    assert ran.json["total"]["problems"] == 1
    assert len(cli.document("threads", "--all")["threads"]) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(cli: Cli, log_file: Path, log_state: LogState) -> None:
    log_file.chmod(0)
    ran = cli("import", str(log_file))
    assert ran.code == 1
    assert "Permission denied" in ran.out
    assert log_state.is_empty


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 500, b"just text\n", b"{}\n[1]\nnull\n"])
def test_a_file_that_is_no_log_is_left_alone_and_said_so(
    cli: Cli, tmp_path: Path, log_state: LogState, content: bytes
) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    ran = cli("import", str(file))
    assert ran.code == 1
    assert "was left alone" in ran.out
    assert log_state.is_empty


def test_a_pipe_is_not_waited_for(cli: Cli, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    ran = cli("import", str(pipe))
    assert ran.code == 1
    assert "not a regular file" in ran.out


def test_names_that_are_no_text(cli: Cli, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    file = Path(os.fsdecode(folder + b"/rollout-\x1b[31m.jsonl"))
    file.write_text(rollout(said(1, "user", "Fix it")))
    for options in ((), ("--json",)):
        ran = cli.process("import", folder, *options)
        assert ran.code == 0
        assert "\x1b" not in ran.out


def test_a_turn_that_a_log_leaves_open_is_not_shown_as_running(cli: Cli, log_file: Path) -> None:
    cli("import", str(log_file)).ok()
    thread_id = cli("threads", "--all", "--json").ok().json["threads"][0]["thread_id"]
    shown = cli("show", thread_id).ok().out
    assert "Turn 1 open where its log ends" in shown
    assert "running" not in shown
