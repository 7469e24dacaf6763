"""The races: two calls on one thread, and what comes of them in each of the two orders."""

from __future__ import annotations

from domain.errors import (
    ApprovalClosed,
    InterruptRequested,
    LeaseLost,
    PromptNotWaiting,
    SteersPending,
    ThreadBusy,
    TurnNotActive,
)
from domain.ports import Lease
from tests.domain.given import runs, steers
from tests.domain.steps import (
    answer,
    ask,
    compact,
    complete,
    edit,
    edit_waiting,
    fail,
    interrupt,
    move,
    queue,
    recover,
    redeliver,
    release,
    rollback,
    send_now,
    steer,
    stop,
    submit,
    take_steers,
    withdraw,
)
from tests.domain.world import THREAD
from tests.race.arena import Act, Side
from tests.race.cases import Order, Race


def work(turn: str) -> Act:
    """Take the turn's lease, as a worker does who begins."""
    return lambda side: side.take_lease(side.turn(turn))


def complete_with(turn: str, token: int) -> Act:
    """The turn ends, says the worker who was given the lease of that token."""
    return lambda side: side.service.finish(
        THREAD, side.turn(turn), "completed", lease=_lease(side, turn, token)
    )


def recover_with(turn: str, token: int) -> Act:
    """The turn ends, says who was given the lease of that token to recover it."""
    return lambda side: side.service.recover(
        THREAD, side.turn(turn), lease=_lease(side, turn, token)
    )


def take_over(turn: str) -> Act:
    """The worker's lease has run out; take it, and recover the turn."""

    def act(side: Side) -> object:
        turn_id = side.turn(turn)
        return side.service.recover(THREAD, turn_id, lease=side.take_lease(turn_id))

    return act


def _lease(side: Side, turn: str, token: int) -> Lease:
    return Lease(side.turn(turn), side.own(THREAD), "somebody", token, 3600)


def ended(turn: str, how: str = "completed") -> str:
    return f"turn.completed {turn} {how}"


LOST = ended("A", "interrupted 'worker lost'")
INTERRUPTED = "turn.interrupt_requested A hold"
RUNNING = (submit("A"),)
B_WAITS = (submit("A"), queue("B"))
ENDED = (submit("A"), complete("A"))

RACES = (
    # ── Prompts on an idle thread ────────────────────────────────────────────────────────────────
    Race(
        "D12: two submits on an idle thread",
        (),
        submit("A"),
        submit("B"),
        one_first=Order(("prompt.admitted A queue", *runs("A")), ThreadBusy),
        other_first=Order(("prompt.admitted B queue", *runs("B")), ThreadBusy),
    ),
    Race(
        "D12: two prompts for the queue of an idle thread",
        (),
        queue("A"),
        queue("B"),
        one_first=Order(("prompt.admitted A queue", *runs("A")), ("prompt.admitted B queue",)),
        other_first=Order(("prompt.admitted B queue", *runs("B")), ("prompt.admitted A queue",)),
    ),
    Race(
        "L10: one prompt sent twice",
        (),
        submit("A"),
        submit("A"),
        one_first=Order(("prompt.admitted A queue", *runs("A")), ()),
        other_first=Order(("prompt.admitted A queue", *runs("A")), ()),
    ),
    Race(
        "a submit and a compaction",
        ENDED,
        queue("B"),
        compact(),
        one_first=Order(("prompt.admitted B queue", *runs("B")), ThreadBusy),
        other_first=Order(
            ("turn.started compaction compaction unsteerable",), ("prompt.admitted B queue",)
        ),
    ),
    Race(
        "a submit and a rollback",
        ENDED,
        queue("B"),
        rollback(),
        one_first=Order(("prompt.admitted B queue", *runs("B")), ThreadBusy),
        other_first=Order(
            ("thread.rolled_back A rollback",), ("prompt.admitted B queue", *runs("B"))
        ),
    ),
    Race(
        "a submit and an edit of the last turn",
        ENDED,
        queue("B"),
        edit("C"),
        one_first=Order(("prompt.admitted B queue", *runs("B")), ThreadBusy),
        other_first=Order(
            ("thread.rolled_back A edit", "prompt.admitted C queue", *runs("C")),
            ("prompt.admitted B queue",),
        ),
    ),
    Race(
        "a submit and a release",
        (*B_WAITS, interrupt("A", "hold"), stop("A")),
        queue("C"),
        release(),
        one_first=Order(("prompt.admitted C queue held=1", *runs("C")), ("queue.released B",)),
        other_first=Order(("queue.released B", *runs("B")), ("prompt.admitted C queue",)),
    ),
    # ── Prompts and the end of the turn ──────────────────────────────────────────────────────────
    Race(
        "D13: a submit and the end",
        RUNNING,
        submit("B"),
        complete("A"),
        one_first=Order(ThreadBusy, (ended("A"),)),
        other_first=Order((ended("A"),), ("prompt.admitted B queue", *runs("B"))),
    ),
    Race(
        "D13: a prompt for the queue and the end",
        RUNNING,
        queue("B"),
        complete("A"),
        one_first=Order(("prompt.admitted B queue",), (ended("A"), *runs("B"))),
        other_first=Order((ended("A"),), ("prompt.admitted B queue", *runs("B"))),
    ),
    Race(
        "D13: a prompt for the queue and the end, which another one waits for",
        B_WAITS,
        queue("C"),
        complete("A"),
        one_first=Order(("prompt.admitted C queue",), (ended("A"), *runs("B"))),
        other_first=Order((ended("A"), *runs("B")), ("prompt.admitted C queue",)),
    ),
    Race(
        "a steer and the end",
        RUNNING,
        steer("S"),
        complete("A"),
        one_first=Order(("prompt.admitted S steer for A",), SteersPending),
        other_first=Order((ended("A"),), ("prompt.admitted S steer", *runs("S"))),
    ),
    Race(
        "a steer into that turn and no other, and the end",
        RUNNING,
        steer("S", "A"),
        complete("A"),
        one_first=Order(("prompt.admitted S steer for A",), SteersPending),
        other_first=Order((ended("A"),), TurnNotActive),
    ),
    Race(
        "a steer and a failure",
        B_WAITS,
        steer("S"),
        fail("A"),
        one_first=Order(
            ("prompt.admitted S steer for A",), (ended("A", "failed 'boom'"), *runs("S"))
        ),
        other_first=Order(
            (ended("A", "failed 'boom'"), *runs("B")), ("prompt.admitted S steer for B",)
        ),
    ),
    Race(
        "two ends",
        RUNNING,
        complete("A"),
        fail("A"),
        one_first=Order((ended("A"),), TurnNotActive),
        other_first=Order((ended("A", "failed 'boom'"),), TurnNotActive),
    ),
    # ── Interrupts ───────────────────────────────────────────────────────────────────────────────
    Race(
        "an interrupt and the end",
        B_WAITS,
        interrupt("A", "hold"),
        complete("A"),
        one_first=Order((INTERRUPTED, "queue.held B interrupt of A"), (ended("A"),)),
        other_first=Order((ended("A"), *runs("B")), TurnNotActive),
    ),
    Race(
        "an interrupt and a prompt for the queue",
        RUNNING,
        interrupt("A", "hold"),
        queue("B"),
        one_first=Order((INTERRUPTED,), ("prompt.admitted B queue",)),
        other_first=Order(
            ("prompt.admitted B queue",), (INTERRUPTED, "queue.held B interrupt of A")
        ),
    ),
    Race(
        "an interrupt and a step boundary",
        (submit("A"), steer("S")),
        interrupt("A", "hold"),
        take_steers("A"),
        one_first=Order((INTERRUPTED, "queue.held S interrupt of A"), InterruptRequested),
        other_first=Order(steers("S", "A"), (INTERRUPTED,)),
    ),
    Race(
        "two interrupts, one of them stricter",
        B_WAITS,
        interrupt("A", "hold"),
        interrupt("A", "discard"),
        one_first=Order(
            (INTERRUPTED, "queue.held B interrupt of A"),
            ("turn.interrupt_requested A discard", "prompt.withdrawn B interrupt"),
        ),
        other_first=Order(
            ("turn.interrupt_requested A discard", "prompt.withdrawn B interrupt"), ()
        ),
    ),
    # ── Approvals ────────────────────────────────────────────────────────────────────────────────
    Race(
        "an answer and an interrupt",
        (submit("A"), ask("A")),
        answer(),
        interrupt("A", "hold"),
        one_first=Order(("approval.resolved A ok approved",), (INTERRUPTED,)),
        other_first=Order((INTERRUPTED, "approval.cancelled A ok interrupt"), ApprovalClosed),
    ),
    Race(
        "an answer and the end",
        (submit("A"), ask("A")),
        answer(),
        complete("A"),
        one_first=Order(("approval.resolved A ok approved",), (ended("A"),)),
        other_first=Order(("approval.cancelled A ok end", ended("A")), ApprovalClosed),
    ),
    Race(
        "two answers",
        (submit("A"), ask("A")),
        answer(),
        answer(decision="denied", command_id="cmd_no"),
        one_first=Order(("approval.resolved A ok approved",), ApprovalClosed),
        other_first=Order(("approval.resolved A ok denied",), ApprovalClosed),
    ),
    # ── What is done to a prompt, and its promotion ──────────────────────────────────────────────
    Race(
        "an edit and the promotion",
        B_WAITS,
        edit_waiting("B", "better"),
        complete("A"),
        one_first=Order(
            ("prompt.edited B 'better'",),
            (ended("A"), *runs("B")[:-1], "item.completed B user_message 'better'"),
        ),
        other_first=Order((ended("A"), *runs("B")), PromptNotWaiting),
    ),
    Race(
        "a move and the promotion",
        (*B_WAITS, queue("C"), queue("D")),
        move("D", "first"),
        complete("A"),
        one_first=Order(("prompt.moved D in D B C",), (ended("A"), *runs("D"))),
        other_first=Order((ended("A"), *runs("B")), ("prompt.moved D in D C",)),
    ),
    Race(
        "a withdrawal and the promotion",
        B_WAITS,
        withdraw("B"),
        complete("A"),
        one_first=Order(("prompt.withdrawn B user",), (ended("A"),)),
        other_first=Order((ended("A"), *runs("B")), PromptNotWaiting),
    ),
    Race(
        "a redelivery and the promotion",
        B_WAITS,
        redeliver("B", "steer"),
        complete("A"),
        one_first=Order(("prompt.redelivered B steer for A",), SteersPending),
        other_first=Order((ended("A"), *runs("B")), PromptNotWaiting),
    ),
    Race(
        "a withdrawal and a step boundary",
        (submit("A"), steer("S")),
        withdraw("S"),
        take_steers("A"),
        one_first=Order(("prompt.withdrawn S user",), ()),
        other_first=Order(steers("S", "A"), PromptNotWaiting),
    ),
    # ── Recoveries ───────────────────────────────────────────────────────────────────────────────
    Race(
        "two recoveries",
        (*B_WAITS, work("A")),
        take_over("A"),
        take_over("A"),
        one_first=Order((LOST, *runs("B")), TurnNotActive),
        other_first=Order((LOST, *runs("B")), TurnNotActive),
        takes_lease=True,
    ),
    Race(
        "the worker's end and a recovery that has the lease",
        (*B_WAITS, work("A"), work("A")),
        complete_with("A", 1),
        recover_with("A", 2),
        one_first=Order(LeaseLost, (LOST, *runs("B"))),
        other_first=Order((LOST, *runs("B")), TurnNotActive),
    ),
    Race(
        "the worker's end and a recovery that takes the lease",
        (*B_WAITS, work("A")),
        complete_with("A", 1),
        take_over("A"),
        one_first=Order((ended("A"), *runs("B")), TurnNotActive),
        other_first=Order((LOST, *runs("B")), TurnNotActive),
        stops=("one",),
        takes_lease=True,
    ),
    Race(
        "a prompt for the queue and a recovery",
        RUNNING,
        queue("B"),
        recover("A"),
        one_first=Order(("prompt.admitted B queue",), (LOST, *runs("B"))),
        other_first=Order((LOST,), ("prompt.admitted B queue", *runs("B"))),
    ),
    Race(
        "a steer and a recovery",
        B_WAITS,
        steer("S"),
        recover("A"),
        one_first=Order(("prompt.admitted S steer for A",), (LOST, *runs("S"))),
        other_first=Order((LOST, *runs("B")), ("prompt.admitted S steer for B",)),
    ),
    Race(
        "a prompt that interrupts and a recovery",
        B_WAITS,
        send_now("N"),
        recover("A"),
        one_first=Order(
            (INTERRUPTED, "queue.held B interrupt of A", "prompt.admitted N interrupt held=1"),
            (LOST, *runs("N")),
        ),
        other_first=Order(
            (LOST, *runs("B")), ("turn.interrupt_requested B hold", "prompt.admitted N interrupt")
        ),
    ),
)
