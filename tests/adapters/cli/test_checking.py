"""Verify says exactly where something is wrong; rebuild mends what can be made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.errors import StoreForbidden
from adapters.event_log import RecordedLog
from adapters.postgres.connection import Connection, connect, open_pool
from adapters.postgres.database import Database
from adapters.postgres.rebuild import PostgresRebuildSession
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.snapshots import PostgresSnapshots
from adapters.threads import CachedThreads
from tests.adapters.cli.harness import Cli, LogState

VERDICT_KEYS = {"clean", "threads", "events", "rows", "seconds", "findings"}


@pytest.fixture
def filled(cli: Cli) -> str:
    """A thread with a completed turn, beside another one; the read models show both."""
    cli("submit", "--new", "Another").ok()
    thread_id = str(cli.document("submit", "--new", "Hello")["outcome"]["thread_id"])
    cli("threads").ok()
    return thread_id


def change_log(connection: Connection, statement: str) -> None:
    """What only somebody who owns the tables can do, and only on purpose."""
    connection.execute("ALTER TABLE log DISABLE TRIGGER log_append_only")
    connection.execute(statement.encode())
    connection.execute("ALTER TABLE log ENABLE ALWAYS TRIGGER log_append_only")


def test_an_empty_log_is_clean(cli: Cli) -> None:
    assert cli.document("verify")["clean"] is True


def test_a_clean_log_is_said_to_be_clean(cli: Cli, filled: str) -> None:
    document = cli.document("verify")
    assert document.keys() == VERDICT_KEYS
    assert (document["clean"], document["threads"], document["events"]) == (True, 2, 18)
    assert document["rows"] == 2 * 5
    assert "Clean: 18 events of 2 threads" in cli("verify").ok().out


def test_some_threads_are_verified_alone(cli: Cli, filled: str) -> None:
    assert cli.document("verify", filled, filled)["threads"] == 1


def test_a_changed_text_is_found_by_its_hash(cli: Cli, filled: str, database: Database) -> None:
    with connect(database) as connection:
        change_log(
            connection,
            "UPDATE log SET data = replace(data::text, 'Hello', 'Hallo')::json "
            f"WHERE thread_id = '{filled}' AND type = 'prompt.admitted'",
        )
    ran = cli("verify", "--json")
    assert ran.code == 1
    chains = [finding for finding in ran.json["findings"] if finding["kind"] == "chain"]
    assert [(finding["thread_id"], finding["seq"]) for finding in chains] == [(filled, 2)]
    told = cli("verify")
    assert told.code == 1
    assert f"{filled}, seq 2, position 11" in told.out


def test_a_removed_end_is_found(cli: Cli, filled: str, database: Database) -> None:
    with connect(database) as connection:
        change_log(connection, "DELETE FROM log WHERE position = (SELECT max(position) FROM log)")
    ran = cli("verify", "--json")
    assert ran.code == 1
    assert any(finding["kind"] == "numbers" for finding in ran.json["findings"])


def test_a_wrong_snapshot_is_found(cli: Cli, filled: str, database: Database) -> None:
    with (
        connect(database) as connection,
        open_pool(database) as pool,
        PostgresLogRecorder(database, pool) as recorder,
    ):
        snapshots = PostgresSnapshots(database, pool)
        thread = CachedThreads(RecordedLog(recorder)).current(filled)
        snapshots.save(thread)
        assert cli.document("verify")["clean"] is True
        connection.execute("DELETE FROM thread_snapshots")
        snapshots.save(replace(thread, title="Another", archived=True))
    for command in (("verify",), ("verify", filled)):
        ran = cli(*command, "--json")
        assert ran.code == 1
        [finding] = ran.json["findings"]
        assert (finding["kind"], finding["thread_id"]) == ("snapshot", filled)
        assert finding["seq"] == thread.seq
    assert "title, archived" in cli("verify").out


def test_who_may_not_read_snapshots_verifies_the_rest(
    cli: Cli, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreForbidden(why="permission denied for table thread_snapshots")

    monkeypatch.setattr(PostgresSnapshots, "load", refuse)
    ran = cli("verify").ok()
    assert "Clean: 18 events of 2 threads" in ran.out
    assert ran.err.count("Warning: The snapshots are not verified. The database role") == 1
    warning = cli("verify", "--json").ok().warning
    assert warning["code"] == "store_forbidden"
    assert warning["message"].startswith("The snapshots are not verified. The database role")


def test_a_changed_row_is_found_and_mended_by_a_rebuild(
    cli: Cli, filled: str, database: Database
) -> None:
    with connect(database) as connection:
        connection.execute("UPDATE turns SET summary = 'Something else'")
        connection.execute(f"DELETE FROM items WHERE thread_id = '{filled}'".encode())
    ran = cli("verify", "--json")
    assert ran.code == 1
    tables = {finding["table"] for finding in ran.json["findings"]}
    assert tables == {"turns", "items"}
    assert {finding["kind"] for finding in ran.json["findings"]} == {"read_model"}

    rebuilt = cli.document("rebuild")["rebuilt"]
    assert rebuilt.keys() == {"position", "resumed_at", "seconds"}
    assert rebuilt["position"] == 18
    assert cli.document("verify")["clean"] is True


def test_a_rebuild_says_how_much_it_was(cli: Cli, filled: str) -> None:
    assert "Rebuilt from 18 events in " in cli("rebuild").ok().out
    assert "Rebuilt from 18 events in " in cli("rebuild", "--jobs", "3").ok().out


def test_a_row_without_a_log_is_found(cli: Cli, filled: str, database: Database) -> None:
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO prompts SELECT 'thr_ghost', input_id, state, delivery, asked_delivery, "
            "held_reason, withdrawn_reason, text, summary, options, route_intent, target_turn_id, "
            "turn_id, origin, actor, admitted_seq, promoted_seq, withdrawn_seq, admitted_at, "
            "promoted_at, withdrawn_at, inbox_key, inferred, source_line FROM prompts LIMIT 1"
        )
    ran = cli("verify", "--json")
    assert {finding["thread_id"] for finding in ran.json["findings"]} == {"thr_ghost"}


def test_many_findings_are_counted_and_listed_in_json(
    cli: Cli, database: Database, filled: str
) -> None:
    with connect(database) as connection:
        connection.execute("UPDATE items SET summary = 'x', kind = 'status'")
        connection.execute("UPDATE turns SET summary = 'x', model = 'y', error = 'z'")
        connection.execute("UPDATE prompts SET summary = 'x', text = 'y', actor = 'z'")
        connection.execute("UPDATE threads SET title = 'x', turn_count = 7")
    ran = cli("verify")
    assert ran.code == 1
    found = len(cli("verify", "--json").json["findings"])
    assert f"{found} findings in" in ran.out


def test_an_unknown_thread_cannot_be_verified(cli: Cli) -> None:
    ran = cli("verify", "thr_nobody", "--json")
    assert (ran.code, ran.error["code"]) == (1, "thread_not_found")


def test_what_a_rebuild_has_left_can_be_dropped(
    cli: Cli, filled: str, connection: Connection, database: Database
) -> None:
    def left() -> bool:
        row = connection.execute("SELECT to_regnamespace('turnlog_rebuild')").fetchone()
        return row is not None and row[0] is not None

    with PostgresRebuildSession(database) as session:
        session.claim()
        session.prepare()
        assert cli("rebuild", "--discard", "--json").error["code"] == "rebuild_running"
    assert left()
    for _ in range(2):
        assert cli.document("rebuild", "--discard") == {"discarded": True}
        assert not left()
    assert "Nothing is left" in cli("rebuild", "--discard").ok().out
    assert cli.document("verify")["clean"] is True


def test_looking_and_rebuilding_write_nothing(cli: Cli, filled: str, log_state: LogState) -> None:
    before = log_state()
    for command in ("verify", "rebuild", "threads", "show last", "replay last", "run"):
        cli(*command.split()).ok()
    assert log_state() == before
