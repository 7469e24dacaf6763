"""Faults under the whole application: commands that are repeated until they are answered."""

from __future__ import annotations

from random import Random

import pytest

from adapters.event_log import RecordedLog
from adapters.recorder import LogRecorder
from adapters.threads import CachedThreads
from domain.execution import Execution
from domain.service import ThreadService
from tests.faults.ledger import CheckedLog
from tests.faults.points import random_point
from tests.faults.site import Site
from tests.faults.users import Postbox, User
from tests.fixtures.clock import CountingEntropy, HandClock
from tests.fixtures.faults import Proxy

BATCHES, POINTS = 4, 15
USERS = (3, 2, 1)  # in each process


def service_over(recorder: LogRecorder, seed: int) -> ThreadService:
    log = RecordedLog(recorder)
    return ThreadService(Execution(log, CachedThreads(log), HandClock(), CountingEntropy(seed)))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_prompt_is_admitted_once_and_the_laws_hold(
    site: Site, proxy: Proxy, random: Random, batch: int
) -> None:
    log, post = CheckedLog(), Postbox()
    services = [service_over(recorder, seed) for seed, recorder in enumerate(site.processes)]
    for number in range(POINTS):
        threads = [f"thr_{number}_{i}" for i in range(2)]
        for thread_id in threads:
            services[2].create(thread_id=thread_id)
        point = random_point(random)
        print(f"point {number}: {point}")  # noqa: T201
        users = [
            User(service, post, threads, Random(random.random()))
            for service, count in zip(services, USERS, strict=True)
            for _ in range(count)
        ]
        site.go_through(point, proxy, [user.work for user in users])
        for user, thread_id in zip(users, threads, strict=False):
            user.drain(thread_id)
        log.read_on(site.direct)
        post.check(site.direct, threads)
        site.expect_all_to_follow(log.entries, threads)
    post.check(site.direct, sorted({answer.thread_id for answer in post.answers.values()}))
