"""The composition root, the loggers, and the machine's clock and randomness."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from adapters import observability
from adapters.system import SystemClock, SystemEntropy
from projections.registry import NUMBER
from tests.adapters.cli.harness import Cli, new_thread


class TestLogging:
    def test_our_records_go_to_stderr_once(self, capsys: pytest.CaptureFixture[str]) -> None:
        observability.set_up("warning")
        observability.set_up("warning")
        logging.getLogger("turnlog.runner").warning("turn %s", "turn_1")
        logging.getLogger("turnlog.runner").info("not this")
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("turn turn_1") == 1
        assert "WARNING turnlog.runner: " in captured.err
        assert "not this" not in captured.err

    def test_the_level_can_be_changed(self, capsys: pytest.CaptureFixture[str]) -> None:
        observability.set_up("error")
        observability.set_up("debug")
        logging.getLogger("turnlog.runner").debug("now")
        assert "now" in capsys.readouterr().err

    def test_a_crash_is_told_without_what_the_error_says(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        try:
            raise ValueError("what somebody wrote")
        except ValueError as error:
            observability.log_crash(error)
        try:
            raise ImportError("no such library")
        except ImportError as error:
            observability.log_crash(error)
        told = capsys.readouterr().err
        assert "ValueError" in told
        assert "what somebody wrote" not in told
        assert "no such library" in told
        assert "test_wiring.py" in told

    def test_no_prompt_is_in_any_log(self, cli: Cli) -> None:
        ran = cli("submit", "--new", "a very secret prompt", TURNLOG_LOG_LEVEL="debug").ok()
        assert "very secret" in ran.out
        assert "very secret" not in ran.err


class TestSystem:
    def test_the_clock_is_utc(self) -> None:
        now = SystemClock().now()
        assert now.tzinfo is UTC
        assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)

    def test_entropy_is_sixteen_fresh_bytes(self) -> None:
        drawn = {SystemEntropy().bytes() for _ in range(100)}
        assert len(drawn) == 100
        assert {len(some) for some in drawn} == {16}


class TestListing:
    def test_the_last_changed_come_first_and_no_more_than_asked_for(self, cli: Cli) -> None:
        made = [new_thread(cli, f"{number}") for number in range(5)]
        for command in (("threads",), ("threads", "--all")):
            listed = cli.document(*command)["threads"]
            assert [row["thread_id"] for row in listed] == made[::-1]
        few = cli.document("threads", "--limit", "3")
        assert ([row["thread_id"] for row in few["threads"]], few["more"]) == (made[:1:-1], True)


def test_read_models_of_another_version_are_said_to_be_outdated(cli: Cli) -> None:
    """On a server of somebody's own they are not made anew by a look at them."""
    new_thread(cli)
    outdate(cli)
    ran = cli("threads").ok()
    assert "Warning: " in ran.err
    assert "turnlog rebuild" in ran.err
    assert "There are no threads" in ran.out
    ran = cli("threads", "--json").ok()
    assert ran.json["threads"] == []
    assert ran.warning["code"] == "read_models_outdated"
    assert "turnlog rebuild" in ran.warning["message"]
    cli("rebuild").ok()
    assert "Warning" not in cli("threads").ok().err


def test_read_models_of_a_newer_turnlog_are_shown_and_left_to_it(cli: Cli) -> None:
    shown = new_thread(cli)
    cli("threads").ok()
    outdate(cli, f"{NUMBER + 1}.another")
    late = new_thread(cli)
    ran = cli("threads").ok()
    assert "made by a newer turnlog" in ran.err
    assert shown[:16] in ran.out
    assert late not in ran.out
    verified = cli("verify").ok()
    assert "made by a newer turnlog" in verified.err
    assert "Clean" in verified.out


def outdate(cli: Cli, definition: str = "another") -> None:
    from adapters.postgres.connection import connect
    from adapters.postgres.database import Database

    with connect(Database(cli.env["TURNLOG_DATABASE_URL"])) as connection:
        connection.execute("UPDATE read_models SET definition = %s", [definition])
