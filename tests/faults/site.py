"""A log used by three processes, two of them behind a proxy, and followed behind it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.database import Database
from adapters.postgres.read_models import PostgresReadModels
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.records import LogEntry
from tests.faults.observers import following, watching
from tests.faults.points import Point
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE, eventually

Work = Callable[[Callable[[], bool]], None]
"""Goes on until it is told that it is over."""

MAX_WORKERS = 16


class Site:
    """`processes` are recorders; the last one has a good connection, `direct`.

    The second one is hasty: it looks only once what became of a lost append, and says so if it
    could not find out.
    """

    def __init__(self, database: Database, proxied: Database, open_: ExitStack) -> None:
        self.processes = [_process(place, open_) for place in (proxied, proxied, database)]
        self.direct = self.processes[2]
        self.processes[1]._writer._batches._settle_timeout = 0  # type: ignore[attr-defined]
        self._watchers = [open_.enter_context(watching(log)) for log in self.processes[:2]]
        reader = PostgresReadModels(database, self.direct._pool)
        self._tables = open_.enter_context(following(proxied, self.direct, reader))
        self._executor = open_.enter_context(ThreadPoolExecutor(MAX_WORKERS))

    @contextmanager
    def at_work(self, workers: Sequence[Work]) -> Iterator[None]:
        """They work as long as the block lasts, and all of them come back."""
        over = threading.Event()
        working = [self._executor.submit(work, over.is_set) for work in workers]
        try:
            yield
        finally:
            over.set()
            for work in working:
                work.result(PATIENCE)

    def go_through(self, point: Point, proxy: Proxy, workers: Sequence[Work]) -> None:
        """Be at work when it strikes, and until everybody has an answer."""
        point.arm(proxy)
        with self.at_work(workers):
            try:
                assert proxy.struck.wait(PATIENCE), "it never struck"
                if point.faults[0].kind == "silence":
                    # Another fault may have struck first, and this one only after it.
                    assert proxy.stalled.wait(PATIENCE), "it never fell silent"
                    self.wait_for_more()
                    proxy.cut()
            finally:
                proxy.start()
                proxy.resume()
        proxy.deliver_late()
        proxy.arm()

    def wait_for_more(self) -> None:
        """Until two more events are in the log, whoever appends them."""
        wanted = self.direct.head() + 2
        eventually(lambda: self.direct.head() >= wanted)

    def expect_all_to_follow(self, log: Sequence[LogEntry], threads: Sequence[str]) -> None:
        """Subscriptions and read models come to where the log is, and agree with it."""
        for watcher in self._watchers:
            watcher.expect(log)
        self._tables.expect(len(log), threads)


def _process(database: Database, open_: ExitStack) -> PostgresLogRecorder:
    pool = open_.enter_context(open_pool(database))
    return open_.enter_context(PostgresLogRecorder(database, pool))


@contextmanager
def site_of(database: Database, proxied: Database) -> Iterator[Site]:
    """A site, for as long as the block lasts."""
    with ExitStack() as open_:
        yield Site(database, proxied, open_)


@pytest.fixture
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long before trying again."""
    for patience in (
        "adapters.recorder.POLL_INTERVAL",
        "adapters.postgres.notifications.RECONNECT_INTERVAL",
        "projections.follow.FIRST_PAUSE_SECONDS",
        "psycopg_pool.base.AttemptWithBackoff.INITIAL_DELAY",
    ):
        monkeypatch.setattr(patience, 0.02)
    monkeypatch.setattr(logging.getLogger("psycopg.pool"), "level", logging.CRITICAL)


@pytest.fixture
def site(database: Database, proxy: Proxy, haste: None) -> Iterator[Site]:
    """A site on the test's database."""
    with site_of(database, proxy.database) as opened:
        yield opened
