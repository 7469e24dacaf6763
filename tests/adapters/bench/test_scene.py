"""What a bench tells of its progress."""

from __future__ import annotations

from adapters.bench.scene import Pace


def test_progress_only_grows_and_says_what_is_being_done() -> None:
    told: list[tuple[float, float, str]] = []
    pace = Pace(lambda *words: told.append(words))
    pace.plan(10)
    with pace.step("one", 4) as tell:
        tell(0.5)
    with pace.step("two", 8):  # more than was planned
        pass
    with pace.step("three", 1):
        pass
    assert told == [(0, 10, "one"), (2, 10, "one"), (4, 10, "two"), (12, 12, "three")]
