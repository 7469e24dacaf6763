"""Runs `turnlog` in this process or in one of its own, and looks into its database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from adapters.cli.main import app
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from tests.fixtures.patience import PATIENCE

ROOT = Path(__file__).parents[3]
# What would change the output: pytest-xdist sets the first.
NEUTRAL: dict[str, str | None] = {"COLUMNS": None, "NO_COLOR": None, "FORCE_COLOR": None}


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its document."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error it reported as JSON, and nothing else on stderr."""
        error: dict[str, Any] = json.loads(self.err)["error"]
        assert error.keys() == {"code", "message", "details"}
        return error

    @property
    def warning(self) -> dict[str, Any]:
        """The same of a warning."""
        warning: dict[str, Any] = json.loads(self.err)["warning"]
        assert warning.keys() == {"code", "message", "details"}
        return warning

    def ok(self) -> Ran:
        """This, if it went well."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True)
class Cli:
    """`turnlog` with an environment."""

    env: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *args: str, stdin: str | bytes | None = None, **env: str) -> Ran:
        """The command, in this process."""
        result = CliRunner().invoke(app, args, input=stdin, env={**NEUTRAL, **self.env, **env})
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return Ran(result.exit_code, result.stdout, result.stderr)

    def document(self, *args: str, **env: str) -> Any:
        """The JSON document of a command that goes well."""
        return self(*args, "--json", **env).ok().json

    def start(self, *args: str | bytes, **options: Any) -> subprocess.Popen[str]:
        """The command (or the file `script`), in a process of its own, with its output in pipes."""
        script = options.pop("script", None)
        program = ["-m", "adapters.cli.main"] if script is None else [str(script)]
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TURNLOG_") and name not in NEUTRAL
        }
        given = options.pop("env", {})
        return subprocess.Popen(
            [sys.executable, "-P", *program, *args],
            env={**env, "PYTHONPATH": str(ROOT), **self.env, **given},
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "encoding": "utf-8",
                **options,
            },
        )

    def process(self, *args: str | bytes, timeout: float = PATIENCE, **options: Any) -> Ran:
        """The command in a process of its own, to its end."""
        stdin = options.pop("input", None)
        if stdin is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(*args, **options) as process:
            out, err = process.communicate(stdin, timeout=timeout)
        assert "Traceback" not in err
        return Ran(process.returncode, out or "", err or "")


@dataclass(frozen=True)
class LogState:
    """A fingerprint of the log. Equal ones mean that nothing was written."""

    database: Database

    def __call__(self) -> tuple[object, ...]:
        query = "SELECT count(*), max(position), max(encode(hash, 'hex')) FROM log"
        with connect(self.database) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return tuple(row)

    @property
    def is_empty(self) -> bool:
        """Whether not a single event was written."""
        return self()[0] == 0


def new_thread(cli: Cli, text: str = "Hello", *options: str) -> str:
    """A thread whose first turn is not run."""
    outcome = cli.document("submit", "--new", text, "--no-run", *options)["outcome"]
    return str(outcome["thread_id"])
