"""Fills the empty tables of a rebuild with what the log has at its beginning, on all cores.

The threads are cut into parts, and each part is filled by one statement a table: whole rows, from
all events of those threads up to one position, so nothing is updated and no index is needed. Then
the indexes are made, and what needs them is filled. Each of these is a task, done in a transaction
of its own together with a note that it is; several connections take one task after another. What a
killed process had done stays, and the next one does the rest. After the last task the tables are at
that position, like any others, and are moved on step by step.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import ClassVar, Final, Self, TypeVar

import psycopg
from psycopg.types.numeric import Int8

from adapters.postgres.belongings import INDEX_SETTINGS, Index, Indexes
from adapters.postgres.connection import Connection, closed_on_error
from adapters.postgres.database import Database
from adapters.postgres.errors import reason
from adapters.postgres.rebuild_work import QUERIES, Task, end
from adapters.postgres.stepping import BLAMES_EVENTS, TableSession
from adapters.postgres.transactions import configure
from projections.errors import IndexRefused, RangeRejected
from projections.registry import (
    FILL_STEPS,
    load_fill,
    load_indexes,
    load_part,
    load_types,
    steps_for,
)

_FILL_SETTINGS: Final = {
    # Other than in a step, a range is large and planned for what it is. What is joined are its own
    # events, and by hash: any other way is a matter of luck with estimates. (The nested loops that
    # cannot be done without, over what is in an event, are not made any dearer by this.)
    "enable_seqscan": "on",
    "enable_bitmapscan": "on",
    "enable_hashjoin": "on",
    "enable_nestloop": "off",
    "enable_sort": "off",  # for what is grouped, the same
    "max_parallel_workers_per_gather": "0",  # the cores are busy with other parts
}
# Looking for a part's events page by page is half the work of doing it event by event.
_SEARCH_SETTINGS: Final = {**_FILL_SETTINGS, "enable_indexscan": "off"}
SESSION_SETTINGS: Final = {
    "temp_buffers": "64MB",
    # Nobody waits for a part, so it need not be given up because the machine has no time for us.
    "idle_in_transaction_session_timeout": "5min",
}
_WHY: Final = "they do not fit together"

T = TypeVar("T")
R = TypeVar("R")


class _FillSession(TableSession):
    settings: ClassVar = {**TableSession.settings, **SESSION_SETTINGS}

    def _connect(self) -> Connection:
        connection = super()._connect()
        with closed_on_error(connection):
            for statement in load_types():
                connection.execute(statement, prepare=False)
        return connection


class Filling:
    """Does what is planned, over several sessions at once. Close it by its `with`."""

    def __init__(self, database: Database, schema: str, jobs: int) -> None:
        self._jobs = jobs
        self._opened = [_FillSession(database, schema) for _ in range(jobs)]
        self._free: SimpleQueue[TableSession] = SimpleQueue()
        for session in self._opened:
            self._free.put(session)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for session in self._opened:
            session.close()

    def run(
        self,
        planned: Sequence[Task],
        added: Indexes,
        missing: Sequence[Index],
        tell: Callable[[int, int], None],
    ) -> None:
        """Do all tasks that are not done, and make the missing ones of the indexes that others have
        added. `tell` is given events done and in all.

        Raises RangeRejected (the events of some task, or all together, do not fit), and errors of
        the store; what was done until then stays done. (Of the indexes the catalog knows it.)
        """
        upto = end(planned)
        each = upto // len(load_indexes()) + 1  # as much as one of ours
        total = sum(task.weight for task in planned) + each * len(missing)
        done = [task for task in planned if task.is_done]
        weight = sum(task.weight for task in done)
        for phase in ("fill", "index", "finish"):
            todo = [task for task in planned if task.phase == phase and not task.is_done]
            if phase == "finish":
                left = {task.first: (task.events or 0) - (task.taken or 0) for task in done}
                todo = [replace(task, events=left[task.first]) for task in todo]
            for task in self._all(self._do, todo):
                done.append(task)
                weight += task.weight
                tell(upto * weight // total, upto)
        if sum(task.taken or 0 for task in done) != upto:
            raise RangeRejected(first=1, last=upto, why=_WHY)
        for _ in self._all(partial(self._add, added), missing):
            weight += each
            tell(upto * weight // total, upto)

    def _all(self, do: Callable[[T], R], todo: Sequence[T]) -> Iterator[R]:
        """What comes of each, when it is done."""
        with ThreadPoolExecutor(self._jobs, "turnlog-rebuild") as threads:
            running = [threads.submit(do, one) for one in todo]
            try:
                for done in as_completed(running):
                    yield done.result()
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def _do(self, task: Task) -> Task:
        session = self._free.get()
        try:
            with session.connection() as connection, connection.transaction():
                events, taken, counts = _work(connection, task)
                values = {"events": events, "taken": taken, "counts": counts}
                noted = connection.execute(
                    QUERIES["finish_work"], {"number": task.number, **values}
                ).fetchone()
                assert noted is not None, "the rebuild is claimed, so nobody else does it"
                return replace(task, events=events, taken=taken)
        finally:
            self._free.put(session)

    def _add(self, added: Indexes, index: Index) -> None:
        session = self._free.get()
        try:
            # The last events may yet make a unique one possible. Before the swap it must be there.
            with session.connection() as connection, contextlib.suppress(IndexRefused):
                added.make(connection, index)
        finally:
            self._free.put(session)


def _work(connection: Connection, task: Task) -> tuple[int, int, str | None]:
    """How many events there are for the task, how many of them it has taken, and, if it is to fill,
    how many there are of each type (as JSON)."""
    with _blaming_events(task):
        if task.statement is not None:
            configure(connection, INDEX_SETTINGS, local=True)
            connection.execute(task.statement, prepare=False)
            return 0, 0, None
        positions = {"after": Int8(task.after), "upto": Int8(task.upto)}
        part = {"first": task.first, "last": task.last, **positions}
        if task.phase == "finish":
            connection.execute(load_fill("waiting"), part, prepare=False)
            events = task.events or 0
            return events, _apply(connection, task, "context", part)[0] if events else 0, None
        configure(connection, _SEARCH_SETTINGS, local=True)
        # What each of the statements reads is looked for only once.
        take = f"CREATE TEMPORARY TABLE part ON COMMIT DROP AS {load_part()}"
        connection.execute(take.encode(), part, prepare=False)
        configure(connection, {**_FILL_SETTINGS, "enable_indexscan": "on"}, local=True)
        counted = connection.execute(QUERIES["count_part"], prepare=False).fetchone()
        assert counted is not None
        about = steps_for(json.loads(counted[0]))
        names = [name for name in FILL_STEPS if name in about]
        answers = [_apply(connection, task, name, part) for name in names]
        return answers[-1][-1], sum(answer[0] for answer in answers), counted[0]


def _apply(
    connection: Connection, task: Task, name: str, part: Mapping[str, object]
) -> Sequence[int]:
    """What the file has taken and missed of the part, and what else it answers."""
    answer = connection.execute(load_fill(name), part, prepare=False).fetchone()
    assert answer is not None
    if answer[1]:
        raise RangeRejected(first=1, last=task.upto, why=_WHY)
    return [int(number) for number in answer]


@contextlib.contextmanager
def _blaming_events(task: Task) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if (error.sqlstate or "")[:2] not in BLAMES_EVENTS:
            raise
        raise RangeRejected(first=1, last=task.upto, why=reason(error)) from error
