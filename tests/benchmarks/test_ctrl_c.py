"""Ctrl-C in the middle of a bench. Here, as it takes a server that forgets nothing."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import psycopg
import pytest

from adapters.bench.database import EMBEDDED_SETTINGS, PREFIX
from adapters.postgres.embedded import EmbeddedServer
from tests.adapters.cli.harness import Cli

WAIT_SECONDS = 60
AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, %s)"
LEFT = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"

pytestmark = pytest.mark.benchmark


@pytest.mark.parametrize("sessions", [1, 3])
def test_ctrl_c_ends_it_with_a_word_and_leaves_no_database(sessions: int, server_dir: Path) -> None:
    """When it has just made its database, and when its processes are at work."""
    with (
        EmbeddedServer(server_dir, EMBEDDED_SETTINGS) as server,
        psycopg.connect(server.url, autocommit=True) as watcher,
    ):
        cli = Cli({"TURNLOG_DATA_DIR": str(server_dir)})
        with cli.start("bench", "turns", "--quick", "--json") as process:
            deadline = time.monotonic() + WAIT_SECONDS
            while (watcher.execute(AT_WORK, [PREFIX]).fetchone() or (0,))[0] < sessions:
                assert process.poll() is None
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == 130
        assert out == ""
        assert json.loads(err)["error"]["code"] == "interrupted"
        assert watcher.execute(LEFT, [PREFIX]).fetchall() == []
