"""What both stores promise about appends that a turn's lease decides on (L14). Bind it by a
subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from adapters.recorder import LogRecorder
from adapters.records import (
    DuplicateCommand,
    LeaseBeingTaken,
    LeaseNotHeld,
    LogRecord,
    SeqConflict,
    VersionConflict,
)
from domain.ports import Fence, Lease, Leases
from tests.contracts.records import commanded, record
from tests.fixtures.patience import PATIENCE

TURN, THREAD = "turn_1", "thr_1"
LEASE_SECONDS = 300.0
PassTime = Callable[[float], object]


def of_turn(version: int, type_: str = "thing.happened") -> LogRecord:
    return record(THREAD, version, stream_id=TURN, type_=type_)


def taken(leases: Leases, holder: str = "one") -> Lease:
    lease = leases.acquire(TURN, THREAD, holder, LEASE_SECONDS)
    assert lease is not None
    return lease


def write_until_refused(
    log: LogRecorder, event: Callable[[int], LogRecord], fence: Fence, writing: Event
) -> None:
    """One after the other, for as long as the fence lets it; while the lease changes hands, the
    same one again."""
    version = 1
    while True:
        try:
            log.append([event(version)], fence=fence)
        except LeaseBeingTaken:
            continue
        except LeaseNotHeld:
            return
        version += 1
        writing.set()


class FencesContract(ABC):
    """The subclass gives an empty `log`, its `leases`, and `pass_time`, which makes time go by for
    them."""

    @abstractmethod
    @pytest.fixture
    def log(self) -> LogRecorder: ...

    @abstractmethod
    @pytest.fixture
    def leases(self) -> Leases: ...

    @abstractmethod
    @pytest.fixture
    def pass_time(self) -> PassTime: ...

    def test_the_holder_of_the_lease_appends(self, log: LogRecorder, leases: Leases) -> None:
        fence = Fence(TURN, taken(leases).token)
        log.append([of_turn(1)], 0, fence)
        log.append([of_turn(2), of_turn(3)], fence=fence)
        assert log.head() == 3

    @pytest.mark.parametrize("token", [1, 3])
    def test_another_token_is_refused(
        self, log: LogRecorder, leases: Leases, pass_time: PassTime, token: int
    ) -> None:
        taken(leases)
        pass_time(LEASE_SECONDS + 1)
        assert taken(leases, "two").token == 2
        with pytest.raises(LeaseNotHeld) as refused:
            log.append([of_turn(1)], 0, Fence(TURN, token))
        assert refused.value.details == {"turn_id": TURN, "token": token, "actual": 2}
        assert log.head() == 0

    def test_a_lease_that_ran_out_is_refused_although_nobody_took_it(
        self, log: LogRecorder, leases: Leases, pass_time: PassTime
    ) -> None:
        fence = Fence(TURN, taken(leases).token)
        pass_time(LEASE_SECONDS + 1)
        with pytest.raises(LeaseNotHeld) as refused:
            log.append([of_turn(1)], fence=fence)
        assert refused.value.details == {"turn_id": TURN, "token": 1, "actual": 1}

    def test_a_lease_that_was_given_back_is_refused(self, log: LogRecorder, leases: Leases) -> None:
        lease = taken(leases)
        leases.release(lease)
        with pytest.raises(LeaseNotHeld):
            log.append([of_turn(1)], fence=Fence(TURN, lease.token))

    def test_a_token_that_nobody_was_given_is_refused(self, log: LogRecorder) -> None:
        with pytest.raises(LeaseNotHeld) as refused:
            log.append([of_turn(1)], fence=Fence(TURN, 1))
        assert refused.value.details["actual"] is None

    def test_the_lease_of_another_turn_does_not_help(
        self, log: LogRecorder, leases: Leases
    ) -> None:
        lease = leases.acquire("turn_2", THREAD, "one", LEASE_SECONDS)
        assert lease is not None
        with pytest.raises(LeaseNotHeld):
            log.append([of_turn(1)], fence=Fence(TURN, lease.token))

    def test_a_renewed_lease_holds_on(
        self, log: LogRecorder, leases: Leases, pass_time: PassTime
    ) -> None:
        lease = taken(leases)
        pass_time(LEASE_SECONDS * 2 / 3)
        assert leases.renew(lease, LEASE_SECONDS)
        pass_time(LEASE_SECONDS * 2 / 3)
        log.append([of_turn(1)], fence=Fence(TURN, lease.token))
        assert log.head() == 1

    def test_who_names_no_lease_appends_while_nobody_has_it(
        self, log: LogRecorder, leases: Leases, pass_time: PassTime
    ) -> None:
        log.append([of_turn(1)], fence=Fence(TURN))
        taken(leases)
        with pytest.raises(LeaseNotHeld) as refused:
            log.append([of_turn(2)], fence=Fence(TURN))
        assert refused.value.details == {"turn_id": TURN, "token": None, "actual": 1}
        pass_time(LEASE_SECONDS + 1)
        log.append([of_turn(2)], fence=Fence(TURN))
        leases.release(taken(leases))
        log.append([of_turn(3)], fence=Fence(TURN))
        assert log.head() == 3

    def test_users_need_no_lease(self, log: LogRecorder, leases: Leases) -> None:
        taken(leases)
        log.append([of_turn(1), record(THREAD, 1)], 0)
        assert log.head() == 2

    def test_a_repeated_command_is_reported_before_the_lease(
        self, log: LogRecorder, leases: Leases
    ) -> None:
        log.append(commanded(THREAD, 1, "cmd_1"))
        taken(leases)
        with pytest.raises(DuplicateCommand):
            log.append(commanded(THREAD, 3, "cmd_1"), 2, Fence(TURN, 9))

    def test_a_thread_that_moved_is_reported_before_the_lease(
        self, log: LogRecorder, leases: Leases
    ) -> None:
        taken(leases)
        with pytest.raises(SeqConflict):
            log.append([of_turn(1)], 5, Fence(TURN, 9))

    def test_the_lease_is_reported_before_the_version(
        self, log: LogRecorder, leases: Leases
    ) -> None:
        lease = taken(leases)
        with pytest.raises(LeaseNotHeld):
            log.append([of_turn(7)], 0, Fence(TURN, 9))
        with pytest.raises(VersionConflict):
            log.append([of_turn(7)], 0, Fence(TURN, lease.token))

    def test_a_refused_append_leaves_nothing_and_uses_up_no_number(
        self, log: LogRecorder, leases: Leases
    ) -> None:
        lease = taken(leases)
        with pytest.raises(LeaseNotHeld):
            log.append(commanded(THREAD, 1, "cmd_1"), 0, Fence(TURN))
        assert log.select_command("cmd_1") == []
        [first, _] = log.append(commanded(THREAD, 1, "cmd_1"), 0, Fence(TURN, lease.token))
        assert (first.id, first.seq) == (1, 1)

    def test_who_takes_over_has_seen_all_that_was_written_before(
        self, log: LogRecorder, leases: Leases, pass_time: PassTime
    ) -> None:
        """Two workers never both win: three write with the old token while it passes on."""
        writing, heads = [Event() for _ in range(3)], list[int]()
        old = taken(leases)

        def write(number: int) -> None:
            def event(version: int) -> LogRecord:
                stream = f"turn_1.{number}"
                return record(f"thr_{number}", version, stream_id=stream, type_="by.1")

            write_until_refused(log, event, Fence(TURN, old.token), writing[number])

        def take_over() -> None:
            for event in writing:
                assert event.wait(PATIENCE)
            pass_time(LEASE_SECONDS + 1)
            new = taken(leases, "two")
            heads.append(log.head())
            log.append([record(THREAD, 1, type_="by.2")], fence=Fence(TURN, new.token))

        with ThreadPoolExecutor(4) as threads:
            work = [threads.submit(write, number) for number in range(3)]
            threads.submit(take_over).result(PATIENCE)
            for done in work:
                done.result(PATIENCE)
        late = [
            e.id for e in log.select_log(after_position=heads[0], limit=1000) if e.topic == "by.1"
        ]
        assert late == []

    def test_of_many_who_write_without_a_lease_none_writes_after_the_first_was_taken(
        self, log: LogRecorder, leases: Leases
    ) -> None:
        writing = [Event() for _ in range(3)]

        def write(number: int) -> None:
            def event(version: int) -> LogRecord:
                return record(f"thr_{number}", version, type_="without")

            write_until_refused(log, event, Fence(TURN), writing[number])

        with ThreadPoolExecutor(3) as threads:
            work = [threads.submit(write, number) for number in range(3)]
            for event in writing:
                assert event.wait(PATIENCE)
            taken(leases)
            head = log.head()
            for done in work:
                done.result(PATIENCE)
        assert log.head() == head

    def test_renewals_and_appends_do_not_get_in_each_others_way(
        self, log: LogRecorder, leases: Leases
    ) -> None:
        lease, done = taken(leases), Event()

        def renew() -> int:
            renewed = 0
            while not done.is_set() or not renewed:
                assert leases.renew(lease, LEASE_SECONDS)
                renewed += 1
            return renewed

        with ThreadPoolExecutor(1) as threads:
            renewals = threads.submit(renew)
            for version in range(1, 31):
                log.append([of_turn(version)], version - 1, Fence(TURN, lease.token))
            done.set()
            assert renewals.result(PATIENCE) > 0
        assert log.head() == 30
