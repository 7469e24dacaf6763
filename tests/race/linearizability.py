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
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
O = TypeVar("O")  # noqa: E741  (an operation)


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
    """

    refuted: Call[O] | None = None
    possible: frozenset[object] = frozenset()
    open_calls: Sequence[Call[O]] = ()
    configurations: int = 0

    @property
    def linearizable(self) -> bool:
        return self.refuted is None


def check(
    calls: Iterable[Call[O]], initial: S, step: Callable[[S, O], tuple[object, S]]
) -> Verdict[O]:
    """Judge the calls on one object. `step` is the model: the answer to an operation, and the state
    after it. Equal states must be equal in everything an answer may depend on."""
    search = _Search(step, {(initial, frozenset()): None})
    for _, is_end, call in sorted(_moments(calls), key=lambda moment: moment[:2]):
        if not is_end:
            search.under_way[id(call)] = call
            continue
        if not search.end(call):
            open_calls = [one for one in search.under_way.values() if one is not call]
            possible = frozenset(search.answers)
            return Verdict(call, possible, open_calls, search.configurations)
        del search.under_way[id(call)]
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
    possible: Mapping[tuple[S, _Happened], None]
    under_way: dict[int, Call[O]] = field(default_factory=dict)
    answers: set[object] = field(default_factory=set)
    configurations: int = 1

    def end(self, call: Call[O]) -> bool:
        """What is possible once it has ended, with its answer; False if nothing is."""
        self.answers.clear()
        after: dict[tuple[S, _Happened], None] = {}
        seen: set[tuple[S, _Happened]] = set()
        todo = list(self.possible)
        while todo:
            state, happened = configuration = todo.pop()
            if configuration in seen:
                continue
            seen.add(configuration)
            if id(call) in happened:
                after[state, happened - {id(call)}] = None
            else:
                todo.extend(self._next(state, happened, call))
        self.configurations += len(seen)
        self.possible = after
        return bool(after)

    def _next(
        self, state: S, happened: _Happened, ending: Call[O]
    ) -> Iterable[tuple[S, _Happened]]:
        for key, call in self.under_way.items():
            if key in happened:
                continue
            answer, after = self.step(state, call.operation)
            if call is ending:
                self.answers.add(answer)
            if call.end is None:
                # One that would change nothing need not happen.
                if after != state:
                    yield after, happened | {key}
            elif answer == call.answer:
                yield after, happened | {key}
