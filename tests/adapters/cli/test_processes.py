"""`turnlog` as a process: killed, interrupted, cut off from its output, and in good time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from tests.adapters.cli.harness import ROOT, Cli, new_thread
from tests.fixtures.patience import PATIENCE, eventually
from tests.fixtures.server import OwnServer

# PYTHONUNBUFFERED: with a buffer, what could not be written is still there to fail again.
BUFFERING = [pytest.param("", id="buffered"), pytest.param("1", id="unbuffered")]
no_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A script whose turn goes on until it is stopped."""
    script = tmp_path / "endless.json"
    steps = [{"do": "run", "command": "sleep 600", "wait": {"seconds": 600}}]
    script.write_text(json.dumps({"turns": [{"when": "endless", "steps": steps}]}))
    return str(script)


def events(database: Database, name: str) -> int:
    with connect(database) as connection:
        query = "SELECT count(*) FROM log WHERE type = %s"
        row = connection.execute(query, [name]).fetchone()
    assert row is not None
    return int(row[0])


def lapse_leases(database: Database) -> None:
    """As if the time of all leases had gone by."""
    with connect(database) as connection:
        connection.execute("UPDATE leases SET expires_at = clock_timestamp()")


def has_ended(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None


@contextmanager
def running(
    cli: Cli, database: Database, *args: str, **options: object
) -> Iterator[subprocess.Popen[str]]:
    """A `turnlog` in the middle of a command that its engine has begun."""
    before = events(database, "item.started")
    with cli.start(*args, **options) as process:
        try:
            # The user's message, and then what the engine does.
            eventually(lambda: events(database, "item.started") >= before + 2 or has_ended(process))
            assert not has_ended(process), process.communicate()
            yield process
        finally:
            process.kill()


class TestKilled:
    def test_the_next_run_recovers_the_turn_by_an_event_and_the_queue_goes_on(
        self, cli: Cli, database: Database, endless: str
    ) -> None:
        args = ("submit", "--new", "endless", "--script", endless)
        with running(cli, database, *args) as process:
            thread_id = cli.document("threads")["threads"][0]["thread_id"]
            cli("submit", thread_id, "Next", "--delivery", "queue", "--no-run").ok()
            process.kill()
            process.wait()
        assert events(database, "turn.completed") == 0
        lapse_leases(database)
        assert "left by a lost worker" in cli("doctor").out

        ran = cli("run", thread_id).ok()
        assert "turn interrupted: worker lost" in ran.out
        assert "You said: Next" in ran.out
        assert "lost worker" in ran.out
        ends = [turn["status"] for turn in cli.document("show", thread_id)["turns"]]
        assert ends == ["interrupted", "completed"]
        assert cli.document("verify")["clean"] is True

    def test_a_turn_that_another_process_works_on_is_left_to_it(
        self, cli: Cli, database: Database, endless: str
    ) -> None:
        with running(cli, database, "submit", "--new", "endless", "--script", endless):
            for args in (("run", "last"), ("run",)):
                ran = cli(*args).ok()
                assert "Another worker" in ran.out
            queued = cli.document("submit", "last", "More", "--delivery", "queue")
            assert [turn["end"] for turn in queued["turns"]] == ["taken"]
            assert events(database, "turn.completed") == 0

    def test_an_interrupt_reaches_the_process_that_works(
        self, cli: Cli, database: Database, endless: str
    ) -> None:
        with running(cli, database, "submit", "--new", "endless", "--script", endless) as process:
            cli("interrupt", "last").ok()
            out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert "turn interrupted" in out

    def test_a_steer_reaches_the_process_that_works(
        self, cli: Cli, database: Database, tmp_path: Path
    ) -> None:
        script = tmp_path / "script.json"
        wait = {"do": "run", "command": "sleep 600", "wait": {"until": "steered"}}
        script.write_text(json.dumps({"steps": [wait, {"do": "boundary"}]}))
        args = ("submit", "--new", "Go", "--script", str(script))
        with running(cli, database, *args) as process:
            cli("steer", "last", "Left").ok()
            out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert "you: Left" in out
        assert "Understood: Left" in out


class TestDatabaseLost:
    def test_it_is_said_and_the_next_start_recovers_the_turn(
        self, own_server: OwnServer, endless: str
    ) -> None:
        # It waits as long as its lease lasts: a shorter one is lost on a busy machine anyway.
        impatient = {"TURNLOG_CONNECT_TIMEOUT_SECONDS": "2", "TURNLOG_LEASE_SECONDS": "4"}
        cli = Cli({"TURNLOG_DATABASE_URL": own_server.database.url})
        args = ("submit", "--new", "endless", "--script", endless)
        with running(cli, own_server.database, *args, env=impatient) as process:
            own_server.stop()
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert "Traceback" not in err
        assert "was lost or could not be renewed" in out
        lapse_leases(own_server.start())
        assert "left by a lost worker" in cli("doctor").out
        assert "worker lost" in cli("run").ok().out


class TestCtrlC:
    def test_the_first_asks_the_turn_to_stop_and_waits_for_it(
        self, cli: Cli, database: Database, endless: str
    ) -> None:
        args = ("submit", "--new", "endless", "--script", endless)
        with running(cli, database, *args) as process:
            cli("submit", "last", "Next", "--delivery", "queue", "--no-run").ok()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "Asking the turn to stop" in err
        assert "Traceback" not in err
        assert "turn interrupted" in out
        assert "1 prompt is on hold" in out
        assert events(database, "turn.interrupt_requested") == 1

    def test_the_second_leaves_the_turn_to_the_next_start(
        self, cli: Cli, database: Database, tmp_path: Path
    ) -> None:
        script = tmp_path / "deaf.json"
        steps = [{"do": "run", "command": "sleep 600", "wait": {"seconds": 600}}]
        scene = {"when": "deaf", "steps": steps, "heeds_interrupts": False}
        script.write_text(json.dumps({"turns": [scene]}))
        with running(cli, database, "submit", "--new", "deaf", "--script", str(script)) as process:
            process.send_signal(signal.SIGINT)
            eventually(lambda: events(database, "turn.interrupt_requested") == 1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "Leaving" in err
        assert "Traceback" not in err
        assert events(database, "turn.completed") == 0
        assert "turn interrupted" in cli("run").ok().out

    def test_a_command_that_waits_for_nothing_of_ours_just_ends(
        self, cli: Cli, database: Database
    ) -> None:
        thread_id = new_thread(cli)
        with cli.start("replay", thread_id, "--follow") as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert err.strip().endswith("Stopped.")
        assert "Traceback" not in err


class TestFollow:
    def test_what_is_appended_is_told_a_line_each(self, cli: Cli) -> None:
        thread_id = new_thread(cli, "Hello")
        with cli.start("replay", thread_id, "--follow", "--json") as process:
            assert process.stdout is not None
            first = [json.loads(process.stdout.readline()) for _ in range(6)]
            cli("run", thread_id).ok()
            later = [json.loads(process.stdout.readline()) for _ in range(3)]
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=PATIENCE)
        assert [line["seq"] for line in first + later] == list(range(1, 10))
        assert later[-1]["type"] == "turn.completed"
        assert process.returncode == 128 + signal.SIGTERM
        assert "Traceback" not in err


class TestOutput:
    def test_a_reader_that_leaves_ends_the_command_quietly(self, cli: Cli) -> None:
        thread_id = new_thread(cli)
        with cli.start("replay", thread_id, "--follow") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            cli("run", thread_id).ok()
            assert process.wait(PATIENCE) == 141
            assert process.stderr.read() == ""

    def test_help_that_is_not_read_to_its_end_is_quiet(self, cli: Cli) -> None:
        ran = shell(cli, "--help | head -1")
        assert (ran.returncode, ran.stderr) == (0, "")

    @pytest.mark.parametrize("unbuffered", BUFFERING)
    def test_a_turn_goes_on_when_nobody_reads_any_more(
        self, cli: Cli, database: Database, endless: str, unbuffered: str
    ) -> None:
        args = ("submit", "--new", "endless", "--script", endless)
        env = {"PYTHONUNBUFFERED": unbuffered}
        with running(cli, database, *args, env=env) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            cli("submit", "last", "Next", "--delivery", "queue", "--no-run").ok()
            cli("interrupt", "last", "--queued", "continue", "--no-run").ok()
            assert process.wait(PATIENCE) == 141
            assert process.stderr.read() == ""
        ends = [turn["status"] for turn in cli.document("show", "last")["turns"]]
        assert ends == ["interrupted", "completed"]

    def test_output_that_is_closed_from_the_start(self, cli: Cli) -> None:
        new_thread(cli)
        for redirect in (">&-", "2>&-", ">&- 2>&- <&-"):
            ran = shell(cli, f"threads {redirect}")
            assert ran.returncode == 0
            assert "Traceback" not in ran.stdout + ran.stderr

    @no_full_disk
    @pytest.mark.parametrize("unbuffered", BUFFERING)
    def test_a_full_disk_is_said(self, cli: Cli, unbuffered: str) -> None:
        new_thread(cli)
        for command in ("threads", "threads --json", "--help", "--version"):
            ran = shell(cli, f"{command} > /dev/full", unbuffered)
            assert ran.returncode == 1
            assert "No space left on device" in ran.stderr
            assert len(ran.stderr.splitlines()) == 1

    @no_full_disk
    @pytest.mark.parametrize("unbuffered", BUFFERING)
    def test_a_full_disk_keeps_no_turn_from_its_end(self, cli: Cli, unbuffered: str) -> None:
        def status(command: str) -> str:
            ran = shell(cli, f"{command} > /dev/full", unbuffered)
            assert ran.returncode == 1
            assert "No space left on device" in ran.stderr
            assert len(ran.stderr.splitlines()) == 1
            return str(cli.document("show", "last")["turns"][-1]["status"])

        assert status("submit --new x") == "completed"
        assert status("submit last y") == "completed"
        cli("submit", "last", "z", "--no-run").ok()
        assert status("interrupt last") == "interrupted"
        cli("submit", "last", "z", "--no-run").ok()
        assert status("run") == "completed"

    @pytest.mark.parametrize("unbuffered", BUFFERING)
    def test_a_reader_of_one_line_keeps_no_turn_from_its_end(
        self, cli: Cli, tmp_path: Path, unbuffered: str
    ) -> None:
        script = tmp_path / "long.json"
        step = {"do": "run", "command": "x" * 1000, "output": "y" * 1000}
        script.write_text(json.dumps({"steps": [step] * 60}))
        ran = shell(cli, f"submit --new x --script {script} | head -1", unbuffered)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert len(ran.stdout.splitlines()) == 1
        assert cli.document("show", "last")["turns"][-1]["status"] == "completed"

    def test_an_encoding_without_our_characters_is_no_obstacle(self, cli: Cli) -> None:
        new_thread(cli, "“déjà vu” 標題")
        for options in ((), ("--json",)):
            env = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
            ran = cli.process("show", "last", *options, env=env, encoding="latin-1")
            assert "déjà vu" in (ran.ok().json["prompts"][0]["text"] if options else ran.out)

    def test_no_colour_where_there_is_no_terminal(self, cli: Cli) -> None:
        new_thread(cli)
        assert "\x1b" not in cli.process("show", "last", env={"TERM": "xterm-256color"}).out


def shell(cli: Cli, command: str, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    """A command line with redirections."""
    more = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    env = {**os.environ, **more, **cli.env}
    return subprocess.run(
        ["sh", "-c", f"{sys.executable} -P -m adapters.cli.main {command}"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def python(code: str) -> subprocess.CompletedProcess[str]:
    """A process that does just that."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )


class TestStart:
    def test_help_comes_quickly(self, cli: Cli) -> None:
        """Without the libraries that commands need: that is what makes it quick."""
        code = (
            "import sys, adapters.cli.main; "
            "print([m for m in ('psycopg', 'sqlalchemy', 'alembic', 'pydantic', 'asyncio', "
            "'eventsourcing', 'rich.table') if m in sys.modules])"
        )
        assert python(code).stdout.strip() == "[]"

    def test_ctrl_c_before_a_command_has_begun(self) -> None:
        """While typer makes the commands, which on a busy machine takes a second."""
        code = (
            "import typer.main, adapters.cli.main\n"
            "def get_command(app):\n    raise KeyboardInterrupt\n"
            "typer.main.get_command = get_command\n"
            "adapters.cli.main.run()"
        )
        ran = python(code)
        assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "Stopped.\n")

    def test_ctrl_c_while_the_command_line_is_imported(self) -> None:
        code = (
            "import os, signal, sys\n"
            "class Stop:\n"
            "    def find_spec(name, *_):\n"
            "        if name == 'adapters.cli.main':\n"
            "            os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.meta_path.insert(0, Stop)\n"
            "import adapters.cli.start\n"
            "adapters.cli.start.run()"
        )
        ran = python(code)
        assert (ran.returncode, ran.stdout, ran.stderr) == (-signal.SIGINT, "", "")

    def test_help_of_everything(self, cli: Cli) -> None:
        out = cli("--help").ok().out
        commands = [line.split()[1] for line in out.splitlines() if line.startswith("│ ")]
        for command in ("threads", "submit", "verify", "doctor", "demo", "db"):
            assert command in commands
            assert "Usage: turnlog" in cli(command, "--help").ok().out

    def test_the_version(self, cli: Cli) -> None:
        assert cli("--version").ok().out.startswith("turnlog")

    def test_nothing_given_is_help(self, cli: Cli) -> None:
        for args in ((), ("db",)):
            ran = cli(*args)
            assert (ran.code, ran.err) == (2, "")
            assert "Usage: turnlog" in ran.out

    def test_a_mixture_with_another_package_is_refused(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "projections").mkdir()
        (tmp_path / "projections" / "__init__.py").touch()
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        ran = cli.process("--version", env={"PYTHONPATH": path})
        assert ran.code == 1
        assert str(tmp_path) in ran.err
        assert "environment of its own" in ran.err

    def test_a_fault_of_ours_is_one_sentence(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("Ada said: secret")

        monkeypatch.setattr("adapters.composition.open_turnlog", broken)
        ran = cli("threads")
        assert (ran.code, ran.out) == (1, "")
        assert len(ran.err.splitlines()) == 1
        assert "ZeroDivisionError" in ran.err
        assert "TURNLOG_LOG_LEVEL=debug" in ran.err
        assert "secret" not in ran.err
        debug = cli("threads", TURNLOG_LOG_LEVEL="debug")
        assert "composition" in debug.err or "session.py" in debug.err
        assert "secret" not in debug.err
        assert cli("threads", "--json").error["code"] == "internal_error"
