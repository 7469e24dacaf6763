"""A process that runs turns, for tests that kill it, or stop it for as long as they like.

`python -m tests.faults.worker SCRIPT pending`, or `… SCRIPT run THREAD TURN`, on the database that
TURNLOG_DATABASE_URL names. Prints, as JSON, how the turns ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading

from adapters.composition import Turnlog, open_turnlog
from adapters.engines.script import parse_script
from adapters.engines.scripted import ScriptedEngine
from adapters.runner.pace import Pace
from adapters.runner.runner import Runner
from adapters.runner.turn import TurnResult
from adapters.settings import load_settings
from adapters.system import SystemEntropy
from domain.execution import Execution
from domain.ports import Lease
from domain.service import ThreadService
from tests.fixtures.logs import interfering


def stop_here() -> None:
    """Stop the process, and this thread where it is: a signal to the process would let it go on
    for a moment, into the next connection, which would be too old afterwards."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class DyingLeases:
    """Leases of a process that is killed as it asks for the one of that number, or that stops when
    it has got the first one."""

    def __init__(self, turnlog: Turnlog, deadly: int, stops: bool) -> None:
        self.renew = turnlog.leases.renew
        self.release = turnlog.leases.release
        self.find = turnlog.leases.find
        self._acquire = turnlog.leases.acquire
        self._left = deadly
        self._stops = stops

    def acquire(self, turn_id: str, thread_id: str, holder: str, seconds: float) -> Lease | None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        lease = self._acquire(turn_id, thread_id, holder, seconds)
        if self._stops:
            self._stops = False
            stop_here()
        return lease


async def work(turnlog: Turnlog, script: str, what: list[str]) -> tuple[TurnResult, ...]:
    # It has made sure of its lease then, and nobody can tell it that it is lost.
    log = interfering(turnlog.log, os.environ.get("TURNLOG_TEST_STOP_BEFORE", ""), stop_here)
    deadly = int(os.environ.get("TURNLOG_TEST_DEADLY_LEASE", "0"))
    stops = "TURNLOG_TEST_STOP_WITH_LEASE" in os.environ
    runner = Runner(
        ThreadService(Execution(log, turnlog.threads, turnlog.clock, SystemEntropy())),
        log,
        DyingLeases(turnlog, deadly, stops),
        turnlog,
        ScriptedEngine(parse_script(script, "the test")),
        hints=turnlog.recorder,
        pace=Pace(lease_seconds=turnlog.settings.lease_seconds),
    )
    if what[0] == "pending":
        return (await runner.run_pending()).results
    return await runner.run(what[1], what[2])


def main() -> None:
    script, *what = sys.argv[1:]
    with open_turnlog(load_settings()) as turnlog:
        results = asyncio.run(work(turnlog, script, what))
    json.dump([result.end for result in results], sys.stdout)


if __name__ == "__main__":
    main()
