"""Forks: of every thread that is found, at every place its last command made.

Earlier places were tried when that history was shorter. A fork is a thread of its own: all laws
hold over its history, nothing waits or runs in it, and it shares no name with its parent.
"""

from __future__ import annotations

from collections.abc import Iterator

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


def forked(history: History, thread: Thread) -> Iterator[Fault]:
    """What is wrong with the forks of that thread."""
    for cut in sorted(_cuts(history)):
        try:
            fork = _fork(history, thread, cut)
        except ERRORS as error:
            yield Fault("fork", f"at seq {cut} it fails: {error!r}")
        else:
            yield from _wrong(fork, thread, cut)


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
    return log.forked


def _wrong(fork: History, parent: Thread, cut: int) -> Iterator[Fault]:
    for violation in violations(fork):
        yield Fault(violation.law, f"in its fork at seq {cut}: {violation.what}")
    thread = fold(Thread(FORK), (entry.event for entry in fork))
    if thread.inbox or thread.turn:
        yield Fault("fork", f"at seq {cut} something waits or runs")
    if shared := set(form_of(thread).names) & set(form_of(parent).names):
        yield Fault("fork", f"at seq {cut} it shares {', '.join(sorted(shared))} with its parent")
    if any(isinstance(e.event, TurnCompleted) and e.event.usage for e in fork):
        yield Fault("fork", f"at seq {cut} usage is counted again")
