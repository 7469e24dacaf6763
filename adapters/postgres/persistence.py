"""The persistence module of PostgreSQL, for the `eventsourcing` library.

Name it with PERSISTENCE_MODULE=adapters.postgres.persistence. Where the database is, it reads from
TURNLOG_DATABASE_URL, or from the library's POSTGRES_DBNAME, _HOST, _PORT, _USER and _PASSWORD. It
creates no table (CREATE_TABLE is ignored): migrations do.

One schema holds one log, whatever application asks for it; the application's name tells followers
and snapshots apart. (Import this module, not its factory: the library counts the factory classes
it finds in a module and wants exactly one.)
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.utils import Environment, EnvType, resolve_topic

from adapters.errors import InvalidSettings
from adapters.postgres.aggregates import PostgresAggregateRecorder
from adapters.postgres.connection import Pool, open_pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.tracking import PostgresProcessRecorder, PostgresTrackingRecorder
from adapters.records import MAX_EVENT_BYTES

DATABASE_URL: Final = "TURNLOG_DATABASE_URL"
MAX_EVENT_BYTES_NAME: Final = "TURNLOG_MAX_EVENT_BYTES"
DBNAME: Final = "POSTGRES_DBNAME"
HOST: Final = "POSTGRES_HOST"
PORT: Final = "POSTGRES_PORT"
USER: Final = "POSTGRES_USER"
PASSWORD: Final = "POSTGRES_PASSWORD"  # noqa: S105  (the name of the variable)
SCHEMA: Final = "POSTGRES_SCHEMA"
POOL_SIZE: Final = "POSTGRES_POOL_SIZE"
CONNECT_TIMEOUT: Final = "POSTGRES_CONNECT_TIMEOUT"


class PostgresLogFactory(InfrastructureFactory[PostgresTrackingRecorder]):
    """Makes the recorders of one schema, over one pool, which is opened when first needed."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self.database = Database(
            self.env.get(DATABASE_URL) or self._url_of_parts(),
            schema=self.env.get(SCHEMA) or "turnlog",
            connect_timeout_seconds=self._number(CONNECT_TIMEOUT, 10),
        )
        self._pool_size = self._number(POOL_SIZE, 8)
        self._max_event_bytes = self._number(MAX_EVENT_BYTES_NAME, MAX_EVENT_BYTES)
        self._pool: Pool | None = None
        self._logs: list[PostgresLogRecorder] = []

    def aggregate_recorder(self, purpose: str = "events") -> PostgresAggregateRecorder:
        """Keeps events (of snapshots: `purpose="snapshots"`) apart from the log."""
        prefix = self.env.name.lower() or "stored"
        collection = f"{prefix}_{purpose}"
        return PostgresAggregateRecorder(self.database, self._open_pool(), collection=collection)

    def application_recorder(self) -> PostgresLogRecorder:
        """The log."""
        recorder = PostgresLogRecorder(
            self.database, self._open_pool(), max_event_bytes=self._max_event_bytes
        )
        self._logs.append(recorder)
        return recorder

    def tracking_recorder(
        self, tracking_recorder_class: type[PostgresTrackingRecorder] | None = None
    ) -> PostgresTrackingRecorder:
        """Positions, recorded by the class given, or named by TRACKING_RECORDER_TOPIC, or ours."""
        topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
        given = tracking_recorder_class or (resolve_topic(topic) if topic else None)
        recorder_class = given or PostgresTrackingRecorder
        if not issubclass(recorder_class, PostgresTrackingRecorder):
            raise TypeError(f"{recorder_class.__name__} is not a PostgresTrackingRecorder")
        return recorder_class(self.database, self._open_pool(), follower=self._follower)

    def process_recorder(self) -> PostgresProcessRecorder:
        """The log together with positions."""
        recorder = PostgresProcessRecorder(
            self.database,
            self._open_pool(),
            follower=self._follower,
            max_event_bytes=self._max_event_bytes,
        )
        self._logs.append(recorder)
        return recorder

    def close(self) -> None:
        """Close every recorder made, and the pool."""
        logs, self._logs = self._logs, []
        for recorder in logs:
            recorder.close()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    @property
    def _follower(self) -> str:
        return self.env.name.lower()

    def _open_pool(self) -> Pool:
        if self._pool is None:
            self._pool = open_pool(self.database, max_connections=self._pool_size)
        return self._pool

    def _url_of_parts(self) -> str:
        parts = {"dbname": DBNAME, "host": HOST, "port": PORT, "user": USER, "password": PASSWORD}
        values = {part: self.env.get(name) for part, name in parts.items()}
        if not values["dbname"]:
            raise InvalidSettings(problems=f"Set {DATABASE_URL}, or {DBNAME}, {HOST} and so on.")
        given = {part: value for part, value in values.items() if value}
        return f"postgresql:///?{urlencode(given, quote_via=quote)}"

    def _number(self, name: str, default: int) -> int:
        text = self.env.get(name) or str(default)
        if not text.isdecimal() or int(text) == 0:
            raise InvalidSettings(problems=f"{name}: must be a whole number above 0, not {text!r}.")
        return int(text)


Factory = PostgresLogFactory
