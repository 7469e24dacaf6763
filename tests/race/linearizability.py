"""Whether a recorded history of calls is linearizable: whether each call could have happened at one
moment between its begin and its end, so that a sequential model gives all the same answers.

The search is Wing and Gong's (J. M. Wing, C. Gong: Testing and verifying concurrent objects,
Journal of Parallel and Distributed Computing 17, 1993), in the form of Lowe's just-in-time
linearisation with remembered configurations (G. Lowe: Testing for linearizability, Concurrency
and Computation: Practice and Experience 29(4), 2017). It goes through begins and ends in order of
time and keeps every configuration that is possible so far: a state of the model, and which of the
calls under way have happened in it. A call happens no sooner than the end of one that needs it to
have happened.

As linearizability is local (Herlihy and Wing, 1990), each object's history is judged alone.

The question is NP-complete (Gibbons and Korach, 1997). Histories that are hard take many calls
under way at once whose order nothing tells; a search that meets one gives up at a limit, and says
that it knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

S = TypeVar("S", bound=Hashable)
O = TypeVar("O")  # noqa: E741  (an operation)

LIMIT: Final = 50_000
"""Configurations. A search that ends at all looks at a few for each call."""


@dataclass(frozen=True, eq=False)
class Call(Generic[O]):
    """One call. Times are of one clock for all callers.

    Without an `end` nobody was answered: it may happen at any moment after its begin, or never.
    """

    operation: O
    begin: int
    end: int | None = None
    answer: object = None


@dataclass(frozen=True)
class Verdict(Generic[O]):
    """What was found: no trouble, or the first call whose answer no order of the calls explains.

    `possible` are answers it could have had; `open_calls` those that were under way as it ended.
    With `undecided`, the call at whose end the search gave up, nothing is known but that all before
    it is in order.
    """

    refuted: Call[O] | None = None
    possible: frozenset[object] = frozenset()
    open_calls: Sequence[Call[O]] = ()
    configurations: int = 0
    undecided: Call[O] | None = None

    @property
    def linearizable(self) -> bool:
        return self.refuted is None and self.undecided is None


class _GaveUp(Exception):
    """The limit has been reached."""


def _anything(_before: object, _after: object) -> bool:
    """Nothing is known of the end."""
    return True


def _nothing(_operation: object) -> bool:
    """Nothing is known of answers."""
    return False


def check(
    calls: Iterable[Call[O]],
    initial: S,
    step: Callable[[S, O], tuple[object, S]],
    limit: int = LIMIT,
    leads_on: Callable[[S, S], bool] = _anything,
    tells: Callable[[O], bool] = _nothing,
) -> Verdict[O]:
    """Judge the calls on one object. `step` is the model: the answer to an operation, and the state
    after it. Equal states must be equal in everything an answer may depend on. After `limit`
    configurations the verdict is that it is undecided.

    Two things may be known that spare the search most of its work. `leads_on` says of a step from
    one state to another whether anything can come after it that agrees with all calls. `tells` says
    of an operation that from its answer it is certain whether it changed the state: one that
    changed nothing can then happen as soon as its answer is right, and need not be tried later.
    """
    search = _Search(step, leads_on, tells, limit, {(initial, frozenset()): None})
    for _, is_end, call in sorted(_moments(calls), key=lambda moment: moment[:2]):
        if not is_end:
            search.under_way[id(call)] = call
            continue
        open_calls = [one for one in search.under_way.values() if one is not call]
        try:
            if not search.end(call):
                possible = frozenset(search.answers)
                return Verdict(call, possible, open_calls, search.configurations)
        except _GaveUp:
            configurations = search.configurations
            return Verdict(None, frozenset(), open_calls, configurations, undecided=call)
        search.forget(call)
    return Verdict(configurations=search.configurations)


def _moments(calls: Iterable[Call[O]]) -> Iterable[tuple[int, bool, Call[O]]]:
    """Begins and ends. At the same time begins come first: who ended then did not end before."""
    for call in calls:
        yield call.begin, False, call
        if call.end is not None:
            yield call.end, True, call


_Happened = frozenset[int]


@dataclass
class _Search(Generic[S, O]):
    """The configurations that are possible so far; a dictionary, as its order is the same always.

    Of the calls under way, those that have happened are named by their `id`.
    """

    step: Callable[[S, O], tuple[object, S]]
    leads_on: Callable[[S, S], bool]
    tells: Callable[[O], bool]
    limit: int
    possible: Mapping[tuple[S, _Happened], None]
    under_way: dict[int, Call[O]] = field(default_factory=dict)
    steps: dict[int, dict[S, tuple[object, S]]] = field(default_factory=dict)
    answers: set[object] = field(default_factory=set)
    configurations: int = 0

    def end(self, call: Call[O]) -> bool:
        """What is possible once it has ended, with its answer; False if nothing is. _GaveUp."""
        self.answers.clear()
        after: dict[tuple[S, _Happened], None] = {}
        seen: set[tuple[S, _Happened]] = set()
        todo = list(self.possible)
        while todo:
            state, happened = configuration = todo.pop()
            if configuration in seen:
                continue
            seen.add(configuration)
            self.configurations += 1
            if self.configurations > self.limit:
                raise _GaveUp
            if id(call) in happened:
                after[state, happened - {id(call)}] = None
            else:
                todo.extend(self._next(state, happened, call))
        self.possible = after
        return bool(after)

    def forget(self, call: Call[O]) -> None:
        """It is not under way any more."""
        del self.under_way[id(call)]
        self.steps.pop(id(call), None)

    def _next(
        self, state: S, happened: _Happened, ending: Call[O]
    ) -> Iterable[tuple[S, _Happened]]:
        steps = [
            (call, *self._step(state, call))
            for key, call in self.under_way.items()
            if key not in happened
        ]
        self.answers.update(answer for call, answer, _ in steps if call is ending)
        agree = [
            (call, after)
            for call, answer, after in steps
            # An unanswered one that would change nothing need not happen.
            if (after != state if call.end is None else answer == call.answer)
        ]
        if silent := {id(call) for call, after in agree if self._is_silent(call, state, after)}:
            return [(state, happened | silent)]
        return [
            (after, happened | {id(call)}) for call, after in agree if self.leads_on(state, after)
        ]

    def _step(self, state: S, call: Call[O]) -> tuple[object, S]:
        known = self.steps.setdefault(id(call), {})
        if state not in known:
            known[state] = self.step(state, call.operation)
        return known[state]

    def _is_silent(self, call: Call[O], state: S, after: S) -> bool:
        return call.end is not None and after == state and self.tells(call.operation)
