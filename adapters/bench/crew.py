"""Processes that are given work and begin it together.

They are started anew (spawn), so none of them inherits a lock or a connection. Ctrl-C is for their
parent: they go when it lets them go, or has gone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, Final, Self, TypeVar

from adapters.bench.load import Gate
from domain.errors import TurnlogError

GATE_SECONDS: Final = 120.0
END_SECONDS: Final = 5.0

Job = TypeVar("Job")
Result = TypeVar("Result")


class BenchFailed(TurnlogError):
    """The measurement failed: {why}."""


class Crew:
    """So many processes, for as long as the block."""

    def __init__(self, processes: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._size = processes
        self._gate = self._context.Barrier(processes)
        self._processes: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []

    def __enter__(self) -> Self:
        try:
            with _deaf_to_ctrl_c():
                for _ in range(self._size):
                    self._start()
        except BaseException:
            self._end()
            raise
        return self

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._gate), daemon=True)
        process.start()
        theirs.close()
        self._processes.append((process, ours))

    def __exit__(self, *exc: object) -> None:
        self._end()

    def run(self, task: Callable[[Job, Gate], Result], jobs: Sequence[Job]) -> list[Result]:
        """`task(job, gate)` in each process, one job each; `task` is a function of a module.

        Raises BenchFailed when one of them failed.
        """
        assert len(jobs) == self._size, "a job for each process"
        for (_, pipe), job in zip(self._processes, jobs, strict=True):
            with contextlib.suppress(OSError):  # one that is gone does not answer, either
                pipe.send((task, job))
        answers: list[tuple[bool, Any]] = []
        for _, pipe in self._processes:
            try:
                answers.append(pipe.recv())
            except (EOFError, OSError):
                self._gate.abort()
                answers.append((False, "a process of the bench ended before its work was done"))
        failures = [why for is_done, why in answers if not is_done]
        if failures:
            # A gate that another one's failure broke is no reason of its own.
            raise BenchFailed(why=next((why for why in failures if why), "it was abandoned"))
        return [result for _, result in answers]

    def _end(self) -> None:
        for process, pipe in self._processes:
            pipe.close()
            process.terminate()
        for process, _ in self._processes:
            process.join(END_SECONDS)
            if process.is_alive():
                process.kill()
        self._processes.clear()


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is started in the block does not hear it, from its first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, gate: Barrier) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            task, job = pipe.recv()
            try:
                answer = (True, task(job, lambda: gate.wait(GATE_SECONDS)))
            except Exception as error:  # noqa: BLE001 (told to the parent, which raises it)
                gate.abort()
                answer = (False, _reason(error))
            pipe.send(answer)


def _reason(error: Exception) -> str:
    if type(error).__name__ == "BrokenBarrierError":
        return ""
    return str(error).rstrip(".") or type(error).__name__
