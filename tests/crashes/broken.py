"""Processes with a defect that shows only when they die at the wrong moment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import LiteralString

import adapters.runner.turn
from adapters.composition import Turnlog
from adapters.postgres import swap
from adapters.postgres.connection import Connection
from adapters.runner.bell import Bell
from adapters.runner.lease import HeldLease
from adapters.runner.turn import Parts, TurnResult
from domain.ports import Fence, Recorded, Uncommitted
from tests.crashes.commands import give
from tests.crashes.process import Given, Stage
from tests.crashes.tables import make_anew
from tests.crashes.turns import work


def fresh_id(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """Does not keep the id of its prompt for a retry."""
    give(turnlog, {**given, "input": f"{given['input']}.{os.getpid()}"}, stage)


def in_two_appends(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """Appends a command's first event, and then the others."""
    append = turnlog.log.append

    def halves(
        entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        first = append(entries[:1], expected_seq=expected_seq, fence=fence)
        if not entries[1:]:
            return first
        return first + append(entries[1:], expected_seq=expected_seq + 1, fence=fence)

    turnlog.log.append = halves  # type: ignore[method-assign]
    give(turnlog, given, stage)


def lost_turns_run_again(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """Runs a turn whose worker was lost once more."""

    async def again(turn_id: str, thread_id: str, held: HeldLease, parts: Parts) -> TurnResult:
        made = adapters.runner.turn._Work(turn_id, thread_id, held, parts)
        return await made.run(Bell())

    adapters.runner.turn._recover = again
    work(turnlog, given, stage)


def dropped_before(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """Drops the old tables, and puts the new ones in their place in another transaction."""
    run = swap.run

    def commit_drops(connection: Connection, statement: LiteralString, *name: str) -> None:
        run(connection, statement, *name)
        if statement == "DROP TABLE {}":
            connection.execute("COMMIT")
            connection.execute("BEGIN")

    swap.run = commit_drops
    make_anew(turnlog, given, stage)
