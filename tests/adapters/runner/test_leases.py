"""The leases of both stores, appends fenced by them, and active turns keep the same contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.recorder import LogRecorder
from adapters.runner.runner import ActiveTurns
from domain.ports import EventLog, Leases
from domain.service import ThreadService
from tests.adapters.runner.stage import Stage
from tests.contracts.fences import FencesContract
from tests.contracts.leases import ActiveTurnsContract, LeasesContract


class TestLeases(LeasesContract):
    @pytest.fixture
    def leases(self, stage: Stage) -> Leases:
        return stage.leases

    @pytest.fixture
    def pass_time(self, stage: Stage) -> Callable[[float], object]:
        return stage.pass_lease_time


class TestFences(FencesContract):
    @pytest.fixture
    def log(self, stage: Stage) -> LogRecorder:
        return stage.recorder

    @pytest.fixture
    def leases(self, stage: Stage) -> Leases:
        return stage.leases

    @pytest.fixture
    def pass_time(self, stage: Stage) -> Callable[[float], object]:
        return stage.pass_lease_time


class TestActiveTurns(ActiveTurnsContract):
    @pytest.fixture
    def active(self, stage: Stage) -> ActiveTurns:
        return stage.active

    @pytest.fixture
    def service(self, stage: Stage) -> ThreadService:
        return stage.service

    @pytest.fixture
    def log(self, stage: Stage) -> EventLog:
        return stage.log
