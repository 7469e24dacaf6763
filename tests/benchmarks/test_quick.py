"""Each bench with --quick, on a server that forgets nothing: its time, and the aims.

`python -m pytest -m benchmark tests/benchmarks`, on a machine that does nothing else. Noise can
miss an aim; a miss that comes back does not come from noise. The full forms are `turnlog bench …`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.bench.benches import BENCHES
from adapters.bench.database import EMBEDDED_SETTINGS
from adapters.postgres.embedded import EmbeddedServer
from tests.adapters.cli.harness import Cli
from tests.fixtures.server import external_url

QUICK_SECONDS = 40

pytestmark = pytest.mark.benchmark


@pytest.fixture
def durable_cli(server_dir: Path) -> Iterator[Cli]:
    """`turnlog` on the server of the run, if that is named, or on an embedded one of its own."""
    if url := external_url():
        yield Cli({"TURNLOG_DATABASE_URL": url})
        return
    with EmbeddedServer(server_dir, EMBEDDED_SETTINGS):
        yield Cli({"TURNLOG_DATA_DIR": str(server_dir)})


@pytest.mark.parametrize("bench", BENCHES)
def test_quick_is_quick_and_its_aims_are_met(bench: str, durable_cli: Cli) -> None:
    began = time.monotonic()
    ran = durable_cli.process("bench", bench, "--quick", "--json", timeout=180)
    seconds = time.monotonic() - began
    document = ran.ok().json
    assert document["ratios"], "every bench has one"
    missed = {
        name: f"{document['ratios'][name]}, the aim is {aim['aim']}"
        for name, aim in document["aims"].items()
        if not aim["met"]
    }
    assert seconds <= QUICK_SECONDS
    assert not missed
