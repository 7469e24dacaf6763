"""What the append makes of a script of batches, found out in one transaction.

The batches are made by chance (of a fixed seed), mostly right and often wrong in one way, as those
of tests/adapters/postgres/test_agreement.py; between them leases are taken and run out, and the
gate of one turn is always shut, by another session. A mutant that answers one of them in another
way, or writes something else, is one that those tests notice, for there the store in memory says
what is right. Time stands still, and is moved by the script: so hashes can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from adapters.postgres.batch import Append, write_batch
from adapters.postgres.connection import Connection
from adapters.records import LogRecord
from domain.ports import Fence
from tests.contracts.records import RECEIPT, record
from tests.mutants import installing

THREADS: Final = tuple(f"thr_{n}" for n in range(6))
STREAMS: Final = ("own", "own", *(f"turn_{n}" for n in range(1, 25)))
TURNS: Final = ("turn_1", "turn_2")
LEASED: Final = ("turn_1", "turn_1", "turn_2", "turn_2", "turn_held")
HELD: Final = "INSERT INTO leases VALUES ('turn_held', 'thr', 'h', 1, '2100-01-01')"
COMMANDS: Final = ("cmd_1", "cmd_2", "cmd_3", "cmd_4", "cmd_5", "cmd_6")
BATCHES: Final = 120
_NOW: Final = "(timestamptz '2026-01-01Z' + current_setting('mutants.now')::interval)"
_LEASE: Final = f"""
    INSERT INTO leases AS held VALUES (%s, 'thr', 'h', 1, {_NOW} + make_interval(secs => %s))
    ON CONFLICT (turn_id) DO UPDATE SET token = held.token + 1, expires_at = excluded.expires_at
    WHERE held.expires_at <= {_NOW} RETURNING token"""
_GATES: Final = """
    SELECT array_agg((classid, objid)::text ORDER BY objid) FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND mode = 'ExclusiveLock'"""
SHUT: Final = "SELECT pg_advisory_lock(hashtextextended('turnlog lease turn_shut', 0))"


@dataclass(frozen=True)
class Doing:
    """One thing of the script: a batch at some second, or a lease that is asked for."""

    second: int
    appends: tuple[Append, ...] = ()
    token: str = "t"
    lease: tuple[str, int] | None = None


def still(text: str) -> str:
    """The functions, as statements, by the script's clock."""
    return installing.functions_made_anew(text).replace("clock_timestamp()", _NOW)


def script(connection: Connection, text: str, batches: int = BATCHES) -> list[Doing]:
    """Made while it is played, so that most of it fits what is there."""
    chance = random.Random(7)
    made: list[Doing] = []
    with _stage(connection, text):
        for number in range(batches):
            second = number + chance.choice([0, 0, 0, -5])
            if number % 4 == 1:
                doing = Doing(second, lease=(chance.choice(LEASED), chance.choice([-1, 3, 9])))
            else:
                appends = tuple(_append(connection, chance) for _ in range(chance.randint(1, 5)))
                token = chance.choice(["t", "t", "t", "given up"]) if number > 9 else "t"
                doing = Doing(second, appends, token)
            _play(connection, doing)
            made.append(doing)
    return made


def outcome(connection: Connection, text: str, doings: Sequence[Doing]) -> list[object]:
    """What comes of it. Raises psycopg.Error if that is no SQL."""
    with _stage(connection, text):
        found = [_play(connection, doing) for doing in doings]
        left = connection.execute("SELECT l::text FROM log l ORDER BY position", prepare=False)
        head = connection.execute("SELECT h::text FROM log_head h", prepare=False)
        found += [left.fetchall(), head.fetchall()]
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(still(text).encode())
        connection.execute("SET LOCAL mutants.now = '0 s'")
        found.append(_written(connection, Doing(0, (Append([record("thr_z")]),))))
    return found


@contextmanager
def _stage(connection: Connection, text: str) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        connection.execute(still(text).encode())
        connection.execute("INSERT INTO append_fence (token) VALUES ('given up')")
        yield


def _play(connection: Connection, doing: Doing) -> object:
    connection.execute(f"SET LOCAL mutants.now = '{doing.second} s'".encode(), prepare=False)
    if doing.lease is not None:
        with connection.transaction() as inner:
            token = connection.execute(_LEASE.encode(), doing.lease, prepare=False).fetchone()
            gates = connection.execute(_GATES.encode(), prepare=False).fetchone()
            if doing.second % 7 == 3:
                raise psycopg.Rollback(inner)  # as if its transaction had failed
        return token, gates
    return _written(connection, doing)


def _written(connection: Connection, doing: Doing) -> object:
    try:
        with connection.transaction():
            outcomes = write_batch(connection, doing.token, doing.appends)
    except psycopg.Error as error:
        if (error.sqlstate or "").startswith("42"):
            raise
        return error.sqlstate
    return [(repr(outcome), getattr(outcome, "details", None)) for outcome in outcomes]


def _append(connection: Connection, chance: random.Random) -> Append:
    thread = chance.choice(THREADS)
    (seq,) = _one(connection, "SELECT coalesce(max(seq), 0) FROM log WHERE thread_id = %s", thread)
    events: list[LogRecord] = []
    for _ in range(chance.randint(1, 3)):
        stream = chance.choice(STREAMS)
        stream = thread if stream == "own" else stream
        query = "SELECT coalesce(max(version), 0) FROM log WHERE stream_id = %s"
        (version,) = _one(connection, query, stream)
        version += sum(event.stream_id == stream for event in events) + 1
        version += chance.choice([0] * 12 + [-1, 1])
        events.append(record(thread, max(version, 0), stream_id=stream))
    if chance.random() < 0.3:
        command = chance.choice(COMMANDS)
        events = [replace(event, command_id=command) for event in events]
        if chance.random() < 0.7:
            at = chance.randrange(len(events))
            events[at] = replace(events[at], receipt=RECEIPT)
    expected = chance.choice([None, None, None, seq, seq + 1])
    fence = None
    if chance.random() < 0.4:
        turn = chance.choice([*TURNS, *TURNS, "turn_free", "turn_shut"])
        (last,) = _one(connection, "SELECT max(token) FROM leases WHERE turn_id = %s", turn)
        fence = Fence(turn, chance.choice([last, last, last, None, 99]))
    return Append(events, expected, fence=fence)


def _one(connection: Connection, query: str, value: str) -> Sequence[Any]:
    row = connection.execute(query.encode(), [value], prepare=False).fetchone()
    assert row is not None
    return row
