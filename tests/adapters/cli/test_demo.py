"""The demo, as a newcomer runs it, and the schema it throws away."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.composition import DEMO_SCHEMA
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.scratch import ScratchSchemaBusy, ScratchSchemaTaken, scratch_schema
from projections.registry import NUMBER
from tests.adapters.cli.harness import Cli, LogState, new_thread
from tests.fixtures.patience import PATIENCE

DEMO_KEYS = {"thread_id", "schema", "steps", "rebuilt", "verified", "seconds"}
SCREENFUL = 84  # lines, of 80 columns


class TestDemo:
    """On an embedded server of its own: it is the whole way from nothing that is shown."""

    def test_the_story_is_told_twice_and_is_true(
        self, server_dir: Path, database_url: str, log_state: LogState
    ) -> None:
        env = {"TURNLOG_DATA_DIR": str(server_dir), "TURNLOG_DATABASE_URL": database_url}
        told = Cli({**env, "COLUMNS": "80"}).process("demo", timeout=4 * PATIENCE).ok()
        lines = told.out.splitlines()
        assert len(lines) <= SCREENFUL
        assert max(map(len, lines)) <= 80
        for words in ("kill -9", "is held", "worker lost", "Clean: ", "What to try next"):
            assert words in told.out
        assert told.err == ""

        # And again: the schema of the first time is thrown away.
        again = Cli(env).process("demo", "--json", timeout=4 * PATIENCE).ok().json
        assert again.keys() == DEMO_KEYS
        assert again["verified"]["clean"] is True
        assert again["verified"]["threads"] == 1
        numbers = [step["number"] for step in again["steps"]]
        assert numbers == list(range(1, len(numbers) + 1))
        assert log_state.is_empty, "the demo has no business on the user's server"

        embedded = Cli({"TURNLOG_DATA_DIR": str(server_dir)})
        assert embedded.document("threads")["threads"] == []
        shown = embedded.document("show", "last", TURNLOG_SCHEMA=DEMO_SCHEMA)
        assert shown["thread"]["thread_id"] == again["thread_id"]

    def test_a_claim_that_does_not_hold_makes_it_fail(
        self, server_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.cli.demo.ending.ENDS", ["completed"])
        ran = Cli({"TURNLOG_DATA_DIR": str(server_dir)})("demo", "--json")
        assert (ran.code, ran.error["code"]) == (1, "story_broken")


class TestEmbedded:
    """Without a database URL everything is made, migrated and kept by turnlog itself."""

    def test_nothing_has_to_be_prepared_and_nothing_is_left_outdated(
        self, server_dir: Path
    ) -> None:
        cli = Cli({"TURNLOG_DATA_DIR": str(server_dir)})
        thread_id = new_thread(cli)
        assert [row["thread_id"] for row in cli.document("threads")["threads"]] == [thread_id]
        with EmbeddedServer(server_dir) as server, connect(Database(server.url)) as connection:
            connection.execute("UPDATE read_models SET definition = 'another'")
        ran = cli("threads").ok()
        assert thread_id[:16] in ran.out
        assert ran.err == ""
        assert cli.document("verify")["clean"] is True

    def test_what_a_newer_turnlog_has_made_is_not_made_anew(self, server_dir: Path) -> None:
        """Else two turnlogs of one user would undo each other's work at every look."""
        cli = Cli({"TURNLOG_DATA_DIR": str(server_dir)})
        new_thread(cli)
        newer = f"{NUMBER + 1}.another"
        with EmbeddedServer(server_dir) as server, connect(Database(server.url)) as connection:
            connection.execute("UPDATE read_models SET definition = %s", [newer])
        assert "made by a newer turnlog" in cli("threads").ok().err
        with EmbeddedServer(server_dir) as server, connect(Database(server.url)) as connection:
            found = connection.execute("SELECT definition FROM read_models").fetchone()
        assert found == (newer,)


class TestScratchSchema:
    def test_it_is_empty_each_time(self, empty_database: Database) -> None:
        for _ in range(2):
            with scratch_schema(empty_database), connect(empty_database) as connection:
                assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)
                connection.execute("CREATE TABLE mess (it int)")

    def test_it_is_one_process_s_alone(self, empty_database: Database) -> None:
        with (
            scratch_schema(empty_database),
            pytest.raises(ScratchSchemaBusy),
            scratch_schema(empty_database),
        ):
            pass

    def test_one_that_somebody_else_made_is_left_alone(self, database: Database) -> None:
        with pytest.raises(ScratchSchemaTaken), scratch_schema(database):
            pass
        with connect(database) as connection:
            assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)
