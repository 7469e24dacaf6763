"""A server that is stopped hard, again and again, while everybody is at work."""

from __future__ import annotations

from random import Random

from tests.faults.callers import Caller
from tests.faults.ledger import Ledger
from tests.faults.site import site_of
from tests.fixtures.server import OwnServer

ROUNDS = 4
THREADS = ("thr_a", "thr_b", "thr_c")


def test_a_server_that_is_stopped_hard_under_load_keeps_every_promise(
    own_server: OwnServer, haste: None, random: Random
) -> None:
    ledger = Ledger()
    with site_of(own_server.database, own_server.database) as site:
        callers = [
            Caller(log, ledger, THREADS, Random(random.random()))
            for log in site.processes
            for _ in range(3)
        ]
        for number in range(ROUNDS):
            with site.at_work([caller.work for caller in callers]):
                site.wait_for_more()
                if number % 2:
                    own_server.crash()
                else:
                    own_server.stop_immediately()
                own_server.start()
                site.wait_for_more()
            site.expect_all_to_follow(ledger.check(site.direct), THREADS)
