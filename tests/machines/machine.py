"""Random long schedules of everything that can happen to a turnlog on PostgreSQL.

Each rule is something that a client, a worker, an operator or the network does. What it says is
compared with the store in memory (`twins`), the log with the laws as it grows (`chronicle`), and
the read models with the fold of the log wherever somebody stops (`shown`).
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any, Final

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from adapters.event_log import RecordedLog
from domain.options import SettingsChange, ThreadSettings
from tests.fixtures.faults import Fault, Kind, Role
from tests.machines.rebuilder import Rebuilder
from tests.machines.shown import Shown
from tests.machines.stage import Stage
from tests.machines.transcripts import NAMES, Transcripts
from tests.machines.twins import Twins
from tests.machines.users import Picks, Scripts, Threads, Users, Who
from tests.machines.wishes import Wish
from tests.strategies import SETTINGS, Move, moves

TO_THE_END: Final = 10_000

LOST: Final[tuple[Kind, ...]] = (
    *("request lost", "request torn", "no reply", "reply lost", "reply torn"),
)
ROLES: Final[tuple[Role, ...]] = ("append", "append", "append", "read", "any")


class Machine(Users):
    """A schedule, as it is made up. It fails with the story of it so far."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.rebuilder: Rebuilder | None = None
        self.left_by_rebuild = 0  # events that are done
        self.stack = ExitStack()

    @initialize(watched=st.booleans(), settings=SETTINGS, script=Scripts)
    def begin(self, watched: bool, settings: SettingsChange, script: list[Move]) -> None:
        self.stage.clear()
        self.transcripts = Transcripts(self.stage.folder)
        self.twins = Twins(self.stage, note, watched=watched)
        self.stack.callback(self.twins.close)
        self.shown = Shown(self.stage.proxy.database, self.twins.chronicle, self.stage.reader)
        self.stack.callback(self.shown.close)
        self.stack.callback(self.kill_rebuild)
        for number, chosen in enumerate((None, settings.over(ThreadSettings()))):
            arguments = {"thread_id": f"thr_{number}", "settings": chosen}
            self.twins.ask(Wish("create", arguments), number)
        self.follow(script, 0, 0)

    # ── Read models ──────────────────────────────────────────────────────────────────────────────

    @rule(limits=st.lists(st.integers(1, 40), min_size=1, max_size=4), restart=st.booleans())
    def tables_follow(self, limits: list[int], restart: bool) -> None:
        if restart:
            self.shown.restart()
        for limit in limits:
            step = self.shown.step(limit)
            note(f"     the tables: {step.after} to {step.upto} of {step.head}")

    @rule(kind=st.sampled_from(LOST), skip=st.integers(0, 3), limit=st.integers(1, 40))
    def tables_follow_over_a_bad_line(self, kind: Kind, skip: int, limit: int) -> None:
        self.stage.proxy.arm(Fault(kind, "follow", skip=skip))
        step = self.shown.step(limit)
        note(f"     the tables: {step.after} to {step.upto}, {kind}")
        self.stage.proxy.arm()

    @rule(who=Who)
    def tables_catch_up(self, who: int) -> None:
        """As whoever wants to read what was written has them do."""
        self.shown.moved_to(self.twins.processes[who].turnlog.catch_up())
        assert self.shown.position == self.twins.chronicle.head
        self.shown.check(self.twins.chronicle.thread_ids)

    @rule(
        jobs=st.integers(1, 2),
        part=st.sampled_from((1, 30, 10_000)),
        step=st.integers(4, 60),
        times=st.integers(1, 20),
        script=st.lists(moves(), max_size=4),
    )
    def rebuild(self, jobs: int, part: int, step: int, times: int, script: list[Move]) -> None:
        """Somebody begins to rebuild, or goes on with it, while others command."""
        if self.rebuilder is None:
            log = RecordedLog(self.stage.recorder)
            self.rebuilder = Rebuilder(
                self.stage.database, log, jobs=jobs, part_events=part, step_events=step
            )
        for number in range(times):
            if self.rebuild_is_over(self.rebuilder):
                return
            self.follow(script[number % 4 : number % 4 + 1], 0, number % 2)

    def rebuild_is_over(self, rebuilder: Rebuilder) -> bool:
        """After the next thing it does; its tables are in use then."""
        note(f"     the rebuild: {rebuilder.at}")
        rebuilder.go_on()
        if rebuilder.is_over:
            assert rebuilder.rebuilt is not None
            # What an earlier one had done is not done again.
            assert rebuilder.rebuilt.resumed_at >= self.left_by_rebuild
            self.rebuilder, self.left_by_rebuild = None, 0
            self.shown.moved_to(rebuilder.rebuilt.position)
            assert self.shown.position == self.twins.chronicle.head
            self.shown.check(self.twins.chronicle.thread_ids)
        return rebuilder.is_over

    @rule()
    def rebuild_dies(self) -> None:
        """The next one goes on where it was."""
        if self.rebuilder is not None:
            note(f"     the rebuild dies before: {self.rebuilder.at}")
        self.kill_rebuild()

    def kill_rebuild(self) -> None:
        rebuilder, self.rebuilder = self.rebuilder, None
        if rebuilder is not None:
            rebuilder.kill()
            self.left_by_rebuild = max(self.left_by_rebuild, rebuilder.done)

    # ── Imports ──────────────────────────────────────────────────────────────────────────────────

    @rule(
        name=st.sampled_from(NAMES),
        picks=st.lists(Picks, min_size=1, max_size=12),
        torn=st.sampled_from((0, 0, 1, 30)),
        who=Who,
    )
    def a_transcript_grows(self, name: str, picks: list[int], torn: int, who: int) -> None:
        path = self.transcripts.grow(name, picks, torn)
        self.twins.bring(path, who)

    @rule(who=Who)
    def transcripts_are_imported_again(self, who: int) -> None:
        for path in self.transcripts.begun():
            file = self.twins.bring(path, who).files[0]
            assert file.new == 0
            assert self.twins.bring(path, 1 - who).files[0] == file

    # ── Processes and connections ────────────────────────────────────────────────────────────────

    @rule(who=Who, without_snapshots=st.booleans())
    def a_process_starts_anew(self, who: int, without_snapshots: bool) -> None:
        if without_snapshots:
            self.stage.forget_snapshots()
        self.twins.restart(who)

    @rule()
    def connections_are_cut(self) -> None:
        note("     all connections of process 1 and of the follower are cut")
        self.stage.proxy.cut()

    @rule(
        script=st.lists(moves(), min_size=1, max_size=3),
        kind=st.sampled_from(LOST),
        role=st.sampled_from(ROLES),
        skip=st.sampled_from((0, 0, 1)),
        at=Threads,
    )
    def a_connection_is_lost(
        self, script: list[Move], kind: Kind, role: Role, skip: int, at: int
    ) -> None:
        for move in script:
            self.twins.lose(self.wish(move, at), Fault(kind, role, skip=skip))

    @rule(at=Threads, who=Who)
    def a_process_looks(self, at: int, who: int) -> None:
        self.twins.look(self.thread(at).thread_id, who)

    @rule(who=Who)
    def everything_is_verified(self, who: int) -> None:
        self.twins.verify(who)
        self.shown.moved_to(self.twins.chronicle.head)

    # ── What always holds ────────────────────────────────────────────────────────────────────────

    @invariant()
    def memories_are_true(self) -> None:
        self.twins.check_memories()

    def teardown(self) -> None:
        """Unless something was wrong before: live tables, rebuilt ones and the log all agree."""
        with self.stack:
            if sys.exc_info()[0] is None and hasattr(self, "shown"):
                self.end()

    def end(self) -> None:
        every = self.twins.chronicle.thread_ids
        while self.shown.step(50).upto < self.twins.chronicle.head:
            pass
        self.shown.check(every)
        if self.rebuilder is not None:
            self.rebuild(jobs=1, part=1, step=1, times=TO_THE_END, script=[])
        self.rebuild(jobs=2, part=30, step=20, times=TO_THE_END, script=[])
        self.twins.expect_readers()
        self.twins.verify(0)

    def _repr_step(self, rule: Any, data: object, result: object) -> str:
        """What Hypothesis prints of a step: its name. What happened in it has been told by then."""
        return f"({str(rule.function.__name__).replace('_', ' ')})"
