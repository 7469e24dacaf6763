"""The ordering laws as predicates over a thread's history.

Each predicate reads the events with bookkeeping of its own and shares nothing with the decisions
or with `evolve`, so that a mistake there does not excuse itself here. Tests and `turnlog verify`
use the same ones. What the laws say of the world outside one history (L7, L10's conflicts, L12's
tables, L14) is proved elsewhere.
"""

from __future__ import annotations

from typing import Final

from domain.predicates import approvals, copies, holds, prompts, record, turns, waiting
from domain.predicates.history import History, Law, Violation

__all__ = ["LAWS", "History", "Law", "Violation", "violations"]

LAWS: Final[dict[str, Law]] = {
    "L1 one slot": turns.one_slot,
    "L2 nothing lost, nothing twice": prompts.one_state,
    "L2 nothing enters unpromoted": prompts.nothing_enters_unpromoted,
    "L2 withdrawn as it was admitted": waiting.withdrawn_text_is_the_prompts,
    "L2 only waiting prompts change": waiting.only_waiting_prompts_change,
    "L3 first in, first out": prompts.first_in_first_out,
    "L3 moves move one": waiting.moves_move_one,
    "L4 the boundary holds": holds.boundary_holds,
    "L5 no lost wake": prompts.no_lost_wake,
    "L6 steers arrive or fall back": prompts.steers_arrive,
    "L6 steers have an aim": waiting.steers_have_an_aim,
    "L8 interrupts stop their turn": turns.interrupts_stop,
    "L9 ends are final": turns.ends_are_final,
    "L9 approvals are asked once": approvals.approvals_are_asked_once,
    "L9 approvals are closed": approvals.approvals_are_closed,
    "L9 cancellations have a cause": approvals.cancellations_have_a_cause,
    "L10 one receipt a command": record.one_receipt,
    "L11 an idle thread runs at once": prompts.idle_runs_at_once,
    "L12 a history is whole": record.begins_with_creation,
    "L12 copies are of the past": copies.copies_are_of_the_past,
    "L12 rollbacks end the context": turns.rollbacks_end_the_context,
    "L13 numbers have no gap": record.numbers_have_no_gap,
    "L15 interrupts only escalate": holds.interrupts_escalate,
    "L15 holds have a cause": holds.holds_have_a_cause,
    "L15 interrupts are asked for": holds.interrupts_are_asked_for,
    "L16 failures hold the queue": holds.failures_hold,
    "L18 what is seen is recorded": prompts.seen_is_recorded,
}


def violations(history: History) -> list[Violation]:
    """Every breach of every law in one thread's whole history, in order of `seq`."""
    found = [violation for law in LAWS.values() for violation in law(history)]
    return sorted(found, key=lambda violation: violation.seq)
