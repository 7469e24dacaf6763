"""Two services that share nothing but a database, and the points at which one of them is stopped.

What happens at such a point is so never a matter of luck: one call is stopped there, the other
comes, and then the first goes on.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from enum import Enum
from typing import Any, Final, Protocol, TypeVar, cast

from adapters.composition import OpenDatabase, Turnlog, turnlog_on
from adapters.postgres.connection import Connection, connect, connection_from
from adapters.postgres.database import Database
from adapters.settings import Settings
from domain.execution import Execution
from domain.outcome import outcome_of
from domain.ports import EventLog, Fence, Lease, Recorded, Threads, Uncommitted
from domain.service import ThreadService
from domain.thread import Thread, fold
from tests.domain.world import THREAD, World
from tests.fixtures.clock import CountingEntropy, HandClock
from tests.fixtures.patience import PATIENCE, eventually

T = TypeVar("T")
GATE: Final = 4711
"""The key of the lock for which appends ask as they commit."""


class Point(Enum):
    """Where a command can be stopped."""

    LOADED = "between load and decide"
    DECIDED = "between decide and append"
    WRITTEN = "in the append's transaction, before its commit"
    COMMITTED = "after the commit, before the answer"


class Stop(Protocol):
    """Who comes there waits while it is shut."""

    def shut(self) -> None: ...
    def open(self) -> None: ...
    def somebody_waits(self) -> bool: ...


class Halt:
    """A stop in this process, for the first who comes."""

    def __init__(self) -> None:
        self._is_open, self._reached = threading.Event(), threading.Event()
        self._is_open.set()

    def shut(self) -> None:
        self._reached.clear()
        self._is_open.clear()

    def open(self) -> None:
        self._is_open.set()

    def somebody_waits(self) -> bool:
        return self._reached.is_set() and not self._is_open.is_set()

    def come(self) -> None:
        """Be stopped, unless it is open or somebody is stopped here already."""
        if not self._is_open.is_set() and not self._reached.is_set():
            self._reached.set()
            assert self._is_open.wait(PATIENCE)


class Gate:
    """A stop for whatever appends, from any process: its rows are written, its commit waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.execute(
            "CREATE FUNCTION come_to_the_gate() RETURNS trigger LANGUAGE plpgsql"
            " SET lock_timeout = 0 AS"  # whoever tests may take his time
            f" $$ BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NULL; END $$"
        )
        # Deferred: it runs when the transaction is about to commit.
        connection.execute(
            "CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION come_to_the_gate()"
        )

    def shut(self) -> None:
        self._connection.execute("SELECT pg_advisory_lock(%s)", [GATE])

    def open(self) -> None:
        self._connection.execute("SELECT pg_advisory_unlock(%s)", [GATE])

    def somebody_waits(self) -> bool:
        query = """SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                   WHERE datname = current_database() AND locktype = 'advisory'
                     AND objid = %s AND NOT granted"""
        return self._connection.execute(query, [GATE]).fetchone() != (0,)

    def waiting(self) -> int:
        """How many sessions wait for a lock, at the gate or behind who is stopped there."""
        query = """SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND backend_type = 'client backend'
                     AND wait_event_type = 'Lock'"""
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


class _StoppedLog:
    def __init__(self, log: EventLog, halts: dict[Point, Halt]) -> None:
        self._log, self._halts = log, halts
        self.read_thread, self.read_command = log.read_thread, log.read_command

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        self._halts[Point.DECIDED].come()
        recorded = self._log.append(entries, expected_seq=expected_seq, fence=fence)
        self._halts[Point.COMMITTED].come()
        return recorded


class _StoppedThreads:
    def __init__(self, threads: Threads, halts: dict[Point, Halt]) -> None:
        self._threads, self._halts = threads, halts
        self.remember = threads.remember

    def remembered(self, thread_id: str) -> Thread | None:
        thread = self._threads.remembered(thread_id)
        if thread is not None:
            self._halts[Point.LOADED].come()
        return thread

    def current(self, thread_id: str) -> Thread:
        thread = self._threads.current(thread_id)
        self._halts[Point.LOADED].come()
        return thread


class _Renaming:
    """The service; to the ids that steps use it adds what makes them this case's own."""

    def __init__(self, service: ThreadService, own: Callable[[Any], Any]) -> None:
        self._service, self._own = service, own

    def __getattr__(self, name: str) -> Callable[..., object]:
        method, own = getattr(self._service, name), self._own
        return lambda *args, **named: method(
            *map(own, args), **{key: own(value) for key, value in named.items()}
        )


class Side(World):
    """One of the two services. Of a world it has what steps use, and a history without the marks by
    which many cases share a database."""

    def __init__(self, turnlog: Turnlog, mark: str, seed: int) -> None:
        self.turnlog = turnlog
        self.halts = {point: Halt() for point in Point}
        self._mark = mark
        log = _StoppedLog(turnlog.log, self.halts)
        threads = _StoppedThreads(turnlog.threads, self.halts)
        execution = Execution(log, threads, HandClock(), CountingEntropy(seed), time.sleep)
        self.service = cast("ThreadService", _Renaming(ThreadService(execution), self.own))

    def own(self, value: Any) -> Any:
        """An id of a step as it is in this case; what is none stays as it is."""
        if isinstance(value, list):
            return [self.own(one) for one in value]
        is_id = isinstance(value, str) and value.startswith(("thr_", "inp_", "cmd_", "appr_"))
        return value + self._mark if is_id and not value.endswith(self._mark) else value

    def history(self, thread_id: str = THREAD) -> list[Recorded]:
        return [self._unmarked(e) for e in self.turnlog.log.read_thread(self.own(thread_id))]

    def _unmarked(self, entry: Recorded) -> Recorded:
        told = entry.event.model_dump_json().replace(self._mark, "")
        return entry._replace(event=type(entry.event).model_validate_json(told))

    def state(self, thread_id: str = THREAD, *, upto_seq: int | None = None) -> Thread:
        events = [entry.event for entry in self.history(thread_id)[:upto_seq]]
        return fold(Thread(thread_id), events)

    def recorded(self, command_id: str) -> object:
        """The outcome of a command, as the log has it; None if it left nothing."""
        recorded = self.turnlog.log.read_command(command_id)
        return outcome_of(recorded) if recorded else None

    def take_lease(self, turn_id: str) -> Lease:
        """The lease, however long it would still have run."""
        with connection_from(self.turnlog.pool, self.turnlog.database) as connection:
            query = "UPDATE leases SET expires_at = clock_timestamp() WHERE turn_id = %s"
            connection.execute(query, [turn_id])
        lease = self.turnlog.leases.acquire(turn_id, self.own(THREAD), "somebody", 3600)
        assert lease is not None
        return lease


Act = Callable[[Side], object]


class Arena:
    """A database, two services on it, and their calls."""

    def __init__(self, database: Database, open_: ExitStack) -> None:
        self.turnlogs = [self._turnlog(database, open_) for _ in range(2)]
        self.gate = Gate(open_.enter_context(connect(database)))
        self._executor = open_.enter_context(ThreadPoolExecutor(3))
        self._cases = itertools.count(1)

    def _turnlog(self, database: Database, open_: ExitStack) -> Turnlog:
        turnlog = open_.enter_context(turnlog_on(OpenDatabase(database), Settings()))
        batches = turnlog.recorder._writer._batches
        batches._lock_timeout = PATIENCE  # type: ignore[attr-defined]
        return turnlog

    def new_thread_id(self) -> str:
        """One that nobody has used."""
        return f"thr_{next(self._cases)}"

    def sides(self, *past: Act) -> tuple[Side, Side]:
        """Two sides of a new thread, which both have seen when all that was done to it."""
        case = next(self._cases)
        one, other = (
            Side(turnlog, f".case{case}", 2 * case + number)
            for number, turnlog in enumerate(self.turnlogs)
        )
        one.service.create(thread_id=THREAD, command_id="cmd_create")
        for act in past:
            act(one)
        for side in (one, other):
            side.service.thread(THREAD)
        return one, other

    def begin(self, act: Callable[[Side], T], side: Side) -> Future[T]:
        """Somebody does it, meanwhile."""
        return self._executor.submit(act, side)

    @contextmanager
    def stopped(self, act: Callable[[Side], T], side: Side, point: Point) -> Iterator[Future[T]]:
        """Somebody does it, and is stopped at that point as long as the block lasts."""
        stop: Stop = self.gate if point is Point.WRITTEN else side.halts[point]
        with shut(stop):
            call = self.begin(act, side)
            eventually(lambda: stop.somebody_waits() or call.done())
            assert not call.done(), f"it did not come to the point {point.value}: {call}"
            yield call

    def one_batch(self, *calls: tuple[Act, Side]) -> list[Future[object]]:
        """Calls on the first service, whose appends are written in one statement, in this order.

        While an append to another thread is stopped as it commits they come, and get in line.
        """
        busy, _ = self.sides()
        writer = self.turnlogs[0].recorder._writer
        begun: list[Future[object]] = []
        with self.stopped(_admit, busy, Point.WRITTEN):
            for act, side in calls:
                assert side.turnlog is self.turnlogs[0]
                begun.append(self.begin(act, side))
                eventually(lambda: len(writer._waiting) == len(begun))
        return begun


def _admit(side: Side) -> object:
    return side.service.submit(THREAD, "something")


@contextmanager
def shut(stop: Stop) -> Iterator[None]:
    """It is shut as long as the block lasts."""
    stop.shut()
    try:
        yield
    finally:
        stop.open()
