"""Releases of turnlog: the code of the checkout, and the one after it as a test writes it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.migrate import revisions
from tests.adapters.cli.harness import ROOT, Cli, Ran
from tests.fixtures.patience import PATIENCE, eventually

PACKAGES: Final = ("domain", "projections", "adapters")
DRIVER: Final = Path(__file__).with_name("driver.py")
NEXT_REVISION: Final = "9001"


@dataclass(frozen=True)
class Release:
    """One turnlog: a folder with its three packages."""

    folder: Path
    database: Database

    @property
    def cli(self) -> Cli:
        """Its command line."""
        return Cli(
            {"PYTHONPATH": str(self.folder), "TURNLOG_DATABASE_URL": self.database.url},
        )

    def run(self, *command: str) -> Ran:
        """A command of it, with its JSON; the code of the checkout is here already."""
        cli = self.cli
        return (cli if self.folder == ROOT else cli.process)(*command, "--json")

    def document(self, *command: str) -> Any:
        """The JSON document of a command that goes well, and has nothing else to say."""
        ran = self.run(*command).ok()
        assert ran.err == ""
        return ran.json

    def python(self, code: str, *args: str) -> None:
        """Run some lines of Python with its packages."""
        run = [sys.executable, "-P", "-c", code, self.database.url, *args]
        env = {"PYTHONPATH": str(self.folder)}
        subprocess.run(run, env=env, check=True, timeout=PATIENCE)

    def edit(self, file: str, old: str, new: str) -> None:
        """Put `new` where `old` stands in a file of it: there, and nowhere else."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def add_revision(self, up: str, down: str, oldest_code: str) -> None:
        """A revision after the last one."""
        folder = self.folder / "adapters/postgres/migrations/versions"
        (folder / f"{NEXT_REVISION}_next.py").write_text(
            "from adapters.postgres.migration_sql import copy_grants, run_sql\n"
            f"revision = {NEXT_REVISION!r}\ndown_revision = {revisions()[0]!r}\n"
            f"oldest_code = {oldest_code!r}\n"
            f"def upgrade() -> None:\n    {up}\n"
            f"def downgrade() -> None:\n    {down}\n",
            encoding="utf-8",
        )

    @contextmanager
    def working(self, reports: list[dict[str, Any]]) -> Iterator[None]:
        """A process of it appends, follows and reads during the block, then adds its report."""
        with self.cli.start(script=DRIVER, stdin=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                ready = process.stdout.readline()
                assert ready == "ready\n", process.communicate()[1]
                yield
                out, err = process.communicate(timeout=2 * PATIENCE)  # more than its own
            finally:
                process.kill()
        assert (process.returncode, err) == (0, ""), err
        report = json.loads(out)
        assert Path(report["code"]).is_relative_to(self.folder), "it ran other code"
        reports.append(report)


def this_release(database: Database) -> Release:
    """The code of the checkout."""
    return Release(ROOT, database)


def next_release(before: Release, folder: Path) -> Release:
    """A copy of `before` in `folder`, to be edited."""
    for package in PACKAGES:
        shutil.copytree(
            before.folder / package,
            folder / package,
            # With what is compiled, which counts for a file until that is edited; but not with what
            # another process is just writing.
            ignore=shutil.ignore_patterns("*.pyc.*"),
        )
    return Release(folder, before.database)


def until_appended(connection: Connection, events: int) -> None:
    """Returns when so many more events are in the log: everybody goes on working."""
    query = "SELECT position FROM log_head"

    def position() -> int:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    target = position() + events
    eventually(lambda: position() >= target)
