"""Those who follow the log while faults strike: nobody helps them to catch up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from adapters.event_log import RecordedLog
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.read_models import PostgresReadModels
from adapters.recorder import LogRecorder
from adapters.records import LogEntry
from domain.errors import TurnlogError
from projections.follow import Follower
from projections.verify import compare_thread
from tests.fixtures.patience import PATIENCE, eventually

POLL_SECONDS = 0.05


class Watcher:
    """A subscription, and what it has yielded."""

    def __init__(self) -> None:
        self.seen: list[LogEntry] = []
        self.error: BaseException | None = None
        self._changed = threading.Condition()

    def expect(self, log: Sequence[LogEntry]) -> None:
        """Wait until it has as many entries as the log; they must be the same."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.seen) >= len(log) or self.error, PATIENCE)
            assert self.error is None, f"the subscription ended: {self.error!r}"
            seen, there = [entry.id for entry in self.seen], [entry.id for entry in log]
            assert seen == there, f"it yielded {seen[-20:]}, and the log has {there[-20:]}"
            assert self.seen == list(log), "it yielded other entries"

    def watch(self, subscription: Iterator[LogEntry]) -> None:
        """Until it ends."""
        try:
            for entry in subscription:
                with self._changed:
                    self.seen.append(entry)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001  (told by expect)
            with self._changed:
                self.error = error
                self._changed.notify_all()


@contextmanager
def watching(log: LogRecorder) -> Iterator[Watcher]:
    """A subscription from the log's beginning, read by a thread of its own."""
    watcher = Watcher()
    with log.subscribe() as subscription:
        thread = threading.Thread(target=watcher.watch, args=(subscription,), daemon=True)
        thread.start()
        yield watcher
    thread.join(PATIENCE)
    assert not thread.is_alive(), "stopping did not end the iteration"


class ReadModels:
    """A follower, and how its tables are checked by somebody with a good connection."""

    def __init__(self, log: LogRecorder, reader: PostgresReadModels) -> None:
        self._log = RecordedLog(log)
        self._reader = reader
        self.troubles: list[TurnlogError] = []
        self.error: BaseException | None = None

    def follow(self, database: Database, is_over: Callable[[], bool]) -> None:
        """Until it is over."""
        try:
            with PostgresFollowerSession(database) as session:
                follower = Follower(session, poll_seconds=POLL_SECONDS)
                follower.follow(is_over, self.troubles.append)
        except BaseException as error:  # noqa: BLE001  (told by expect)
            self.error = error

    def expect(self, position: int, threads: Sequence[str]) -> None:
        """Wait until the tables are there; they must say of these threads what the fold says."""
        eventually(lambda: self.error is not None or self._reader.status().position >= position)
        assert self.error is None, f"the follower ended: {self.error!r}"
        for thread_id in threads:
            compared = compare_thread(thread_id, self._log, self._reader)
            assert compared.is_clean, compared


@contextmanager
def following(
    database: Database, log: LogRecorder, reader: PostgresReadModels
) -> Iterator[ReadModels]:
    """A follower in a thread of its own on `database`; `log` and `reader` are good."""
    tables, over = ReadModels(log, reader), threading.Event()
    thread = threading.Thread(target=tables.follow, args=(database, over.is_set), daemon=True)
    thread.start()
    try:
        yield tables
    finally:
        over.set()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the follower does not stop"
