"""The stores in memory pass the tests that the `eventsourcing` library ships for its own."""

from __future__ import annotations

import eventsourcing.popo as es_popo
import eventsourcing.tests.persistence as es_contract
import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from adapters.memory import persistence
from adapters.memory.recorder import MemoryLogRecorder
from tests.contracts.library import AnyBytes, TextIds


class AnyBytesLog(AnyBytes, MemoryLogRecorder):
    pass


class AnyBytesProcess(AnyBytes, persistence.MemoryProcessRecorder):
    pass


class TestApplicationRecorder(TextIds, es_contract.ApplicationRecorderTestCase[MemoryLogRecorder]):
    def create_recorder(self) -> MemoryLogRecorder:
        return AnyBytesLog()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(TextIds, es_contract.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return MemoryLogRecorder()


class TestProcessRecorder(TextIds, es_contract.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return AnyBytesProcess()


class FollowerTracking(es_popo.POPOTrackingRecorder):
    pass


class TestFactory(es_contract.InfrastructureFactoryTestCase[persistence.MemoryFactory]):
    @pytest.fixture(autouse=True)
    def give_env(self) -> None:
        self.env = Environment("App", {"PERSISTENCE_MODULE": "adapters.memory.persistence"})

    def expected_factory_class(self) -> type[persistence.MemoryFactory]:
        return persistence.MemoryFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return es_popo.POPOAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return MemoryLogRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return es_popo.POPOTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return FollowerTracking

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return persistence.MemoryProcessRecorder
