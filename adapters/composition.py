"""The composition root: the only module that names concrete adapters.

`open_turnlog` gives a process everything that works on one log, wired; `open_database` only the way
to the database, for what must also work when its schema is missing or of another version.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.event_log import STORE_LIMIT, RecordedLog
from adapters.postgres import health, migrate
from adapters.postgres.connection import Pool, connect, open_pool
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.health import LogHealth, ServerHealth, Session
from adapters.postgres.leases import PostgresActiveTurns, PostgresLeases
from adapters.postgres.migrate import SchemaStatus
from adapters.postgres.read_models import PostgresReadModels
from adapters.postgres.rebuild import PostgresRebuildSession
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.scratch import scratch_schema
from adapters.postgres.snapshots import PostgresSnapshots
from adapters.settings import Settings
from adapters.system import SystemClock, SystemEntropy, cores
from adapters.threads import CachedThreads
from domain.errors import InvalidArgument
from domain.execution import Execution
from domain.options import Routing
from domain.ports import Engine
from domain.service import ThreadService
from projections.follow import Follower
from projections.ports import ProgressCallback, Rebuilt
from projections.rebuild import rebuild

if TYPE_CHECKING:
    # Exported, for the command line names these types and may not know the importers.
    from adapters.importers.report import FileReport as FileReport  # noqa: PLC0414
    from adapters.importers.report import ImportReport as ImportReport  # noqa: PLC0414
    from adapters.importers.report import OnProgress
    from adapters.importers.tally import Tally as Tally  # noqa: PLC0414
    from adapters.runner.runner import Runner

OnWait = Callable[[str], None]

ENGINES: Final = ("scripted",)
DEMO_SCHEMA: Final = "turnlog_demo"


def _quietly(_text: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class OpenDatabase:
    """The database of a process; `embedded_in` is the folder of the embedded one."""

    database: Database
    embedded_in: Path | None = None

    def schema(self) -> SchemaStatus:
        """Which version its schema has. `StoreUnavailable`, `WrongDatabase`."""
        with connect(self.database) as connection:
            return migrate.status(connection, self.database)

    def upgrade(self) -> SchemaStatus:
        """Brings the schema to this code's version. `NewerSchema`, `MigrationFailed`."""
        return migrate.upgrade(self.database)

    def server_health(self) -> ServerHealth:
        """What the server says about itself."""
        return health.server_health(self.database)

    def log_health(self) -> LogHealth:
        """What the server says about the log. `NotMigrated`."""
        return health.log_health(self.database)

    def blocking_sessions(self) -> list[Session]:
        """Sessions that others wait for, or that have been in a transaction for long."""
        return health.blocking_sessions(self.database)

    def require_exactly(self) -> None:
        """`NotMigrated` or `NewerSchema` unless this code works with the schema."""
        with connect(self.database) as connection:
            migrate.require_current(connection, self.database)

    def make_current(self) -> None:
        """Like `require_exactly`, but the embedded database, which is ours, is migrated."""
        with connect(self.database) as connection:
            now = migrate.status(connection, self.database)
            if now.state == "newer" or self.embedded_in is None:
                migrate.require_current(connection, self.database)
        if not now.works:
            self.upgrade()


@contextlib.contextmanager
def open_database(settings: Settings, on_wait: OnWait = _quietly) -> Iterator[OpenDatabase]:
    """The database the settings name, or else the embedded one, started for as long as the block.

    Says nothing about its schema. Raises InvalidDatabaseUrl, EmbeddedError in its forms.
    """
    if settings.database_url is not None:
        direct = settings.direct_url.get_secret_value() if settings.direct_url else None
        yield OpenDatabase(_database(settings, settings.database_url.get_secret_value(), direct))
        return
    # Only now: it comes with an extra that a user of a server does not need.
    from adapters.postgres.embedded import EmbeddedServer

    server = EmbeddedServer(settings.data_dir)
    # By os.path, as it takes a folder that may not be looked into for one that is not there.
    is_new = not os.path.exists(server.cluster.folder)  # noqa: PTH110
    on_wait("Creating the embedded PostgreSQL" if is_new else "Starting the embedded PostgreSQL")
    with server:
        yield OpenDatabase(_database(settings, server.url), settings.data_dir)


def _database(settings: Settings, url: str, direct_url: str | None = None) -> Database:
    return Database(url, settings.schema_name, settings.connect_timeout_seconds, direct_url)


class Turnlog:
    """Everything that works on one log. Safe to share between threads; close it by its `with`.

    Not to be shared with a process that is forked: what it holds are connections, and tokens for
    appends that must not be used twice. Each process opens its own.
    """

    def __init__(self, settings: Settings, opened: OpenDatabase, pool: Pool) -> None:
        self.settings = settings
        self.database = opened.database
        self.embedded_in = opened.embedded_in
        self.pool = pool
        self.clock = SystemClock()
        self.recorder = PostgresLogRecorder(self.database, pool, max_event_bytes=STORE_LIMIT)
        self.log = RecordedLog(self.recorder, settings.max_event_bytes)
        self.snapshots = PostgresSnapshots(self.database, pool)
        self.threads = CachedThreads(self.log, self.snapshots)
        self.execution = Execution(
            self.log, self.threads, self.clock, SystemEntropy(), pause=time.sleep
        )
        self.service = ThreadService(self.execution, Routing(rules=settings.routing))
        self.leases = PostgresLeases(self.database, pool)
        self.rows = PostgresReadModels(self.database, pool)

    def catch_up(self) -> int:
        """Brings the read models up to the log's end; the position reached.

        `PoisonEvent`, `ReadModelsOutdated`, `ReadModelsMissing`: then they show something older.
        """
        with PostgresFollowerSession(self.database) as session:
            return Follower(session).catch_up()

    def rebuild(self, progress: ProgressCallback, jobs: int | None = None) -> Rebuilt:
        """Makes the read models anew, while the old ones serve; see `projections.rebuild`.

        `jobs` connections fill them at the same time; else as many as there are cores here, for the
        server is taken to have as many.
        """
        seed = int.from_bytes(os.urandom(4))  # other threads are compared each time
        with PostgresRebuildSession(self.database, jobs=jobs or cores()) as session:
            return rebuild(session, self.log, progress, seed=seed)

    def discard_rebuild(self) -> None:
        """Drops what a rebuild that was cut short has left, if anything.

        `RebuildRunning`, `RebuildSchemaTaken`.
        """
        with PostgresRebuildSession(self.database) as session:
            session.claim()
            session.discard()

    def import_paths(self, paths: Iterable[str], progress: OnProgress) -> ImportReport:
        """Imports session logs of other agents; see `importers.import_files`."""
        from adapters.importers.import_files import import_paths

        limit = self.settings.max_event_bytes
        return import_paths(map(Path, paths), self.log, progress, max_event_bytes=limit)

    def threads_beginning(self, prefix: str, limit: int) -> list[str]:
        """Ids of threads that begin with `prefix`, in order; from the log, not from read models."""
        if self.recorder.select_thread(prefix, limit=1):
            return [prefix]
        page = self.rows.page_of_ids(after=prefix, limit=limit)
        return [thread_id for thread_id in page if thread_id.startswith(prefix)]

    def active_turns(self) -> Sequence[tuple[str, str]]:
        """(thread_id, turn_id) of each turn that has no end yet; none of imported threads."""
        return PostgresActiveTurns(self.database, self.pool).active_turns()

    def engine(self, name: str, script: tuple[str, str] | None = None) -> Engine:
        """The engine of that name; `script` is a text and where it comes from.

        `InvalidArgument`, `InvalidScript`.
        """
        if name not in ENGINES:
            why = f"there is no such engine; known are: {', '.join(ENGINES)}"
            raise InvalidArgument(what=f"The engine {name!r}", why=why)
        from adapters.engines.script import ECHO, parse_script
        from adapters.engines.scripted import ScriptedEngine

        return ScriptedEngine(parse_script(*script) if script else ECHO)

    def runner(self, engine: Engine) -> tuple[Runner, str]:
        """A runner for that engine, and the name under which it holds its leases."""
        from adapters.runner.pace import Pace
        from adapters.runner.runner import Runner, new_holder

        holder = new_holder()
        runner = Runner(
            self.service,
            self.log,
            self.leases,
            self,
            engine,
            hints=self.recorder,
            holder=holder,
            pace=Pace(lease_seconds=self.settings.lease_seconds),
        )
        return runner, holder

    def close(self) -> None:
        """Finishes what is being appended. The pool is closed by whoever opened it."""
        self.recorder.close()


@contextlib.contextmanager
def open_turnlog(settings: Settings, on_wait: OnWait = _quietly) -> Iterator[Turnlog]:
    """A turnlog on the database the settings name, or on the embedded one.

    The embedded one is created and migrated as needed; another one is never migrated from here:
    NotMigrated says what to do. Raises StoreError and EmbeddedError in their forms.
    """
    with open_database(settings, on_wait) as opened:
        opened.make_current()
        with turnlog_on(opened, settings) as turnlog:
            yield turnlog


@contextlib.contextmanager
def turnlog_on(opened: OpenDatabase, settings: Settings) -> Iterator[Turnlog]:
    """A turnlog on a database that is open and has the current schema."""
    with open_pool(opened.database, max_connections=settings.pool_max_connections) as pool:
        # Somebody sits before it: no longer than for the first connection.
        pool.timeout = settings.connect_timeout_seconds
        turnlog = Turnlog(settings, opened, pool)
        try:
            yield turnlog
        finally:
            turnlog.close()


@contextlib.contextmanager
def open_demo(settings: Settings, on_wait: OnWait = _quietly) -> Iterator[Turnlog]:
    """An empty turnlog for the demo, in a schema of its own on the embedded database.

    Always there, whatever TURNLOG_DATABASE_URL says: a demo has no business on a server of yours.
    """
    update = {
        "database_url": None,
        "direct_url": None,
        "schema_name": DEMO_SCHEMA,
    }
    chosen = settings.model_copy(update=update)
    with (
        open_database(chosen, on_wait) as opened,
        scratch_schema(opened.database),
        turnlog_on(opened, chosen) as turnlog,
    ):
        yield turnlog
