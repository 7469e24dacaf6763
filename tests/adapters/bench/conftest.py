"""A server for benches that are too small to say anything about speed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest
from pydantic import SecretStr

from adapters.bench import append, growth, lag, turns
from adapters.bench.database import BenchServer
from adapters.bench.load import Gate
from adapters.bench.scene import Pace, Scene
from adapters.settings import Settings


def nobody_watches(_done: float, _total: float, _what: str) -> None:
    pass


@pytest.fixture
def scene(server_url: str) -> Scene:
    """On the server of the run, which need not be durable."""
    settings = Settings(database_url=SecretStr(server_url))
    return Scene(BenchServer(settings, server_url), Pace(nobody_watches), durable=False)


PATIENCE_SECONDS = 180  # many connections are opened first, on a machine that is busy


class CrewOfThreads:
    """A crew whose processes are threads, for their start takes longer than what these tests do."""

    def __init__(self, processes: int) -> None:
        self._size = processes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, task: Callable[[Any, Gate], Any], jobs: Sequence[Any]) -> list[Any]:
        gate = threading.Barrier(self._size)

        def do(job: Any) -> Any:
            try:
                return task(job, lambda: gate.wait(PATIENCE_SECONDS))
            except BaseException:
                gate.abort()  # the others would wait in vain
                raise

        with ThreadPoolExecutor(self._size) as pool:
            running = [pool.submit(do, job) for job in jobs]
        failed = [error for job in running if (error := job.exception()) is not None]
        # The one that failed is to blame, not those that then waited in vain.
        for error in sorted(failed, key=lambda e: isinstance(e, threading.BrokenBarrierError)):
            raise error
        return [job.result() for job in running]


@pytest.fixture
def crews_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (append, growth, lag, turns):
        monkeypatch.setattr(module, "Crew", CrewOfThreads)
