"""Laws about prompts while they wait: what may be done to them, and what a steer is meant for."""

from __future__ import annotations

from collections.abc import Iterator

from domain.events.prompt import (
    PromptAdmitted,
    PromptEdited,
    PromptMoved,
    PromptRedelivered,
    PromptWithdrawn,
)
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted
from domain.predicates.history import History, Violation, ends_fork, is_alone
from domain.predicates.observed import ObservedInbox


def only_waiting_prompts_change(history: History) -> Iterator[Violation]:
    """L2, L3: a prompt is edited, redelivered or moved only while it is pending or held, and by a
    command of its own: an end that moves another prompt to the front is no first in, first out."""
    inbox = ObservedInbox()
    for index, entry in enumerate(history):
        match entry.event:
            case PromptEdited() | PromptRedelivered() | PromptMoved() as event:
                if event.input_id not in inbox.order:
                    state = inbox.state.get(event.input_id, "unknown")
                    what = f"{event.input_id} is {state}, but gets {event.name}"
                    yield Violation("L2", entry.seq, what)
                if not is_alone(history, index):
                    law = "L3" if isinstance(event, PromptMoved) else "L2"
                    what = f"{event.input_id} gets {event.name} by something else"
                    yield Violation(law, entry.seq, what)
            case _:
                pass
        inbox.see(entry.event)


def moves_move_one(history: History) -> Iterator[Violation]:
    """L3: a move gives one queued prompt another place, and leaves the others in their order."""
    inbox = ObservedInbox()
    for entry in history:
        if isinstance(entry.event, PromptMoved):
            input_id = entry.event.input_id
            rest = [other for other in inbox.order if other != input_id]
            if [other for other in entry.event.input_ids if other != input_id] != rest:
                yield Violation("L3", entry.seq, f"others than {input_id} change places with it")
            if entry.event.input_ids.count(input_id) != 1:
                yield Violation("L3", entry.seq, f"{input_id} has no place after its move")
            if (delivery := inbox.delivery.get(input_id)) != "queue":
                yield Violation("L3", entry.seq, f"{input_id} is moved as a {delivery}")
        inbox.see(entry.event)


def steers_have_an_aim(history: History) -> Iterator[Violation]:
    """L6: a steer is meant for the turn that was active when it came, or when it was made one, and
    that turn takes steers. L8: none is made for a turn that is to stop."""
    active: TurnStarted | None = None
    stopping = False
    for entry in history:
        match entry.event:
            case TurnStarted() as event:
                active, stopping = event, False
            case TurnCompleted():
                active, stopping = None, False
            case TurnInterruptRequested():
                stopping = True
            case PromptAdmitted() as event:
                yield from _aim(event, active, entry.seq)
            case PromptRedelivered() as event:
                yield from _aim(event, active, entry.seq)
                if event.delivery == "steer" and (stopping or active is None):
                    law, why = ("L8", "its turn is to stop") if stopping else ("L6", "none runs")
                    yield Violation(law, entry.seq, f"{event.input_id} is made a steer, but {why}")
            case _:
                pass


def _aim(
    event: PromptAdmitted | PromptRedelivered, active: TurnStarted | None, seq: int
) -> Iterator[Violation]:
    input_id, target = event.input_id, event.target_turn_id
    aim = active if event.delivery == "steer" else None
    if target != (aim.turn_id if aim else None):
        found = aim.turn_id if aim else None
        yield Violation("L6", seq, f"{input_id} is meant for {target}, not {found}")
    if aim is not None and not aim.steerable:
        yield Violation("L6", seq, f"{input_id} steers {aim.turn_id}, which takes no steers")


def withdrawn_text_is_the_prompts(history: History) -> Iterator[Violation]:
    """L2: a withdrawn prompt comes back as it was admitted, or as it was last edited; and what the
    user withdraws is withdrawn by a command of its own (or left behind by a fork), so that nothing
    else can drop a prompt in the user's name (D7)."""
    texts: dict[str, str] = {}
    for index, entry in enumerate(history):
        match entry.event:
            case PromptAdmitted() | PromptEdited() as event:
                texts[event.input_id] = event.text
            case PromptWithdrawn(input_id=input_id, text=text) if text != texts.get(input_id):
                yield Violation("L2", entry.seq, f"{input_id} comes back with another text")
            case PromptWithdrawn(reason="user", input_id=input_id) as event:
                if not ends_fork(event) and not is_alone(history, index):
                    yield Violation("L2", entry.seq, f"{input_id} is dropped by something else")
            case _:
                pass
