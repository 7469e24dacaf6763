"""A disk that is really full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.errors import StoreFull
from adapters.postgres.connection import connect, open_pool
from adapters.postgres.embedded_programs import server_account
from adapters.postgres.recorder import PostgresLogRecorder
from tests.faults.callers import change
from tests.faults.ledger import Ledger
from tests.fixtures.server import OwnServer


@pytest.fixture
def small_disk(server_dir: Path) -> Iterator[Path]:
    """A folder on a disk of two megabytes; skips where one may not mount any."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting takes root")
    folder = server_dir / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_takes_no_part_of_an_append_and_goes_on_when_there_is_room(
    own_server: OwnServer, small_disk: Path
) -> None:
    database, ledger, known = own_server.database, Ledger(), [0]
    server_account(small_disk.parent / "postgres").own(small_disk)
    with connect(database) as admin:
        admin.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'".encode())
        admin.execute("ALTER TABLE log SET TABLESPACE small")
    with open_pool(database) as pool, PostgresLogRecorder(database, pool) as log:

        def append(size: int) -> object:
            return ledger.append(log, change("thr_a", known[0], size, padding=10_000), known[0])

        while isinstance(answer := append(5), list):
            known[0] = answer[-1].seq
        assert isinstance(answer, StoreFull)
        assert "Free some" in str(answer)
        assert known[0] > 0
        ledger.check(log)
        grow = ["mount", "-o", "remount,size=64m", str(small_disk)]
        subprocess.run(grow, check=True)
        assert isinstance(append(5), list)
        ledger.check(log)
