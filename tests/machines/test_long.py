"""Thousands of commands in one history, in memory: no law may depend on how long it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.machines.deeds import Deed, random_deeds, shortest
from tests.machines.long_run import LongRun

STEPS_VARIABLE: Final = "TURNLOG_TEST_LONG_STEPS"
"""About so many commands one schedule has at most."""
DEFAULT_STEPS: Final = 6_000
RULES: Final = 40


class Long(RuleBasedStateMachine):
    """Many deeds at a time: the choices of one schedule would not fit into an example."""

    failed: Sequence[Deed] = ()

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.run = LongRun()

    @rule(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
    def deeds(self, seed: int, share: float) -> None:
        for deed in random_deeds(seed, 1 + int(share * self.most)):
            self.run.do(deed)

    def teardown(self) -> None:
        failing = sys.exc_info()[1]
        if failing is None:
            Long.failed = self.run.deeds
            self.run.judge()
            Long.failed = ()
        elif isinstance(failing, Exception):
            Long.failed = self.run.deeds
        note(f"{len(self.run.deeds)} deeds, {self.run.events} events")


def test_no_law_depends_on_how_long_a_history_is() -> None:
    steps = int(os.environ.get(STEPS_VARIABLE, DEFAULT_STEPS))
    Long.failed = ()
    try:
        run_state_machine_as_test(
            lambda: Long(steps // RULES),  # type: ignore[arg-type]
            settings=settings(
                max_examples=max(2, settings().max_examples // 30),
                stateful_step_count=RULES,
                # What is below makes it shorter, and knows how.
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as error:
        error.add_note(story(shortest(Long.failed, fails)))
        raise


def fails(deeds: Sequence[Deed]) -> bool:
    try:
        play(LongRun(), deeds)
    except Exception:  # noqa: BLE001  (whatever it is)
        return True
    return False


def play(run: LongRun, deeds: Sequence[Deed]) -> None:
    for deed in deeds:
        run.do(deed)
    run.judge()


def story(deeds: Sequence[Deed]) -> str:
    """What is done, a line each, and how it ends."""
    lines: list[str] = []
    try:
        play(LongRun(lines.append), deeds)
    except Exception as error:  # noqa: BLE001  (whatever it is)
        lines.append(f"{type(error).__name__}: {error}")
    return "\n".join(["A shortest schedule of this kind (process, command, answer):", *lines])


def test_of_a_schedule_that_fails_the_shortest_part_is_found() -> None:
    deeds = random_deeds(1, 300)
    wanted = {deeds[20], deeds[21], deeds[250]}
    assert set(shortest(deeds, lambda some: wanted <= set(some))) == wanted


def test_the_same_number_makes_the_same_schedule() -> None:
    first, second = LongRun(), LongRun()
    play(first, random_deeds(3, 200))
    play(second, random_deeds(3, 200))
    assert first.events == second.events > 200
