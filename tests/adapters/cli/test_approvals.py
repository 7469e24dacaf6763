"""What waits for an answer, listed; and a worker that asks in one process, answered by another."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.cli.words import short_thread
from adapters.composition import open_turnlog
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.settings import Settings
from tests.adapters.cli.harness import Cli, new_thread
from tests.adapters.cli.test_processes import events, has_ended, lapse_leases
from tests.fixtures.patience import PATIENCE, eventually


def ask(database_url: str, thread_id: str, *names: str) -> None:
    """The thread's turn asks, by approvals of those names."""
    with open_turnlog(Settings(database_url=SecretStr(database_url))) as log:
        turn = log.service.thread(thread_id).turn
        assert turn is not None
        for name in names:
            log.service.request_approval(
                thread_id, turn.turn_id, f"May {name}?", approval_id=f"appr_{name}"
            )


def listed(cli: Cli, *options: str) -> list[str]:
    return [row["approval_id"] for row in cli.document("approvals", *options)["approvals"]]


def test_what_waits_for_an_answer_is_listed_over_all_threads(cli: Cli, database_url: str) -> None:
    assert cli("approvals").ok().out == "Nothing waits for an answer.\n"
    assert cli.document("approvals") == {"approvals": [], "more": False}
    one, other = new_thread(cli, "One"), new_thread(cli, "Other", "--title", "The other")
    for thread_id, name in ((other, "a"), (one, "b"), (other, "c")):
        ask(database_url, thread_id, name)
    assert listed(cli) == ["appr_a", "appr_b", "appr_c"]
    assert listed(cli, "--thread", other[:20]) == ["appr_a", "appr_c"]
    assert listed(cli, "-t", one) == ["appr_b"]
    first = cli.document("approvals", "--limit", "1")
    assert ([row["approval_id"] for row in first["approvals"]], first["more"]) == (["appr_a"], True)
    [row] = first["approvals"]
    assert (
        row["thread_id"],
        row["thread_title"],
        row["summary"],
        row["state"],
        row["asked_by"],
    ) == (
        other,
        "The other",
        "May a?",
        "pending",
        "engine",
    )
    lines = cli("approvals").ok().out.splitlines()
    assert lines[0] == "“May a?”"
    assert lines[1].startswith("  asked ")
    assert lines[1].endswith(" in “The other”")
    assert lines[2] == f"  turnlog approve {short_thread(other)} appr_a [--deny]"
    assert lines[5] == f"  turnlog approve {short_thread(one)} [--deny]"
    assert "--limit shows more" in cli("approvals", "--limit", "2").ok().out
    for answer in ((other, "a"), (one,), (other, "c", "--deny")):
        cli("approve", *answer).ok()
    assert listed(cli) == []
    missing = cli("approvals", "--thread", "thr_f", "--json")
    assert (missing.code, missing.error["code"]) == (1, "thread_not_found")


def test_imported_threads_ask_nobody(cli: Cli, database: Database, database_url: str) -> None:
    asks = new_thread(cli)
    ask(database_url, asks, "a")
    assert listed(cli) == ["appr_a"]
    with connect(database) as connection:
        origin = '{"kind": "imported", "format": "codex", "native_id": "a"}'
        connection.execute("UPDATE threads SET origin = %s", [origin])
    assert listed(cli) == []


@pytest.fixture
def asking(tmp_path: Path) -> str:
    """A script that asks whether it may publish."""
    script = tmp_path / "asking.json"
    steps = [
        {"do": "ask", "text": "May I publish?", "unless": "Then not: {note}"},
        {"do": "say", "text": "Published, as {by} {answer}."},
    ]
    script.write_text(json.dumps({"turns": [{"when": "publish", "steps": steps}]}))
    return str(script)


@contextmanager
def worker(cli: Cli, database: Database, script: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has asked, and waits for the answer."""
    before = events(database, "approval.requested")
    with cli.start("submit", "--new", "publish", "--script", script) as process:
        try:
            eventually(
                lambda: events(database, "approval.requested") > before or has_ended(process)
            )
            assert not has_ended(process), process.communicate()
            yield process
        finally:
            process.kill()


def test_a_worker_asks_and_another_process_answers(
    cli: Cli, database: Database, asking: str
) -> None:
    with worker(cli, database, asking) as process:
        [row] = cli.document("approvals")["approvals"]
        assert row["summary"] == "May I publish?"
        cli.process("approve", row["thread_id"], "--actor", "Ada").ok()
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "asks: May I publish?" in out
    assert f"turnlog approve {short_thread(row['thread_id'])} [--deny]" in out
    assert "agent: Published, as Ada approved." in out
    assert cli.document("show", "last")["turns"][-1]["status"] == "completed"


def test_a_worker_that_is_killed_while_it_asks_is_recovered_and_the_answer_is_too_late(
    cli: Cli, database: Database, asking: str
) -> None:
    with worker(cli, database, asking) as process:
        process.kill()
        process.wait()
    [row] = cli.document("approvals")["approvals"]  # nobody could record that
    lapse_leases(database)
    assert "turn interrupted: worker lost" in cli("run").ok().out
    assert listed(cli) == []
    late = cli("approve", "last", row["approval_id"], "--json")
    assert (late.code, late.error["code"]) == (1, "approval_closed")
    assert cli.document("verify")["clean"] is True
