"""The schema's version, and the doctor."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest

from adapters.cli import diagnosis
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.migrate import revisions
from tests.adapters.cli.harness import Cli, new_thread
from tests.adapters.postgres.test_batches import wait_for_a_lock
from tests.fixtures.patience import PATIENCE


@pytest.fixture
def unmigrated(empty_database: Database) -> Cli:
    """`turnlog` on a database without a schema of ours."""
    return Cli({"TURNLOG_DATABASE_URL": empty_database.url})


class TestDb:
    def test_upgrade_brings_an_empty_database_up_to_date(self, unmigrated: Cli) -> None:
        assert unmigrated.document("db", "current")["state"] == "empty"
        refused = unmigrated("db", "check", "--json")
        assert (refused.code, refused.error["code"]) == (1, "not_migrated")
        document = unmigrated.document("db", "upgrade")
        assert document == {
            "schema": "turnlog",
            "from": None,
            "to": revisions()[0],
            "changed": True,
        }
        assert unmigrated.document("db", "check")["state"] == "current"
        assert unmigrated.document("db", "upgrade")["changed"] is False
        assert "up to date" in unmigrated("db", "upgrade").ok().out
        new_thread(unmigrated)

    def test_current_says_both_versions(self, cli: Cli) -> None:
        document = cli.document("db", "current")
        assert document.keys() == {
            "database",
            "schema",
            "found",
            "wanted",
            "state",
            "oldest_code",
        }
        assert revisions()[0] in cli("db", "current").ok().out

    def test_a_newer_schema_is_left_alone(self, cli: Cli, database: Database) -> None:
        with connect(database) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.execute("UPDATE schema_compatibility SET oldest_code = '9998'")
        for command in ("check", "upgrade"):
            ran = cli("db", command, "--json")
            assert (ran.code, ran.error["code"]) == (1, "newer_schema")
        assert cli.document("db", "current")["state"] == "newer"
        assert "does not work with it" in cli("db", "current").out

    def test_with_a_newer_schema_that_still_works_with_it_it_goes_on(
        self, cli: Cli, database: Database
    ) -> None:
        with connect(database) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        assert cli.document("db", "current")["state"] == "compatible"
        assert cli.document("db", "check")["state"] == "compatible"
        assert cli.document("db", "upgrade")["changed"] is False
        assert "this one works with it" in cli("db", "upgrade").ok().out
        new_thread(cli)
        doctor = cli("doctor", "--json").json
        assert [check["state"] for check in doctor["checks"] if check["name"] == "schema"] == [
            "note"
        ]

    def test_a_schema_of_another_name(self, cli: Cli) -> None:
        other = Cli({**cli.env, "TURNLOG_SCHEMA": "another"})
        assert other("threads").code == 1
        other("db", "upgrade").ok()
        new_thread(other)
        assert cli.document("threads")["threads"] == []


class TestDoctor:
    def states(self, cli: Cli) -> dict[str, str]:
        ran = cli("doctor", "--json")
        checks = ran.json["checks"]
        assert all(check.keys() == {"name", "state", "what", "advice"} for check in checks)
        states = {check["name"]: check["state"] for check in checks}
        bad = "bad" in states.values()
        assert ran.code == int(bad)
        assert ran.json["healthy"] is not bad
        return states

    def test_a_healthy_log(self, cli: Cli) -> None:
        new_thread(cli)
        states = self.states(cli)
        assert set(states) >= {
            "program",
            "packages",
            "settings",
            "database",
            "schema",
            "log",
            "read models",
            "turns",
            "locks",
        }
        out = cli("doctor").out
        assert "6 events" in out

    def test_a_turn_that_nobody_works_on_is_noted_with_what_to_do(self, cli: Cli) -> None:
        new_thread(cli)
        assert self.states(cli)["turns"] == "note"
        assert "`turnlog run`" in cli("doctor").out

    def test_a_database_that_is_not_there(self) -> None:
        url = "postgresql://me:secret@127.0.0.1:1/db"
        states = self.states(Cli({"TURNLOG_DATABASE_URL": url}))
        assert states["database"] == "bad"

    def test_a_database_that_is_not_migrated(self, unmigrated: Cli) -> None:
        assert self.states(unmigrated)["database"] == "bad"
        assert "turnlog db upgrade" in unmigrated("doctor").out

    def test_settings_that_cannot_be(self) -> None:
        states = self.states(Cli({"TURNLOG_LEASE_SECONDS": "never"}))
        assert states["settings"] == "bad"

    def test_a_log_that_takes_changes(self, cli: Cli, database: Database) -> None:
        with connect(database) as connection:
            connection.execute("ALTER TABLE log DISABLE TRIGGER log_append_only")
        assert self.states(cli)["append-only"] == "bad"

    @pytest.mark.parametrize(
        ("made_by", "expected"), [("0.abc", "an older"), ("abc", "an older"), ("9.abc", "a newer")]
    )
    def test_read_models_of_another_version(
        self, cli: Cli, database: Database, made_by: str, expected: str
    ) -> None:
        with connect(database) as connection:
            connection.execute("UPDATE read_models SET definition = %s", [made_by])
        assert self.states(cli)["read models"] == "note"
        out = cli("doctor").out
        assert f"made by {expected} turnlog" in out
        assert "`turnlog rebuild`" in out

    def test_read_models_that_have_stopped(self, cli: Cli, database: Database) -> None:
        with connect(database) as connection:
            connection.execute("UPDATE read_models SET failure = 'stuck', failed_position = 1")
        assert self.states(cli)["read models"] == "bad"

    def test_who_keeps_others_waiting(self, cli: Cli, database: Database) -> None:
        with connect(database) as holder, holder.transaction():
            holder.execute("SELECT position FROM log_head FOR UPDATE")
            pid = holder.info.backend_pid
            process = cli.start("submit", "--new", "Hello", "--no-run")
            try:
                wait_for_a_lock(holder)
                out = cli("doctor").out
            finally:
                process.kill()
                process.communicate()
        assert f"session {pid} (turnlog" in out
        assert "has a transaction open for" in out
        assert "keeps 1 session waiting" in out

    def test_who_keeps_others_waiting_without_a_transaction(
        self, cli: Cli, database: Database
    ) -> None:
        """As it looks, too, if the session is another role's."""
        lock = "SELECT pg_advisory_lock(1)"
        with connect(database) as holder, connect(database) as waiter, ThreadPoolExecutor(1) as one:
            pid = holder.info.backend_pid
            holder.execute(lock)
            waiting = one.submit(waiter.execute, lock)
            try:
                wait_for_a_lock(holder)
                out = cli("doctor").out
            finally:
                holder.execute("SELECT pg_advisory_unlock_all()")
                waiting.result(PATIENCE)
        assert f"session {pid} (turnlog, idle) keeps 1 session waiting" in out

    def test_another_package_of_our_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        foreign = ModuleType("domain")
        foreign.__path__ = ["/somewhere/else/domain"]
        monkeypatch.setitem(sys.modules, "domain", foreign)
        [check] = [c for c in diagnosis.program_checks() if c.name == "packages"]
        assert check.state == "bad"
        assert "/somewhere/else" in check.what

    def test_the_environment_is_named_and_no_value_of_it(self, cli: Cli) -> None:
        out = cli("doctor", TURNLOG_ROUTING='{"review": "secret-model"}').out
        assert "TURNLOG_ROUTING" in out
        assert "secret-model" not in out
