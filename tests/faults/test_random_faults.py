"""Hundreds of faults, one after the other, on logs that are in use all the time."""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.faults.callers import Caller
from tests.faults.ledger import Ledger
from tests.faults.points import random_point
from tests.faults.site import Site
from tests.fixtures.faults import Proxy

BATCHES, POINTS = int(os.environ.get("TURNLOG_TEST_FAULT_BATCHES", "10")), 20
THREADS = ("thr_a", "thr_b", "thr_c")
CALLERS = (3, 2, 1)  # in each process


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_promise_is_broken_whatever_is_cut_and_when(
    site: Site, proxy: Proxy, random: Random, batch: int
) -> None:
    ledger = Ledger()
    callers = [
        [Caller(log, ledger, THREADS, Random(random.random())) for _ in range(count)]
        for log, count in zip(site.processes, CALLERS, strict=True)
    ]
    for number in range(POINTS):
        point = random_point(random)
        print(f"point {number}: {point}")  # noqa: T201
        site.go_through(point, proxy, [caller.work for those in callers for caller in those])
        for first, *_ in callers:  # each process can go on
            answer = first.look_and_append()
            assert isinstance(answer, list), answer
        site.expect_all_to_follow(ledger.check(site.direct), THREADS)
