"""A request that the network delivers when nobody waits for it any more."""

from __future__ import annotations

import pytest

from adapters.postgres.connection import Pool
from adapters.postgres.recorder import PostgresLogRecorder
from tests.faults.callers import change
from tests.faults.ledger import Ledger
from tests.fixtures.faults import Fault, Kind, Proxy

LOST: tuple[Kind, ...] = (
    "request lost",
    "request torn",
    "request late",
    "no reply",
    "reply lost",
    "reply torn",
)


@pytest.mark.parametrize("kind", LOST)
def test_an_append_is_written_once_whatever_was_lost_of_it(
    proxy: Proxy, pool: Pool, kind: Kind
) -> None:
    ledger = Ledger()
    with PostgresLogRecorder(proxy.database, pool) as log:
        for number in range(3):
            proxy.arm(Fault(kind, "append", skip=min(number, 1)))
            for seq in (0, 5):
                answer = ledger.append(log, change(f"thr_{number}", seq, 5), seq)
                assert isinstance(answer, list), answer
            assert proxy.struck.is_set()
            proxy.deliver_late()
            assert len(ledger.check(log)) == 10 * (number + 1)
