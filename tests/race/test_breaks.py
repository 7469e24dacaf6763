"""A product that is broken is found out, by each break in `tests/race/breaks.py`."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import pytest

from tests.race.arena import Arena
from tests.race.breaks import BREAKS, Make
from tests.race.calls import Recorder, calls_of
from tests.race.hammer import calls_here, hammer
from tests.race.judging import Trouble, troubles
from tests.race.linearizability import LIMIT
from tests.race.product import Product

RUNS: Final = 6
"""Most are found in the first; the rarest is missed in one of twenty or so."""

CALLS: Final = 40
"""Of each caller."""


def run(arena: Arena, make: Make, seed: str, limit: int = LIMIT) -> list[Trouble]:
    """What is found of a product that two services hammer on one thread."""
    thread_id = arena.new_thread_id()
    first = arena.turnlogs[0]
    lines: list[bytes] = []
    calls = calls_here("before", first, "create", [thread_id])

    def process(number: int) -> None:
        recorder = Recorder(lines.append, time.monotonic_ns)
        turnlog, name = arena.turnlogs[number], f"{thread_id}.p{number}"
        # It may also fall over; then what it has answered before tells enough.
        with contextlib.suppress(Exception):
            hammer(partial(make, turnlog), seed, name, CALLS, recorder, [thread_id])

    with ThreadPoolExecutor(2) as processes:
        list(processes.map(process, range(2)))
    calls += calls_of(line.decode() for line in lines)
    calls += calls_here("after", first, "history", [thread_id])
    return troubles(first, thread_id, calls, limit)


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_product_gives_an_answer_that_nobody_alone_could_have_had(
    arena: Arena, broken: str
) -> None:
    found = (
        trouble.kind
        for number in range(RUNS)
        for trouble in run(arena, BREAKS[broken], f"{broken} {number}")
    )
    assert "answer" in found


def test_the_same_product_unbroken_does_not(arena: Arena) -> None:
    assert run(arena, Product, "unbroken") == []


def test_a_search_that_gives_up_is_a_trouble_and_says_what_to_do(arena: Arena) -> None:
    [trouble] = run(arena, Product, "unbroken", limit=20)
    assert trouble.kind == "undecided"
    assert "fewer calls" in trouble.what
