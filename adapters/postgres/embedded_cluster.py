"""One data folder of the embedded PostgreSQL: make it, start its server, ask it, stop it.

Nothing here keeps two processes apart: whoever starts or stops holds the lock of `embedded.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import psycopg

from adapters.errors import DataDirUnusable, EmbeddedNotStarted
from adapters.postgres.embedded_programs import (
    Account,
    ProgramFailed,
    cluster_version,
    find_programs,
    runnable_programs,
    server_account,
)

DATABASE = "turnlog"
USER = "turnlog"
PORT = "5432"  # only part of the socket's name: several servers may have the same
SOCKET = f".s.PGSQL.{PORT}"

# Crash recovery after a power cut comes out of this, so it is generous.
START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.02
# The server still lists a client that has just quit.
GUEST_GONE_SECONDS = 0.2

# Starts "$@" on its own, with its output appended to the file $0, and prints its process id.
# (`pg_ctl start` would do, but for paths with quotes or dollar signs in them.)
DETACH = '"$@" >>"$0" 2>&1 </dev/null & echo $!'

# sockaddr_un holds 104 bytes on macOS and 108 on Linux, with the closing NUL.
MAX_SOCKET_PATH_BYTES = 103

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
}


@dataclass(frozen=True)
class Postmaster:
    """What a running (or crashed) server wrote about itself into `postmaster.pid`."""

    pid: int
    port: str
    socket_dir: str
    """Empty until the server has opened its socket."""

    @staticmethod
    def read(folder: Path) -> Postmaster | None:
        """None if there is no such file."""
        try:
            lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            pid, _, _, port, socket_dir = [*lines, *[""] * 5][:5]
            return Postmaster(int(pid), port, socket_dir)
        except (FileNotFoundError, ValueError):
            return None

    def is_alive(self) -> bool:
        """Whether the process is a PostgreSQL server still.

        After a crash of the machine the number may belong to something else by now.
        """
        return _process_name(self.pid).startswith("postgres")

    def url(self, database: str) -> str:
        """libpq URL of one of its databases."""
        host = quote(self.socket_dir, safe="")
        return f"postgresql://{USER}@/{database}?host={host}&port={self.port}"

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to its maintenance database. Raises psycopg.OperationalError."""
        return psycopg.connect(
            self.url("postgres"), connect_timeout=10, autocommit=True, application_name="turnlog"
        )


class Cluster:
    """The folder `postgres` in `data_dir`, with PostgreSQL settings over SETTINGS.

    The settings count only for the one that starts the server.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / "postgres"
        self.log = self.folder / "server.log"
        self._settings = {**SETTINGS, **settings}

    def postmaster(self) -> Postmaster | None:
        """The server process, None if there is none."""
        return Postmaster.read(self.folder)

    def ensure_running(self) -> None:
        """Start the server unless it answers, making the data first if there is none."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                self._give_up("it runs but does not answer")
            postmaster = self.postmaster()
            if postmaster is not None and postmaster.is_alive():
                time.sleep(POLL_SECONDS)  # starting, recovering, or on its way out
            else:
                self._launch(deadline)

    def stop(self) -> None:
        """Stop the server, whoever uses it. Does nothing if it is not running."""
        postmaster = self.postmaster()
        if postmaster is None or not postmaster.is_alive():
            return
        account = server_account(self.folder)
        with contextlib.suppress(ProgramFailed):  # it went by itself meanwhile
            pg_ctl = str(self._programs(account) / "bin" / "pg_ctl")
            timeout = str(STOP_TIMEOUT_SECONDS)
            account.run([pg_ctl, "stop", "-D", str(self.folder), "-s", "-m", "fast", "-t", timeout])

    def has_guests(self) -> bool:
        """Whether clients are connected that are not ours (ours say so in their name)."""
        postmaster = self.postmaster()
        if postmaster is None or not postmaster.socket_dir:
            return False
        query = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid() AND application_name NOT LIKE 'turnlog%'"
        )
        deadline = time.monotonic() + GUEST_GONE_SECONDS
        try:
            with postmaster.connect() as connection:
                while connection.execute(query).fetchone() == (True,):
                    if time.monotonic() > deadline:
                        return True
                    time.sleep(POLL_SECONDS)
        except psycopg.OperationalError:
            pass
        return False

    def _answers(self) -> bool:
        """Whether the server takes connections; creates our database if it is missing."""
        postmaster = self.postmaster()
        if postmaster is None or not postmaster.socket_dir:
            return False
        try:
            with postmaster.connect() as connection:
                query = "SELECT count(*) FROM pg_database WHERE datname = %s"
                if connection.execute(query, (DATABASE,)).fetchone() == (0,):
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _launch(self, deadline: float) -> None:
        account = server_account(self.folder)
        self._open_for(account)
        programs = self._programs(account)
        if cluster_version(self.folder) is None:
            self._create_cluster(programs, account)
        socket_dir = self._socket_dir(account)
        # Ours to remove: the process they name is gone, or is not a PostgreSQL server.
        for leftover in (self.folder / "postmaster.pid", socket_dir / f"{SOCKET}.lock"):
            leftover.unlink(missing_ok=True)
        options = {**self._settings, "unix_socket_directories": str(socket_dir)}
        log_start = self.log.stat().st_size if self.log.exists() else 0
        postgres = [str(programs / "bin" / "postgres"), "-D", str(self.folder)]
        arguments = [f"--{name}={value}" for name, value in options.items()]
        pid = int(account.run(["/bin/sh", "-c", DETACH, str(self.log), *postgres, *arguments]))
        while not self._answers():
            if not _process_name(pid):
                self._ended(log_start, deadline)
                return
            if time.monotonic() > deadline:
                self._give_up(f"it did not get ready in {START_TIMEOUT_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def _ended(self, log_start: int, deadline: float) -> None:
        """A server that was just started is gone already: give up, unless time will help."""
        why = self._complaint(log_start) or "PostgreSQL gave no reason"
        # The backends of a killed server hold its shared memory for another moment.
        if "shared memory block" not in why or time.monotonic() > deadline:
            self._give_up(why)
        time.sleep(POLL_SECONDS)

    def _open_for(self, account: Account) -> None:
        """Let the account pass through our folder. Folders above it are not ours to open."""
        if account.can_enter(self.data_dir):
            return
        self.data_dir.chmod(stat.S_IMODE(self.data_dir.stat().st_mode) | 0o011)
        if not account.can_enter(self.data_dir):
            raise DataDirUnusable(
                directory=self.data_dir,
                why=f"PostgreSQL does not run as root, and the account {account.name!r} it runs as "
                "may not enter a folder above it",
            )

    def _programs(self, account: Account) -> Path:
        return runnable_programs(find_programs(self.folder), account, self.data_dir)

    def _create_cluster(self, programs: Path, account: Account) -> None:
        """Made under another name and renamed, so that an interrupted one is never used."""
        unfinished = self.folder.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        account.own(unfinished)
        initdb = [str(programs / "bin" / "initdb"), "-D", str(unfinished), "-U", USER]
        # C.UTF-8 is built in: the order of text does not change with the system's locales.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        try:
            account.run([*initdb, "--auth=trust", "--encoding=UTF8", *locale])
        except ProgramFailed as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            self._give_up(f"initdb failed: {error}")
        if self.folder.exists():  # empty, or without PG_VERSION: a cluster that never was
            self.folder.rename(self.folder.with_name(f"postgres.broken-{time.time_ns()}"))
        unfinished.rename(self.folder)

    def _socket_dir(self, account: Account) -> Path:
        """The cluster, or a folder with a shorter name if the socket's would not do."""
        path = os.fsencode(self.folder / SOCKET)
        is_plain = b"," not in path and b'"' not in path  # both mean something in lists of paths
        if is_plain and len(path) <= MAX_SOCKET_PATH_BYTES:
            return self.folder
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"turnlog-{account.uid}-{digest}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            account.own(folder)
        found = folder.lstat()
        # Anybody may create this name first, and would then own the door to the database.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
            raise DataDirUnusable(directory=self.data_dir, why=f"{folder} is not ours")
        folder.chmod(0o700)
        return folder

    def _complaint(self, log_start: int) -> str:
        """The first fatal line in the log after `log_start` bytes; empty if there is none."""
        try:
            lines = self.log.read_bytes()[log_start:].decode(errors="replace").splitlines()
        except OSError:
            return ""
        fatal = (line for line in lines if " FATAL: " in line or " PANIC: " in line)
        return next(fatal, "").partition("] ")[2]

    def _give_up(self, why: str) -> NoReturn:
        raise EmbeddedNotStarted(directory=self.folder, why=why, log=self.log)


def _process_name(pid: int) -> str:
    """Empty if there is no such process, or only what is left of one.

    Where nothing reaps orphans (a container without an init), a dead server stays as a zombie.
    """
    import psutil  # comes with the extra `embedded`; nothing else needs it

    try:
        process = psutil.Process(pid)
        name: str = process.name()
        return "" if process.status() == psutil.STATUS_ZOMBIE else name
    except psutil.NoSuchProcess:
        return ""
