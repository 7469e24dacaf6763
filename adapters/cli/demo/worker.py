"""A worker in a process of its own, to be killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import adapters
from adapters.cli.demo import script

if TYPE_CHECKING:
    from adapters.composition import Turnlog

LEASE_SECONDS: Final = 2  # it is killed, and nobody wants to wait for its lease to run out


@contextlib.contextmanager
def worker_process(log: Turnlog, thread_id: str) -> Iterator[subprocess.Popen[bytes]]:
    """`turnlog run THREAD` on the database of `log`. It does not outlive the block."""
    with tempfile.TemporaryDirectory(prefix="turnlog-demo-") as folder:
        file = Path(folder) / "script.json"
        file.write_text(script.text(), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "adapters.cli.main", "run", thread_id]
        process = subprocess.Popen(
            [*command, "--script", str(file), "--json"],
            env=_environment(log),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the demo, which ends this one itself
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _environment(log: Turnlog) -> dict[str, str]:
    settings = log.settings
    kept = {name: v for name, v in os.environ.items() if not name.startswith("TURNLOG_")}
    packages = str(Path(adapters.__file__).parent.parent)
    return {
        **kept,
        # -P keeps the current folder, with whatever `domain` it has, off the path.
        "PYTHONPATH": os.pathsep.join(filter(None, [packages, kept.get("PYTHONPATH", "")])),
        "TURNLOG_DATA_DIR": str(settings.data_dir),
        "TURNLOG_SCHEMA": settings.schema_name,
        "TURNLOG_LEASE_SECONDS": str(LEASE_SECONDS),
    }
