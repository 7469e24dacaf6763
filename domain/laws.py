"""The ordering laws as predicates over a thread's history.

Each predicate reads the events with bookkeeping of its own and shares nothing with the decisions
or with `evolve`, so that a mistake there does not excuse itself here. Tests and `turnlog verify`
use the same ones. Laws about the world outside one history (L7, L10's conflicts, L12, L14) have
their proofs elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from domain.events.base import Event, TurnEvent
from domain.events.item import ItemCompleted, ItemEvent, ItemStarted
from domain.events.prompt import (
    PromptAdmitted,
    PromptPromoted,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.thread import ThreadCreated
from domain.events.turn import (
    TurnCompleted,
    TurnInterruptRequested,
    TurnStarted,
    TurnSteered,
)
from domain.observed import ObservedInbox, slot_taken
from domain.options import ESCALATION
from domain.ports import Recorded
from domain.thread import FAILURES_BEFORE_HOLD


@dataclass(frozen=True, slots=True)
class Violation:
    """A law that does not hold, and the `seq` where it shows."""

    law: str
    seq: int
    what: str


History = Sequence[Recorded]
Law = Callable[[History], Iterator[Violation]]


def violations(history: History) -> list[Violation]:
    """Every breach of every law in one thread's whole history, in order of `seq`."""
    found = [violation for law in LAWS.values() for violation in law(history)]
    return sorted(found, key=lambda violation: violation.seq)


def one_slot(history: History) -> Iterator[Violation]:
    """L1: never two active turns, and one start and one end a turn."""
    active: str | None = None
    started: set[str] = set()
    for entry in history:
        match entry.event:
            case TurnStarted(turn_id=turn_id):
                if active is not None:
                    yield Violation("L1", entry.seq, f"{turn_id} starts while {active} is active")
                if turn_id in started:
                    yield Violation("L1", entry.seq, f"{turn_id} starts a second time")
                started.add(turn_id)
                active = turn_id
            case TurnCompleted(turn_id=turn_id):
                if active != turn_id:
                    yield Violation("L1", entry.seq, f"{turn_id} ends, but {active} is active")
                active = None
            case _:
                pass


def one_state(history: History) -> Iterator[Violation]:
    """L2: every prompt is in one state, is promoted at most once, and its end is final."""
    allowed: Final = {
        "promoted": ("pending",),
        "withdrawn": ("pending", "held"),
        "held": ("pending",),
        "pending": ("held",),
    }
    state: dict[str, str] = {}
    for entry in history:
        if isinstance(entry.event, PromptAdmitted):
            if entry.event.input_id in state:
                yield Violation("L2", entry.seq, f"{entry.event.input_id} is admitted again")
            state[entry.event.input_id] = "pending"
            continue
        for input_id, new in _moves(entry.event):
            old = state.get(input_id, "unknown")
            if old not in allowed[new]:
                yield Violation("L2", entry.seq, f"{input_id} goes from {old} to {new}")
            state[input_id] = new


def _moves(event: Event) -> list[tuple[str, str]]:
    match event:
        case PromptPromoted():
            return [(event.input_id, "promoted")]
        case PromptWithdrawn():
            return [(event.input_id, "withdrawn")]
        case QueueHeld():
            return [(input_id, "held") for input_id in event.input_ids]
        case QueueReleased():
            return [(input_id, "pending") for input_id in event.input_ids]
        case _:
            return []


def first_in_first_out(history: History) -> Iterator[Violation]:
    """L3 and L6: an interrupting prompt opens the next turn, else a steer that fell back, else
    the first of the queue; and steers enter a turn in admission order."""
    inbox = ObservedInbox()
    opens = {e.event.input_id for e in history if isinstance(e.event, TurnStarted)}
    for entry in history:
        if isinstance(entry.event, PromptPromoted):
            input_id = entry.event.input_id
            if input_id in opens:
                order = [i for d in ("interrupt", "steer", "queue") for i in inbox.pending(d)]
            else:
                order = inbox.pending("steer")
            if order[:1] != [input_id]:
                law = "L3" if inbox.delivery.get(input_id) == "queue" else "L6"
                first = order[0] if order else "nothing"
                yield Violation(law, entry.seq, f"{input_id} is promoted, but {first} is first")
        inbox.see(entry.event)


def boundary_holds(history: History) -> Iterator[Violation]:
    """L4: an interrupt's hold claims exactly the prompts that were pending, and nobody else's."""
    inbox = ObservedInbox()
    for entry in history:
        if isinstance(entry.event, QueueHeld):
            pending = inbox.waiting("pending")
            if list(entry.event.input_ids) != pending:
                claimed = ", ".join(entry.event.input_ids)
                what = f"claims {claimed}, pending are {', '.join(pending) or 'none'}"
                yield Violation("L4", entry.seq, what)
        inbox.see(entry.event)


def no_lost_wake(history: History) -> Iterator[Violation]:
    """L5: after each command, a free slot has no pending prompt."""
    inbox = ObservedInbox()
    active = False
    for index, entry in enumerate(history):
        inbox.see(entry.event)
        active = slot_taken(entry.event, before=active)
        if _ends_command(history, index) and not active and (left := inbox.waiting("pending")):
            yield Violation("L5", entry.seq, f"the slot is free and {', '.join(left)} waits")


def _ends_command(history: History, index: int) -> bool:
    if index + 1 == len(history):
        return True
    return history[index + 1].event.command_id != history[index].event.command_id


def steers_arrive(history: History) -> Iterator[Violation]:
    """L6: a turn that can be steered does not complete over a pending steer."""
    inbox = ObservedInbox()
    steerable = False
    for entry in history:
        inbox.see(entry.event)
        match entry.event:
            case TurnStarted():
                steerable = entry.event.steerable
            case TurnCompleted(status="completed") if steerable and inbox.pending("steer"):
                left = ", ".join(inbox.pending("steer"))
                yield Violation("L6", entry.seq, f"{entry.event.turn_id} completes over {left}")
            case _:
                pass


def interrupts_stop(history: History) -> Iterator[Violation]:
    """L8: nothing steers an interrupted turn, and an interrupt names the active one."""
    active: str | None = None
    interrupted: set[str] = set()
    for entry in history:
        match entry.event:
            case TurnStarted(turn_id=turn_id):
                active = turn_id
            case TurnCompleted():
                active = None
            case TurnInterruptRequested(turn_id=turn_id):
                interrupted.add(turn_id)
                if turn_id != active:
                    what = f"{turn_id} is interrupted, but {active} is active"
                    yield Violation("L8", entry.seq, what)
            case TurnSteered(turn_id=turn_id) if turn_id in interrupted or turn_id != active:
                yield Violation("L8", entry.seq, f"{turn_id} is steered, but it may not be")
            case _:
                pass


def ends_are_final(history: History) -> Iterator[Violation]:
    """L9: an ended turn gets no event and leaves no item open; items begin and end once."""
    ended: set[str] = set()
    begun: set[str] = set()
    still_open: dict[str, str] = {}
    for entry in history:
        event = entry.event
        if not isinstance(event, TurnEvent):
            continue
        if event.turn_id in ended:
            yield Violation("L9", entry.seq, f"{event.turn_id} has ended, but gets {event.name}")
        if isinstance(event, ItemStarted):
            if event.item_id in begun:
                yield Violation("L9", entry.seq, f"{event.item_id} begins a second time")
            begun.add(event.item_id)
            still_open[event.item_id] = event.turn_id
        elif isinstance(event, ItemEvent):
            if still_open.pop(event.item_id, None) != event.turn_id:
                yield Violation("L9", entry.seq, f"{event.item_id} ends, but is not open")
        elif isinstance(event, TurnCompleted):
            ended.add(event.turn_id)
            for item_id in [i for i, turn in still_open.items() if turn == event.turn_id]:
                yield Violation("L9", entry.seq, f"{event.turn_id} ends with {item_id} open")


def one_receipt(history: History) -> Iterator[Violation]:
    """L10: a command is one run of events, and its receipt is on the first of them only."""
    seen: set[str] = set()
    current: str | None = None
    for entry in history:
        command_id, receipt = entry.event.command_id, entry.event.receipt
        first = command_id != current
        if first and command_id in seen:
            yield Violation("L10", entry.seq, f"{command_id} comes back after other commands")
        if first != (receipt is not None):
            yield Violation(
                "L10", entry.seq, f"the receipt of {command_id} is not where it belongs"
            )
        seen.add(command_id)
        current = command_id


def idle_runs_at_once(history: History) -> Iterator[Violation]:
    """L11 and L17: a prompt to a free slot is promoted at once, and reports how many are held."""
    inbox = ObservedInbox()
    active = False
    for index, entry in enumerate(history):
        event = entry.event
        if isinstance(event, PromptAdmitted):
            if event.held != (held := len(inbox.waiting("held"))):
                yield Violation("L17", entry.seq, f"{event.held} are said to be held, not {held}")
            following = history[index + 1].event if index + 1 < len(history) else None
            at_once = isinstance(following, PromptPromoted) and following.input_id == event.input_id
            if not active and not at_once:
                yield Violation("L11", entry.seq, f"{event.input_id} does not run at once")
        inbox.see(event)
        active = slot_taken(event, before=active)


def numbers_have_no_gap(history: History) -> Iterator[Violation]:
    """L13: seq and version count from 1 without gap or repeat, and position grows."""
    position = 0
    versions: dict[str, int] = {}
    for expected, entry in enumerate(history, start=1):
        stream_id = entry.event.stream_id
        if entry.seq != expected:
            yield Violation("L13", entry.seq, f"seq is {entry.seq}, expected {expected}")
        if entry.version != versions.get(stream_id, 0) + 1:
            after = versions.get(stream_id, 0)
            yield Violation(
                "L13", entry.seq, f"version {entry.version} of {stream_id} after {after}"
            )
        if entry.position <= position:
            yield Violation("L13", entry.seq, f"position {entry.position} after {position}")
        versions[stream_id] = entry.version
        position = entry.position


def interrupts_escalate(history: History) -> Iterator[Violation]:
    """L15: a turn is interrupted again only with a stricter policy, and the policy is followed:
    `discard` withdraws all that waits, `hold` holds all that is pending, `continue` does neither.
    """
    policies: dict[str, str] = {}
    inbox = ObservedInbox()
    for index, entry in enumerate(history):
        event = entry.event
        if isinstance(event, TurnInterruptRequested):
            before = policies.get(event.turn_id)
            if before and ESCALATION.index(event.queued) <= ESCALATION.index(before):
                yield Violation("L15", entry.seq, f"{event.queued} after {before}")
            policies[event.turn_id] = event.queued
            due = {
                "continue": ([], []),
                "hold": (inbox.waiting("pending"), []),
                "discard": ([], list(inbox.order)),
            }
            if (claims := _claims_after(history, index)) != due[event.queued]:
                what = f"{event.queued} holds and withdraws {claims}, not {due[event.queued]}"
                yield Violation("L15", entry.seq, what)
        inbox.see(event)


def _claims_after(history: History, index: int) -> tuple[list[str], list[str]]:
    """What the events that directly follow the interrupt at `index` hold and withdraw."""
    held: list[str] = []
    withdrawn: list[str] = []
    for following in range(index + 1, len(history)):
        event = history[following].event
        if event.command_id != history[index].event.command_id:
            break
        if isinstance(event, QueueHeld) and event.reason == "interrupt":
            held.extend(event.input_ids)
        elif isinstance(event, PromptWithdrawn) and event.reason == "interrupt":
            withdrawn.append(event.input_id)
        else:
            break
    return held, withdrawn


def failures_hold(history: History) -> Iterator[Violation]:
    """L16: after three failed turns without a completed one, an end does not start the next."""
    failures = 0
    last_end: str | None = None
    for entry in history:
        match entry.event:
            case TurnCompleted(status=status, command_id=command_id):
                failures = 0 if status == "completed" else failures + (status == "failed")
                last_end = command_id
            case QueueReleased():
                failures = 0
            case PromptPromoted(input_id=input_id, command_id=command_id):
                if command_id == last_end and failures >= FAILURES_BEFORE_HOLD:
                    what = f"{input_id} is started after {failures} failures in a row"
                    yield Violation("L16", entry.seq, what)
            case _:
                pass


def seen_is_recorded(history: History) -> Iterator[Violation]:
    """L18: a promotion is followed, in the same command, by the user message with its text."""
    texts: dict[str, str] = {}
    for index, entry in enumerate(history):
        if isinstance(entry.event, PromptAdmitted):
            texts[entry.event.input_id] = entry.event.text
        if isinstance(entry.event, PromptPromoted):
            text = _message_after(history, index)
            if text is None or text != texts.get(entry.event.input_id):
                what = f"{entry.event.input_id} is promoted without its user message"
                yield Violation("L18", entry.seq, what)


def _message_after(history: History, index: int) -> str | None:
    """The user message of the promotion at `index`: three events on, all of its command."""
    group = [e.event for e in history[index : index + 4]]
    promoted = group[0]
    assert isinstance(promoted, PromptPromoted)
    if len(group) < 4 or any(e.command_id != promoted.command_id for e in group):
        return None
    _, entry, started, completed = group
    enters = isinstance(entry, TurnStarted | TurnSteered) and entry.turn_id == promoted.turn_id
    if (
        not enters
        or not isinstance(started, ItemStarted)
        or not isinstance(completed, ItemCompleted)
    ):
        return None
    same = started.item_id == completed.item_id and started.input_id == promoted.input_id
    return completed.text if same and started.kind == "user_message" else None


def begins_with_creation(history: History) -> Iterator[Violation]:
    """A thread begins with `thread.created`, and with it only (a word of the contract)."""
    for entry in history:
        if isinstance(entry.event, ThreadCreated) != (entry.seq == 1):
            yield Violation("L12", entry.seq, f"{entry.event.name} at seq {entry.seq}")
        if entry.event.thread_id != history[0].event.thread_id:
            yield Violation("L12", entry.seq, f"an event of {entry.event.thread_id}")


LAWS: Final[dict[str, Law]] = {
    "L1 one slot": one_slot,
    "L2 nothing lost, nothing twice": one_state,
    "L3 first in, first out": first_in_first_out,
    "L4 the boundary holds": boundary_holds,
    "L5 no lost wake": no_lost_wake,
    "L6 steers arrive or fall back": steers_arrive,
    "L8 interrupts stop their turn": interrupts_stop,
    "L9 ends are final": ends_are_final,
    "L10 one receipt a command": one_receipt,
    "L11 an idle thread runs at once": idle_runs_at_once,
    "L12 a history is whole": begins_with_creation,
    "L13 numbers have no gap": numbers_have_no_gap,
    "L15 interrupts only escalate": interrupts_escalate,
    "L16 failures hold the queue": failures_hold,
    "L18 what is seen is recorded": seen_is_recorded,
}
