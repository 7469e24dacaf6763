"""The PostgreSQL stores pass the tests that the `eventsourcing` library ships for its own."""

from __future__ import annotations

from collections.abc import Iterator

import eventsourcing.tests.persistence as es_contract
import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from adapters.errors import InvalidSettings
from adapters.postgres import persistence
from adapters.postgres.aggregates import PostgresAggregateRecorder
from adapters.postgres.connection import Pool
from adapters.postgres.database import Database
from adapters.postgres.recorder import PostgresLogRecorder
from adapters.postgres.tracking import PostgresProcessRecorder, PostgresTrackingRecorder
from tests.contracts.library import AnyBytes, TextIds


class AnyBytesLog(AnyBytes, PostgresLogRecorder):
    pass


class AnyBytesProcess(AnyBytes, PostgresProcessRecorder):
    pass


class WithDatabase:
    """Gives a test case of the library a database."""

    database: Database
    pool: Pool
    opened: list[PostgresLogRecorder]

    @pytest.fixture(autouse=True)
    def give_database(self, database: Database, pool: Pool) -> Iterator[None]:
        self.database, self.pool, self.opened = database, pool, []
        yield
        for recorder in self.opened:
            recorder.close()

    def open_log(self) -> PostgresLogRecorder:
        self.opened.append(AnyBytesLog(self.database, self.pool))
        return self.opened[-1]


class TestApplicationRecorder(
    WithDatabase, TextIds, es_contract.ApplicationRecorderTestCase[PostgresLogRecorder]
):
    def create_recorder(self) -> PostgresLogRecorder:
        return self.open_log()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(
    WithDatabase, TextIds, es_contract.NonInterleavingNotificationIDsBaseCase
):
    def create_recorder(self) -> ApplicationRecorder:
        return self.open_log()


class TestAggregateRecorder(WithDatabase, TextIds, es_contract.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return PostgresAggregateRecorder(self.database, self.pool, collection="stored_snapshots")


class TestTrackingRecorder(WithDatabase, es_contract.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return PostgresTrackingRecorder(self.database, self.pool)


class TestProcessRecorder(WithDatabase, TextIds, es_contract.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        recorder = AnyBytesProcess(self.database, self.pool, follower="downstream")
        self.opened.append(recorder)
        return recorder


class FollowerTracking(PostgresTrackingRecorder):
    pass


class TestFactory(es_contract.InfrastructureFactoryTestCase[persistence.PostgresLogFactory]):
    @pytest.fixture(autouse=True)
    def give_env(self, database: Database) -> None:
        module = {"PERSISTENCE_MODULE": "adapters.postgres.persistence"}
        self.env = Environment("App", {**module, "TURNLOG_DATABASE_URL": database.url})

    def expected_factory_class(self) -> type[persistence.PostgresLogFactory]:
        return persistence.PostgresLogFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return PostgresAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return PostgresLogRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return PostgresTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return FollowerTracking

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return PostgresProcessRecorder


def test_the_factory_takes_the_parts_of_an_address_as_the_library_names_them() -> None:
    env = {
        "POSTGRES_DBNAME": "orders",
        "POSTGRES_HOST": "db.example",
        "POSTGRES_PORT": "5433",
        "POSTGRES_USER": "app",
        "POSTGRES_PASSWORD": "p@ss/word",
        "POSTGRES_SCHEMA": "other",
    }
    database = persistence.Factory(env).database
    assert database.target == "orders at db.example:5433 (as app)"
    assert database.schema == "other"


def test_the_factory_says_what_is_missing() -> None:
    with pytest.raises(InvalidSettings, match="TURNLOG_DATABASE_URL"):
        persistence.Factory({})
    with pytest.raises(InvalidSettings, match="POSTGRES_POOL_SIZE"):
        persistence.Factory({"POSTGRES_DBNAME": "orders", "POSTGRES_POOL_SIZE": "many"})
