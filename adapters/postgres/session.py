"""The connection that appends, and what becomes of a batch when something goes wrong with it."""

from __future__ import annotations

import itertools
import logging
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import psycopg
from psycopg.pq import TransactionStatus

from adapters.errors import AppendOutcomeUnknown, StoreError, StoreUnavailable
from adapters.postgres.batch import Append, Move, Outcome, nobody_waits, write_batch
from adapters.postgres.connection import Connection, closed_on_error, connect_shared
from adapters.postgres.database import Database
from adapters.postgres.errors import CHECK_AGAIN, LOST, READ_ONLY, reason, translate, translated
from adapters.postgres.names import LOG_CHECKS, LOG_KEYS
from adapters.postgres.queries import load_queries
from adapters.postgres.rows import entry_of
from adapters.postgres.transactions import IMPATIENT, configure, pooled_transaction
from adapters.records import (
    AppendRefused,
    InvalidRecord,
    LogEntry,
    LogRecord,
    TrackingConflict,
    Written,
)

QUERIES: Final = load_queries("log.sql")

LOCK_TIMEOUT: Final = 15.0  # seconds an append waits for its turn
SETTLE_TIMEOUT: Final = 30.0  # seconds to find out what became of a batch
ATTEMPTS: Final = 3
# A connection that was idle for so long is looked at before it is used. Not one in constant use:
# a system call lets go of the interpreter, and the next batch would wait until the callers of the
# last one, who are just going on, give it back.
IDLE_SECONDS: Final = 0.005

_MOVED_ONLY: Final = Written(0, (), (), recorded_at=datetime(1970, 1, 1, tzinfo=UTC))

logger = logging.getLogger("turnlog.append")


class LogOutOfStep(StoreError):
    """The log and its head do not agree ({constraint}): somebody wrote into one of them by hand.
    Nothing was written. `turnlog verify` says what is wrong."""


class _NotWritten(Exception):
    """The outcome of an append that certainly is not in the log and may be written anew."""


class WriterSession:
    """Writes batches over one connection, which it opens, replaces and closes.

    For one thread at a time.
    """

    def __init__(
        self,
        database: Database,
        *,
        lock_timeout: float = LOCK_TIMEOUT,
        settle_timeout: float = SETTLE_TIMEOUT,
    ) -> None:
        self._database = database
        self._lock_timeout = lock_timeout
        self._settle_timeout = settle_timeout
        self._connection: Connection | None = None
        self._last_position = 0  # the last one seen: a new batch comes after it
        self._last_used = 0.0
        self._name, self._batches = uuid4().hex, itertools.count()

    def write(
        self, appends: Sequence[Append], on_sent: Callable[[], None] = nobody_waits
    ) -> list[Outcome]:
        """An outcome for each append: what it was given, or the error that says why not.

        Calls `on_sent` when nothing is left to do but wait: for the answer, or for a connection.

        Never raises for what the database does. After every outcome but AppendOutcomeUnknown it is
        certain whether the append is in the log.
        """
        outcomes: list[Outcome] = [_NotWritten() for _ in appends]
        for _ in range(ATTEMPTS):
            open_ = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, _NotWritten)]
            if not open_:
                break
            attempt = self._attempt([appends[i] for i in open_], on_sent)
            for i, outcome in zip(open_, attempt, strict=True):
                outcomes[i] = outcome
        return [self._given_up() if isinstance(o, _NotWritten) else o for o in outcomes]

    def close(self) -> None:
        """Close the connection. Writing again would open another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _attempt(self, appends: Sequence[Append], on_sent: Callable[[], None]) -> list[Outcome]:
        # (Counted, as fresh random bytes would be a system call; see IDLE_SECONDS.)
        token = f"{self._name}.{next(self._batches)}"
        try:
            connection = self._connected(on_sent)
        except StoreError as error:  # nothing was sent
            return [type(error)(**error.details) for _ in appends]
        settings = {"lock_timeout": _milliseconds(self._lock_timeout), **IMPATIENT}
        if self._database.is_pooled:
            on_sent()  # its BEGIN may wait for the pooler
        try:
            with pooled_transaction(connection, self._database, **settings):
                outcomes = self._send(connection, token, appends, on_sent)
        except AppendRefused as error:
            return [error]
        except psycopg.Error as error:
            if not _is_lost(connection, error):
                # A server that is read-only became a standby: another one may be the primary.
                idle = connection.info.transaction_status == TransactionStatus.IDLE
                if error.sqlstate == READ_ONLY or not idle:
                    self.close()
                return self._refused(error, appends)
            logger.warning("connection lost during an append: %s", reason(error))
            self.close()
            return self._settle(token, appends)
        except BaseException:  # interrupted in the middle: this connection is not to be used again
            self.close()
            raise
        self._last_used = time.monotonic()
        self._note(outcomes)
        return outcomes

    def _connected(self, on_wait: Callable[[], None]) -> Connection:
        was_idle = time.monotonic() - self._last_used > IDLE_SECONDS
        if self._connection is not None and was_idle and _has_ended(self._connection):
            self.close()
        if self._connection is None:
            on_wait()
            self._connection = self._connect(self._lock_timeout)
        return self._connection

    def _connect(self, lock_timeout: float) -> Connection:
        connection = connect_shared(self._database)
        if self._database.is_pooled:  # set for each transaction, as the session is anybody's
            return connection
        with closed_on_error(connection), translated(self._database):
            settings = {"lock_timeout": _milliseconds(lock_timeout), **IMPATIENT}
            configure(connection, settings, local=False)
        return connection

    def _send(
        self,
        connection: Connection,
        token: str,
        appends: Sequence[Append],
        on_sent: Callable[[], None],
    ) -> list[Outcome]:
        move = appends[0].move
        if move is None:
            return write_batch(connection, token, appends, on_sent)
        on_sent()
        [append] = appends
        return [self._send_with_move(connection, token, append, move)]

    def _send_with_move(
        self, connection: Connection, token: str, append: Append, move: Move
    ) -> Outcome:
        # What is raised in here rolls back: the position moves with the events or not at all.
        with connection.transaction():
            if connection.execute(QUERIES["advance_tracking"], asdict(move)).fetchone() is None:
                raise TrackingConflict(**asdict(move))
            if not append.records:
                return _MOVED_ONLY
            [outcome] = write_batch(connection, token, [append])
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Written):
                last = outcome.first_position + len(outcome.seqs) - 1
                self._last_position = max(self._last_position, last)

    def _refused(self, error: psycopg.Error, appends: Sequence[Append]) -> list[Outcome]:
        """The database answered with an error: it has rolled back, nothing was written."""
        if len(appends) > 1 and _is_about_an_event(error):
            # One of them is to blame, and the others must not suffer for it.
            return [outcome for append in appends for outcome in self.write([append])]
        return [self._failure(error, append) for append in appends]

    def _failure(self, error: psycopg.Error, append: Append) -> Exception:
        failure: Exception
        if error.diag.constraint_name in LOG_KEYS:
            failure = LogOutOfStep(constraint=error.diag.constraint_name)
        elif append.records and _is_about_an_event(error):
            record = append.records[0]
            failure = InvalidRecord(
                type=record.topic, stream_id=record.stream_id, why=reason(error)
            )
        else:
            failure = translate(error, self._database)
        failure.__cause__ = error
        return failure

    def _given_up(self) -> StoreUnavailable:
        why = f"the connection was lost {ATTEMPTS} times while events were being saved"
        return StoreUnavailable(target=self._database.target, why=why, advice=CHECK_AGAIN)

    def _settle(self, token: str, appends: Sequence[Append]) -> list[Outcome]:
        """Find out what became of a batch whose connection was lost.

        Sending it again blindly could write it twice, or report as a conflict what is its own
        work. So it is looked up, after making sure (fence_append_v1) that the lost transaction has
        come to its end and can come to no other: what is found then was written, what is not found
        was not, and may be sent again.
        """
        deadline = time.monotonic() + self._settle_timeout
        pause = 0.05
        while True:
            try:
                return self._look_up(token, appends, deadline - time.monotonic())
            except StoreError as error:
                pause = min(pause * 2, 2)
                if time.monotonic() + pause > deadline:
                    logger.warning("gave up on %d lost appends: %s", len(appends), error)
                    return [AppendOutcomeUnknown(target=self._database.target) for _ in appends]
            time.sleep(pause)

    def _look_up(self, token: str, appends: Sequence[Append], seconds_left: float) -> list[Outcome]:
        records = [record for append in appends for record in append.records]
        wanted = {
            "streams": [record.stream_id for record in records],
            "versions": [record.originator_version for record in records],
            "after_position": self._last_position,
        }
        settings = {"lock_timeout": _milliseconds(seconds_left), **IMPATIENT}
        with (
            self._connect(seconds_left) as connection,
            translated(self._database),
            pooled_transaction(connection, self._database, **settings),
        ):
            connection.execute(QUERIES["fence_append"], {"token": token})
            rows = connection.execute(QUERIES["select_versions"], wanted).fetchall()
        found = {(e.stream_id, e.originator_version): e for e in map(entry_of, rows)}
        return [self._settled(append, found) for append in appends]

    def _settled(self, append: Append, found: dict[tuple[str, int], LogEntry]) -> Outcome:
        if not append.records:  # only a position was moved, which leaves nothing to recognise
            return AppendOutcomeUnknown(target=self._database.target)
        entries = [
            entry
            for record in append.records
            if (entry := found.get((record.stream_id, record.originator_version)))
            and _became(record, entry)
        ]
        if len(entries) < len(append.records):
            return _NotWritten()
        return Written.of(entries)


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _has_ended(connection: Connection) -> bool:
    """Whether an idle connection was closed, so far as the network has told.

    A server that was restarted says so, and then nothing needs to be sent to find out: there
    is no unknown outcome. Anything else it says to an idle connection comes so rarely that a new
    connection is no price.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _became(record: LogRecord, entry: LogEntry) -> bool:
    """Whether `entry` is what `record` became, to the byte."""
    return (
        record.state == entry.state
        and record.topic == entry.topic
        and record.thread_id == entry.thread_id
        and record.command_id == entry.command_id
        and record.receipt == entry.receipt
    )


def _is_lost(connection: Connection, error: psycopg.Error) -> bool:
    """Whether the statement may have been carried out although it ended with this error."""
    if connection.closed:
        return True
    if error.sqlstate is None:  # it does not come from the server
        return isinstance(error, LOST)
    # The server was shut down: between the commit and its answer, for all one knows.
    return error.sqlstate.startswith(("57P", "08"))


def _is_about_an_event(error: psycopg.Error) -> bool:
    """Whether an event of the batch is to blame rather than the state of the server."""
    if error.diag.constraint_name in LOG_CHECKS or isinstance(error, psycopg.DataError):
        return True
    return (error.sqlstate or "")[:2] == "54"  # program limit exceeded
