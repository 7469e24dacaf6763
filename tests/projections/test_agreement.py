"""L12: live tables, rebuilt tables and the fold are equal, at every prefix that was tried."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.postgres.rebuild import PostgresRebuildSession
from projections.rebuild import rebuild
from tests.fixtures.database import DatabaseFactory
from tests.projections.histories import Log, logs
from tests.projections.tables import tables_of

# How many events each step takes; from the beginning again when they are used up.
Cuts = st.lists(st.integers(1, 30), min_size=1, max_size=8)


@given(log=logs(), cuts=Cuts)
@settings(max_examples=40)
def test_live_rebuilt_and_folded_are_equal_however_the_ranges_are_cut(
    database_factory: DatabaseFactory, log: Log, cuts: Sequence[int]
) -> None:
    with database_factory() as database, tables_of(database) as at:
        log.append_to(at.recorder)
        position, number = 0, 0
        while position < len(log.entries):
            step = at.session.step(cuts[number % len(cuts)])
            assert step is not None
            position, number = step.upto, number + 1
            at.assert_agree(log, position)
        with PostgresRebuildSession(at.database) as session:
            rebuild(session, step_events=max(cuts))
        at.assert_agree(log, len(log.entries))
        assert at.differences() == []
