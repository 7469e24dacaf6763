"""Bad input: each case a clear error that says what to do, and nothing written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psycopg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from tests.adapters.cli.harness import Cli, LogState, new_thread
from tests.fixtures.roles import as_role
from tests.fixtures.server import with_database

FIVE_MEGABYTES = "x" * 5_000_000


class TestPrompts:
    @pytest.mark.parametrize("text", ["", " ", "\n\t \u2003\n"])
    def test_an_empty_one(self, cli: Cli, log_state: LogState, text: str) -> None:
        for args in (("--new", text), ("--new", "-")):
            ran = cli("submit", *args, "--json", stdin=text)
            assert (ran.code, ran.error["code"]) == (1, "prompt_required")
            assert "Write some text" in ran.error["message"]
        assert log_state.is_empty

    def test_an_empty_one_for_a_thread_that_is_there(self, cli: Cli, log_state: LogState) -> None:
        thread_id = new_thread(cli)
        before = log_state()
        for command in ("submit", "steer", "edit-last"):
            ran = cli(command, thread_id, "  ", "--json")
            assert ran.code == 1
        assert log_state() == before

    def test_one_of_five_megabytes(self, cli: Cli, log_state: LogState) -> None:
        ran = cli("submit", "--new", "-", "--json", stdin=FIVE_MEGABYTES)
        assert (ran.code, ran.error["code"]) == (1, "too_large")
        assert ran.error["details"]["limit"] == 1024 * 1024
        assert ran.error["details"]["size"] > len(FIVE_MEGABYTES)
        assert "TURNLOG_MAX_EVENT_BYTES" in ran.error["message"]
        assert len(ran.err) < 1000
        assert log_state.is_empty

    def test_one_of_five_megabytes_for_a_thread_that_is_there(
        self, cli: Cli, log_state: LogState
    ) -> None:
        thread_id = new_thread(cli)
        before = log_state()
        options = ("--delivery", "queue", "--json")
        ran = cli("submit", thread_id, "-", *options, stdin=FIVE_MEGABYTES)
        assert (ran.code, ran.error["code"]) == (1, "too_large")
        assert log_state() == before

    def test_one_that_no_limit_could_allow(self, cli: Cli, log_state: LogState) -> None:
        ran = cli("submit", "--new", "-", "--json", stdin="x" * (64 * 1024 * 1024 + 1))
        assert (ran.code, ran.error["code"]) == (1, "too_large")
        assert log_state.is_empty

    def test_a_raised_limit_lets_it_in(self, cli: Cli) -> None:
        limit = {"TURNLOG_MAX_EVENT_BYTES": "20000000"}
        ran = cli("submit", "--new", "-", "--no-run", stdin=FIVE_MEGABYTES, **limit)
        assert "runs now" in ran.ok().out

    def test_nul_and_bytes_that_are_no_utf8_on_stdin(self, cli: Cli) -> None:
        ran = cli("submit", "--new", "-", "--no-run", stdin=b"a\0b\xff\xed\xa0\x80c")
        # The three bytes of an encoded surrogate are three that no UTF-8 begins with.
        assert "5 characters could not be stored" in ran.ok().out
        [prompt] = cli.document("show", "last")["prompts"]
        assert prompt["text"] == "a\ufffdb\ufffd\ufffd\ufffd\ufffdc"

    def test_bytes_that_are_no_utf8_as_an_argument(self, cli: Cli) -> None:
        ran = cli.process("submit", "--new", os.fsencode("caf") + b"\xe9", "--no-run")
        assert "1 character could not be stored" in ran.ok().out
        [prompt] = cli.document("show", "last")["prompts"]
        assert prompt["text"] == "caf\ufffd"

    def test_an_encoded_surrogate_in_json_output_stays_json(self, cli: Cli) -> None:
        ran = cli.process("show", b"thr_\xff", "--json")
        assert ran.code == 2
        assert ran.error["code"] == "usage"

    @pytest.mark.parametrize(
        "option",
        [
            ("--temperature", "nan"),
            ("--temperature", "11"),
            ("--temperature", "warm"),
            ("--top-p", "-0.1"),
            ("--max-tokens", "0"),
            ("--max-tokens", "1.5"),
            ("--model", ""),
            ("--model", "a\nb"),
            ("--model", "x" * 300),
            ("--route", "\udcff"),
            ("--delivery", "pigeon"),
            ("--input-id", "nonsense"),
            ("--input-id", "inp_ü"),
            ("--actor", ""),
            ("--actor", "a\x1bb"),
            ("--queued", "hold"),
            ("--no-such-option",),
        ],
    )
    def test_an_option_that_cannot_be(
        self, cli: Cli, log_state: LogState, option: tuple[str, ...]
    ) -> None:
        ran = cli("submit", "--new", "Hello", *option, "--json")
        assert ran.code == 2
        assert ran.error["code"] in ("usage", "invalid_argument")
        assert log_state.is_empty

    @pytest.mark.parametrize(
        "args",
        [
            ("submit",),
            ("submit", "last"),
            ("submit", "--new"),
            ("submit", "--new", "two", "words"),
            ("submit", "--title", "T", "last", "Hello"),
            ("submit", "--new", "--delivery", "queue", "Hello"),
            ("submit", "--new", "-", "--script", "-"),
            ("submit", "--new", "Hello", "--script", "/no/such/file"),
            ("submit", "--new", "Hello", "--script", "/"),
            ("no-such-command",),
            ("rollback", "last", "--turns", "many"),
            ("create", "--id", "nonsense"),
            ("threads", "--limit", "0"),
            ("import",),
        ],
    )
    def test_a_command_that_is_not_one(
        self, cli: Cli, log_state: LogState, args: tuple[str, ...]
    ) -> None:
        ran = cli(*args, "--json")
        assert ran.code == 2
        assert ran.error["code"] in ("usage", "invalid_argument")
        assert cli(*args).err.startswith("Error: ")
        assert log_state.is_empty


class TestNewerLogs:
    """An event of a type or version that only a newer turnlog knows."""

    @pytest.fixture
    def newer(self, cli: Cli, database: Database) -> str:
        """A thread with such an event, beside one without."""
        return add_event(cli, database, "prompt.sung", {"v": 1})

    def test_verify_names_the_event(self, cli: Cli, newer: str) -> None:
        ran = cli("verify", "--json")
        assert ran.code == 1
        found = [finding for finding in ran.json["findings"] if finding["kind"] == "event"]
        assert [(finding["thread_id"], finding["seq"]) for finding in found] == [(newer, 10)]
        assert "prompt.sung" in found[0]["what"]
        assert "upgrade" in found[0]["what"]

    def test_commands_on_its_thread_are_refused(
        self, cli: Cli, newer: str, log_state: LogState
    ) -> None:
        before = log_state()
        ran = cli("submit", newer, "Hello", "--json")
        assert (ran.code, ran.error["code"]) == (1, "unknown_event_type")
        assert "upgrade" in ran.error["message"]
        assert log_state() == before

    def test_replay_tells_what_is_before_it_and_then_why_no_more(
        self, cli: Cli, newer: str
    ) -> None:
        ran = cli("replay", newer)
        assert ran.code == 1
        assert "turn completed" in ran.out
        assert "prompt.sung" in ran.err
        assert cli("replay", newer, "--at", "9").ok().err == ""

    def test_other_threads_go_on(self, cli: Cli, newer: str) -> None:
        other = str(cli.document("submit", "--new", "Hello")["outcome"]["thread_id"])
        assert other != newer
        assert "turn completed" in cli("replay", other).ok().out
        cli("verify", other)

    def test_lists_show_what_they_can_with_a_warning(self, cli: Cli, newer: str) -> None:
        ran = cli("threads").ok()
        assert newer[:16] in ran.out
        assert "Warning: " in ran.err

    @pytest.mark.usefixtures("newer")
    def test_a_command_that_looks_twice_warns_once(self, cli: Cli) -> None:
        for _ in range(2):
            assert cli("show", "last").ok().err.count("Warning: ") == 1

    def test_a_newer_version_of_a_known_event(self, cli: Cli, database: Database) -> None:
        thread_id = add_event(cli, database, "thread.archived", {"v": 2, "shelf": 3})
        ran = cli("submit", thread_id, "Hello", "--json")
        assert (ran.code, ran.error["code"]) == (1, "newer_event_version")
        assert "newer turnlog" in ran.error["message"]


def add_event(cli: Cli, database: Database, name: str, body: dict[str, object]) -> str:
    """A thread with an event of that name at its end, as another program would append it."""
    from adapters.postgres.connection import open_pool
    from adapters.postgres.recorder import PostgresLogRecorder
    from adapters.records import LogRecord

    thread_id = str(cli.document("submit", "--new", "First")["outcome"]["thread_id"])
    shown = cli.document("replay", thread_id)["timeline"]
    version = sum(1 for line in shown if line["turn_id"] is None)
    with open_pool(database) as pool, PostgresLogRecorder(database, pool) as recorder:
        record = LogRecord(
            originator_id=thread_id,
            originator_version=version + 1,
            topic=name,
            state=json.dumps(body).encode(),
            thread_id=thread_id,
            command_id="cmd_later",
            receipt="0" * 64,
        )
        recorder.append([record])
    return thread_id


class TestDatabases:
    """A database that is not there, not ours, or not in the right state."""

    def run(self, url: str, **env: str) -> tuple[int, str, str]:
        cli = Cli({"TURNLOG_DATABASE_URL": url, **env})
        ran = cli("threads", "--json")
        assert ran.out == ""
        assert "secret" not in ran.err
        return ran.code, ran.error["code"], ran.error["message"]

    @pytest.mark.parametrize(
        "url",
        ["nonsense", "mysql://user@host/db", "postgresql://u:p@ss/word@host:x/db", "http://x"],
    )
    def test_a_url_that_is_none(self, url: str) -> None:
        code, name, message = self.run(url)
        assert (code, name) == (2, "invalid_database_url")
        assert "postgresql://" in message

    def test_nobody_listens(self) -> None:
        code, name, message = self.run("postgresql://me:secret@127.0.0.1:1/db")
        assert (code, name) == (1, "store_unavailable")
        assert "db at 127.0.0.1:1 (as me)" in message
        assert "TURNLOG_DATABASE_URL" in message

    def test_no_such_database(self, server_url: str) -> None:
        code, name, message = self.run(with_database(server_url, "nobody_made_this"))
        assert (code, name) == (1, "store_unavailable")
        assert "nobody_made_this" in message

    def test_not_migrated(self, empty_database: Database) -> None:
        code, name, message = self.run(empty_database.url)
        assert (code, name) == (1, "not_migrated")
        assert "turnlog db upgrade" in message
        with connect(empty_database) as connection:
            query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'turnlog'"
            assert connection.execute(query).fetchone() == (0,)

    def test_newer_than_this_turnlog(self, database: Database) -> None:
        with connect(database) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.execute("UPDATE schema_compatibility SET oldest_code = '9998'")
        code, name, message = self.run(database.url)
        assert (code, name) == (1, "newer_schema")
        assert "Upgrade turnlog" in message

    def test_not_a_schema_of_ours(self, empty_database: Database) -> None:
        with connect(empty_database) as connection:
            connection.execute("CREATE SCHEMA turnlog; CREATE TABLE turnlog.log (line text)")
        code, name, _ = self.run(empty_database.url)
        assert (code, name) == (1, "not_migrated")

    def test_not_utf8(self, server_url: str) -> None:
        name = f"latin1_{os.getpid()}"
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' "
                "LOCALE_PROVIDER libc LOCALE 'C'"
            )
            try:
                code, error, message = self.run(with_database(server_url, name))
            finally:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        assert (code, error) == (1, "wrong_database")
        assert "LATIN1" in message
        assert "UTF8" in message

    def test_a_role_that_may_not(self, database: Database, role: str) -> None:
        code, name, _ = self.run(as_role(database.url, role))
        assert code == 1
        assert name in ("store_forbidden", "not_migrated")


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("TURNLOG_LEASE_SECONDS", "0"),
            ("TURNLOG_LEASE_SECONDS", "soon"),
            ("TURNLOG_POOL_MAX_CONNECTIONS", "1"),
            ("TURNLOG_MAX_EVENT_BYTES", "lots"),
            ("TURNLOG_LOG_LEVEL", "loud"),
            ("TURNLOG_ROUTING", "{"),
            ("TURNLOG_ROUTING", "[1]"),
            ("TURNLOG_SCHEMA", "public"),
            ("TURNLOG_SCHEMA", "Robert'); DROP TABLE log;--"),
            ("TURNLOG_DATABASE_ULR", "postgresql://typo"),
        ],
    )
    def test_a_value_that_cannot_be_is_named(
        self, cli: Cli, log_state: LogState, name: str, value: str
    ) -> None:
        ran = cli("submit", "--new", "Hello", "--json", **{name: value})
        assert (ran.code, ran.error["code"]) == (2, "invalid_settings")
        assert name in ran.error["message"]
        assert log_state.is_empty

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_data_folder_that_is_read_only(self, tmp_path: Path) -> None:
        for mode in (0o500, 0o000):
            tmp_path.chmod(mode)
            ran = Cli({"TURNLOG_DATA_DIR": str(tmp_path / "data")})("threads", "--json")
            assert (ran.code, ran.error["code"]) == (1, "data_dir_unusable")
            assert Cli({"TURNLOG_DATA_DIR": str(tmp_path / "data")})("doctor").code == 1
        tmp_path.chmod(0o700)

    def test_a_data_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("no folder")
        ran = Cli({"TURNLOG_DATA_DIR": str(tmp_path / "data")})("threads", "--json")
        assert (ran.code, ran.error["code"]) == (1, "data_dir_unusable")
        assert "TURNLOG_DATA_DIR" in ran.error["message"]

    def test_a_data_folder_on_a_read_only_file_system(self) -> None:
        ran = Cli({"TURNLOG_DATA_DIR": "/proc/turnlog"})("threads", "--json")
        assert (ran.code, ran.error["code"]) == (1, "data_dir_unusable")
