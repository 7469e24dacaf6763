"""Forks: of every thread that is found, at every place its last command made.

Earlier places were tried when that history was shorter. A fork is a thread of its own: all laws
hold over its history, nothing waits or runs in it, and it shares no name with its parent. What can
come of it is explored, too: its form is that of a thread the explorer finds (`Report.strays`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from domain.decide.fork import find_cut
from domain.events.turn import TurnCompleted
from domain.execution import Execution
from domain.laws import violations
from domain.service import ThreadService
from domain.thread import Thread, fold
from tests.fixtures.clock import CountingEntropy, HandClock
from tests.model.judging import Fault
from tests.model.real import ERRORS, THREAD, History, Memory, ThreadLog
from tests.model.symmetry import form_of

FORK = "thr_2"


class Fork(NamedTuple):
    """A fork: what is wrong with it, and its form, by which the explorer knows what comes of it."""

    faults: tuple[Fault, ...]
    forms: frozenset[bytes] = frozenset()


def forked(history: History, thread: Thread, names: Collection[str]) -> Iterator[Fork]:
    """The forks of that thread; `names` are all that its state has."""
    for cut in sorted(_cuts(history)):
        try:
            fork = _fork(history, thread, cut)
        except ERRORS as error:
            yield Fork((Fault("fork", f"at seq {cut} it fails: {error!r}"),))
        else:
            state = fold(Thread(FORK), (entry.event for entry in fork))
            form = form_of(state)
            shared = sorted(set(form.names) & set(names))
            faults = tuple(_wrong(fork, state, shared, cut))
            yield Fork(faults, frozenset({form.key}))


def _cuts(history: History) -> set[int]:
    """Where the events of the last command let a fork begin."""
    last = [e for e in history if e.event.command_id == history[-1].event.command_id]
    turns = [e.event.turn_id for e in last if isinstance(e.event, TurnCompleted)]
    cuts = {find_cut(None, entry.seq, history) for entry in last}
    return cuts | {find_cut(turn_id, None, history) for turn_id in turns}


def _fork(history: History, thread: Thread, cut: int) -> History:
    log = ThreadLog(history)
    memory = Memory(thread, log, thread)
    entropy = CountingEntropy(len(history))
    service = ThreadService(Execution(log, memory, HandClock(), entropy))
    service.fork(THREAD, at_seq=cut, new_thread_id=FORK, command_id="cmd_fork")
    return log.elsewhere


def _wrong(fork: History, thread: Thread, shared: Sequence[str], cut: int) -> Iterator[Fault]:
    for violation in violations(fork):
        yield Fault(violation.law, f"in its fork at seq {cut}: {violation.what}")
    if thread.inbox or thread.turn:
        yield Fault("fork", f"at seq {cut} something waits or runs")
    if shared:
        yield Fault("fork", f"at seq {cut} it shares {', '.join(shared)} with its parent")
    if any(isinstance(e.event, TurnCompleted) and e.event.usage for e in fork):
        yield Fault("fork", f"at seq {cut} usage is counted again")
