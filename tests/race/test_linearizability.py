"""The checker itself, on histories whose answer is known."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from tests.race.linearizability import Call, check

Operation = tuple[str, int]


def register(state: int, operation: Operation) -> tuple[object, int]:
    """A register: `read`, `write` a number, or `add` one and get what was there."""
    what, number = operation
    match what:
        case "read":
            return state, state
        case "write":
            return "done", number
        case _:
            return state, state + number


def is_read(operation: Operation) -> bool:
    return operation[0] == "read"


def read(begin: int, end: int | None, answer: int) -> Call[Operation]:
    return Call(("read", 0), begin, end, answer)


def write(begin: int, end: int | None, number: int) -> Call[Operation]:
    return Call(("write", number), begin, end, "done")


LINEARIZABLE = {
    "nothing": [],
    "one after the other": [write(0, 1, 5), read(2, 3, 5)],
    "a read during a write sees it": [write(0, 3, 5), read(1, 2, 5)],
    "a read during a write does not see it": [write(0, 3, 5), read(1, 2, 0)],
    "two writes at once, in either order": [write(0, 9, 1), write(0, 9, 2), read(10, 11, 1)],
    "a late write is seen only by the last read": [write(0, 9, 5), read(1, 2, 0), read(3, 4, 5)],
    "at the same time is not before": [write(0, 2, 5), read(2, 3, 0)],
    "a write without an answer that happened": [write(0, None, 5), read(8, 9, 0), read(10, 11, 5)],
    "a write without an answer that did not": [write(0, None, 5), read(8, 9, 0)],
}
NOT_LINEARIZABLE = {
    "an old value": [write(0, 1, 5), read(2, 3, 0)],
    "a value from nowhere": [read(0, 1, 7)],
    "a value from the future": [read(0, 1, 5), write(2, 3, 5)],
    "a value that was seen is gone": [write(0, 9, 5), read(1, 2, 5), read(3, 4, 0)],
    "two readers who disagree on the order": [
        *(write(0, 1, 1), write(0, 1, 2)),
        *(read(2, 3, 1), read(4, 5, 2)),
    ],
    "a write without an answer that happened and was undone": [
        *(write(0, None, 5), read(1, 2, 5), read(3, 4, 0)),
    ],
    "a write without an answer before it began": [read(0, 1, 5), write(2, None, 5)],
    "two who add at once and get the same": [
        Call(("add", 1), 0, 3, 0),
        Call(("add", 1), 1, 2, 0),
    ],
}


@pytest.mark.parametrize("case", LINEARIZABLE)
def test_what_somebody_could_have_done_alone_is_linearizable(case: str) -> None:
    assert check(LINEARIZABLE[case], 0, register).linearizable


@pytest.mark.parametrize("case", NOT_LINEARIZABLE)
def test_what_nobody_could_have_done_alone_is_not(case: str) -> None:
    assert not check(NOT_LINEARIZABLE[case], 0, register).linearizable


def test_a_refusal_names_the_call_and_what_it_could_have_answered() -> None:
    wrong = read(2, 5, 9)
    beside = write(1, 7, 6)
    verdict = check([write(0, 1, 5), wrong, beside], 0, register)
    assert verdict.refuted is wrong
    assert verdict.possible == {5, 6}
    assert verdict.open_calls == [beside]


def test_a_search_that_is_too_long_is_undecided_which_is_no_verdict() -> None:
    """Eight who write at once, and nobody can tell in which order."""
    calls = [write(0, 99, number) for number in range(8)]
    decided = check(calls, 0, register)
    assert decided.linearizable
    given_up = check(calls, 0, register, limit=decided.configurations - 1)
    assert not given_up.linearizable
    assert given_up.refuted is None
    assert given_up.undecided in calls
    assert given_up.configurations == decided.configurations


def test_who_only_reads_at_once_is_searched_in_one_order() -> None:
    calls = [read(0, 99, 0) for _ in range(8)]
    in_every_order = check(calls, 0, register).configurations
    assert check(calls, 0, register, tells=is_read).configurations < in_every_order / 10


def test_it_agrees_with_trying_every_order() -> None:
    """Small histories at random, right and wrong ones, judged by brute force as well. It does not
    matter to the verdict whether it is told that reads change nothing."""
    random = Random(4)
    found = set()
    for _ in range(1_500):
        calls = [_any_call(random) for _ in range(random.randrange(1, 6))]
        verdict = check(calls, 0, register).linearizable
        assert verdict == _by_brute_force(calls), calls
        assert verdict == check(calls, 0, register, tells=is_read).linearizable, calls
        found.add(verdict)
    assert found == {True, False}


def _any_call(random: Random) -> Call[Operation]:
    begin = random.randrange(12)
    end = None if random.random() < 0.2 else begin + random.randrange(1, 8)
    what = random.choice(["read", "write", "add"])
    number = random.randrange(1, 3)
    answer = "done" if what == "write" else random.randrange(4)
    return Call((what, number), begin, end, answer)


def _by_brute_force(calls: list[Call[Operation]]) -> bool:
    answered = [call for call in calls if call.end is not None]
    others = [call for call in calls if call.end is None]
    return any(
        _explains(order)
        for chosen in range(1 << len(others))
        for order in permutations(
            answered + [call for place, call in enumerate(others) if chosen >> place & 1]
        )
    )


def _explains(order: tuple[Call[Operation], ...]) -> bool:
    state = 0
    for place, call in enumerate(order):
        if any(later.end is not None and later.end < call.begin for later in order[place:]):
            return False
        answer, state = register(state, call.operation)
        if call.end is not None and answer != call.answer:
            return False
    return True
