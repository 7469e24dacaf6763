"""PostgreSQL's own pgbench: one row an INSERT, into a table with a primary key and a unique index.

About the fastest way for so many clients to have so many rows on the disk, each in a transaction.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from adapters.bench.crew import BenchFailed
from adapters.bench.database import parts_of
from adapters.errors import EmbeddedError
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.embedded_programs import find_programs
from adapters.system import cores

MISSING: Final = "pgbench is not installed on this machine"
SPARE_CONNECTIONS: Final = 10
LONGEST_SECONDS: Final = 60

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS public.bench_row (
        id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        stream  bigint NOT NULL,
        version bigint NOT NULL,
        data    text   NOT NULL,
        UNIQUE (stream, version)
    )
"""
_SCRIPT: Final = (
    "\\set version random(1, 9000000000000000000)\n"
    "INSERT INTO public.bench_row (stream, version, data) "
    "VALUES (:client_id, :version, '{data}');\n"
)


def program() -> str | None:
    """pgbench: the one that comes with the embedded PostgreSQL, or the one on PATH."""
    try:
        bundled = find_programs(Path("none")) / "bin" / "pgbench"
    except EmbeddedError:
        return shutil.which("pgbench")
    return str(bundled) if os.access(bundled, os.X_OK) else shutil.which("pgbench")


def why_not(clients: int, max_connections: int) -> str | None:
    """Why so many clients cannot be measured; None if they can."""
    if program() is None:
        return MISSING
    if clients + SPARE_CONNECTIONS > max_connections:
        return f"the server takes {max_connections} connections, and this needs {clients} at once"
    return None


def rows_per_second(database: Database, clients: int, seconds: float, data: str) -> float:
    """Rows inserted a second. `data` is each row's text. Raises BenchFailed."""
    pgbench = program()
    assert pgbench is not None, "why_not says so"
    with connect(database) as connection:
        connection.execute(_TABLE)
    with tempfile.TemporaryDirectory(prefix="turnlog-bench-") as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(_SCRIPT.format(data=data.replace("'", "''")), encoding="utf-8")
        threads = min(clients, cores())
        command = [pgbench, "-n", "-M", "prepared", "-c", str(clients), "-j", str(threads)]
        command += ["-f", str(script)]
        return _rate(command, _environment(database), max(1, math.ceil(seconds)))


def _rate(command: Sequence[str], environment: Mapping[str, str], seconds: int) -> float:
    done = subprocess.run(
        [*command, "-T", str(seconds)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None and done.returncode == 0 and seconds < LONGEST_SECONDS:
        return _rate(command, environment, 2 * seconds)  # not one was ready: the machine is busy
    if done.returncode != 0 or found is None:
        raise BenchFailed(why=f"pgbench: {(done.stderr.strip() or 'no result').splitlines()[-1]}")
    return float(found[1])


def _environment(database: Database) -> dict[str, str]:
    """Not on the command line, which everybody on the machine can read."""
    parts = parts_of(database)
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    given = {f"PG{name}": parts[part] for part, name in names.items() if parts[part]}
    return {**os.environ, **given, "PGDATABASE": parts["dbname"]}
