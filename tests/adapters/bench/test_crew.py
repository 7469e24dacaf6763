"""The processes of a bench."""

from __future__ import annotations

import os
import signal

import pytest

from adapters.bench.crew import BenchFailed, Crew
from adapters.bench.load import Gate, Window, drive
from tests.fixtures.patience import eventually


def who(number: int, gate: Gate) -> tuple[int, int, bool]:
    gate()
    return number, os.getpid(), signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def fail_if_two(number: int, gate: Gate) -> None:
    if number == 2:
        raise ValueError("there is no second one.")
    gate()


def vanish(_number: int, _gate: Gate) -> None:
    os._exit(1)


def test_each_process_gets_its_job_and_none_hears_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Crew(2) as crew:
        for _ in range(2):
            (first, pid, one_is_deaf), (second, other_pid, other_is_deaf) = crew.run(who, [1, 2])
            assert (first, second) == (1, 2)
            assert len({pid, other_pid, os.getpid()}) == 3
            assert one_is_deaf
            assert other_is_deaf
        # The one that waits at the gate for the other is let go.
        with pytest.raises(BenchFailed, match=r"failed: there is no second one\.$"):
            crew.run(fail_if_two, [1, 2])
    assert signal.getsignal(signal.SIGINT) == before


def test_a_process_that_ends_before_its_work_is_done_is_an_error() -> None:
    with Crew(1) as crew, pytest.raises(BenchFailed, match="ended before its work was done"):
        crew.run(vanish, [1])


def test_a_process_that_ended_before_it_was_given_work_is_an_error() -> None:
    with Crew(1) as crew:
        [(process, _)] = crew._processes
        process.kill()
        process.join()
        with pytest.raises(BenchFailed, match="ended before its work was done"):
            crew.run(vanish, [1])


def test_what_a_call_raises_ends_the_measurement() -> None:
    def well() -> tuple[str, int]:
        return "append", 1

    def badly() -> tuple[str, int]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        drive([well, badly, well], Window(0, 30), lambda: None)


def test_only_what_ends_in_the_window_counts() -> None:
    made = 0

    def call() -> tuple[str, int]:
        nonlocal made
        made += 1
        return "append", 2

    def some_count_and_some_do_not() -> bool:
        nonlocal made
        made = 0
        tally = drive([call], Window(0.02, 0.02), lambda: None)
        assert tally.events == 2 * tally.calls
        assert tally.seconds == 0.02
        return 0 < tally.calls < made

    # On a busy machine a thread may not have its turn in so short a time.
    eventually(some_count_and_some_do_not)
