"""What every store of leases, and every finder of active turns, must do. Bind it by a subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from adapters.runner.runner import ActiveTurns
from domain.ports import EventLog, Leases
from domain.service import ThreadService
from tests.contracts.imported import import_copy
from tests.fixtures.patience import PATIENCE

TURN, THREAD = "turn_1", "thr_1"


class LeasesContract(ABC):
    """The subclass gives `leases`, and `pass_time`, which makes time go by for them.

    Real time may go by as well, but not as much as a lease lasts here.
    """

    @abstractmethod
    @pytest.fixture
    def leases(self) -> Leases: ...

    @abstractmethod
    @pytest.fixture
    def pass_time(self) -> Callable[[float], object]: ...

    def test_a_turn_without_a_lease_is_taken_with_token_1(self, leases: Leases) -> None:
        lease = leases.acquire(TURN, THREAD, "one", 3000)
        assert lease is not None
        assert (lease.turn_id, lease.thread_id) == (TURN, THREAD)
        assert (lease.holder, lease.token) == ("one", 1)
        assert lease.seconds_left == 3000

    def test_a_live_lease_cannot_be_taken_even_by_its_holder(self, leases: Leases) -> None:
        assert leases.acquire(TURN, THREAD, "one", 3000)
        assert leases.acquire(TURN, THREAD, "two", 3000) is None
        assert leases.acquire(TURN, THREAD, "one", 3000) is None

    def test_leases_of_other_turns_do_not_matter(self, leases: Leases) -> None:
        lease = leases.acquire(TURN, THREAD, "one", 3000)
        assert lease is not None
        assert leases.acquire("turn_2", THREAD, "two", 3000)
        leases.release(lease)
        assert leases.acquire("turn_2", THREAD, "one", 3000) is None

    def test_a_lease_that_ran_out_is_taken_with_the_next_token(
        self, leases: Leases, pass_time: Callable[[float], object]
    ) -> None:
        leases.acquire(TURN, THREAD, "one", 3000)
        pass_time(3001)
        lease = leases.acquire(TURN, THREAD, "two", 3000)
        assert lease is not None
        assert (lease.holder, lease.token) == ("two", 2)
        found = leases.find(TURN)
        assert found is not None
        assert (found.holder, found.token) == ("two", 2)

    def test_of_many_who_take_a_lease_at_once_one_gets_it(
        self, leases: Leases, pass_time: Callable[[float], object]
    ) -> None:
        leases.acquire(TURN, THREAD, "before", 3000)
        pass_time(3001)
        together = Barrier(4)

        def take(holder: str) -> bool:
            together.wait(PATIENCE)
            return leases.acquire(TURN, THREAD, holder, 3000) is not None

        with ThreadPoolExecutor(4) as threads:
            taken = list(threads.map(take, ["a", "b", "c", "d"]))
        assert taken.count(True) == 1

    def test_a_renewed_lease_runs_on_from_the_renewal(
        self, leases: Leases, pass_time: Callable[[float], object]
    ) -> None:
        lease = leases.acquire(TURN, THREAD, "one", 3000)
        assert lease is not None
        pass_time(2000)
        assert leases.renew(lease, 3000)
        pass_time(2000)
        assert leases.acquire(TURN, THREAD, "two", 3000) is None
        found = leases.find(TURN)
        assert found is not None
        assert found.seconds_left == pytest.approx(1000, abs=PATIENCE)

    def test_a_lease_that_ran_out_is_not_renewed_although_nobody_took_it(
        self, leases: Leases, pass_time: Callable[[float], object]
    ) -> None:
        lease = leases.acquire(TURN, THREAD, "one", 3000)
        assert lease is not None
        pass_time(3001)
        assert not leases.renew(lease, 3000)

    def test_a_lease_that_passed_on_is_not_renewed_nor_released_by_the_old_holder(
        self, leases: Leases, pass_time: Callable[[float], object]
    ) -> None:
        old = leases.acquire(TURN, THREAD, "one", 3000)
        assert old is not None
        pass_time(3001)
        assert leases.acquire(TURN, THREAD, "one", 3000)  # the same name, and still another holder
        assert not leases.renew(old, 3000)
        leases.release(old)
        assert leases.acquire(TURN, THREAD, "three", 3000) is None

    def test_a_released_lease_has_run_out_and_its_token_is_not_given_again(
        self, leases: Leases
    ) -> None:
        lease = leases.acquire(TURN, THREAD, "one", 3000)
        assert lease is not None
        leases.release(lease)
        found = leases.find(TURN)
        assert found is not None
        assert found.seconds_left <= 0
        assert not leases.renew(lease, 3000)
        again = leases.acquire(TURN, THREAD, "two", 3000)
        assert again is not None
        assert again.token == 2

    def test_a_turn_that_never_had_a_lease_has_none(self, leases: Leases) -> None:
        assert leases.find(TURN) is None

    def test_the_last_lease_is_found_alive_or_run_out(
        self, leases: Leases, pass_time: Callable[[float], object]
    ) -> None:
        leases.acquire(TURN, THREAD, "one", 3000)
        found = leases.find(TURN)
        assert found is not None
        assert (found.thread_id, found.holder, found.token) == (THREAD, "one", 1)
        assert found.seconds_left == pytest.approx(3000, abs=PATIENCE)
        pass_time(4000)
        found = leases.find(TURN)
        assert found is not None
        assert found.seconds_left == pytest.approx(-1000, abs=PATIENCE)


class ActiveTurnsContract(ABC):
    """The subclass gives a store: `active`, and `service` and `log` over the same one."""

    @abstractmethod
    @pytest.fixture
    def active(self) -> ActiveTurns: ...

    @abstractmethod
    @pytest.fixture
    def service(self) -> ThreadService: ...

    @abstractmethod
    @pytest.fixture
    def log(self) -> EventLog: ...

    def test_an_empty_log_has_none(self, active: ActiveTurns) -> None:
        assert active.active_turns() == []

    def test_an_idle_thread_has_none(self, active: ActiveTurns, service: ThreadService) -> None:
        thread_id = service.create().thread_id
        turn_id = service.submit(thread_id, "A").started_turn_id
        assert turn_id is not None
        service.finish(thread_id, turn_id, "completed")
        assert active.active_turns() == []

    def test_turns_are_found_oldest_first_without_those_that_ended(
        self, active: ActiveTurns, service: ThreadService
    ) -> None:
        one, two = service.create().thread_id, service.create().thread_id
        first = service.submit(one, "A").started_turn_id
        other = service.submit(two, "B").started_turn_id
        service.submit(one, "C", delivery="queue")
        assert active.active_turns() == [(one, first), (two, other)]
        assert first is not None
        next_ = service.finish(one, first, "failed").started_turn_id
        assert active.active_turns() == [(two, other), (one, next_)]

    def test_a_compaction_is_a_turn(self, active: ActiveTurns, service: ThreadService) -> None:
        thread_id = service.create().thread_id
        turn_id = service.compact(thread_id).started_turn_id
        assert active.active_turns() == [(thread_id, turn_id)]

    def test_turns_of_imported_threads_are_nobodys_to_run(
        self, active: ActiveTurns, service: ThreadService, log: EventLog
    ) -> None:
        thread_id = service.create().thread_id
        service.submit(thread_id, "A")
        import_copy(log, thread_id)
        assert [thread for thread, _ in active.active_turns()] == [thread_id]
