"""Submit a prompt: run it, queue it, steer with it, or interrupt for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain import ids, inbox, text
from domain.command import Command
from domain.decide.interrupt import request_interrupt
from domain.decide.promote import open_turn
from domain.errors import InboxFull, ThreadBusy, TurnNotSteerable
from domain.events.base import Event
from domain.events.prompt import PromptAdmitted, PromptOrigin
from domain.options import Delivery, Overrides, QueuePolicy, Routing, resolve
from domain.thread import Thread, fold
from domain.turn import Turn

# Prompts waiting in one thread. One event may name them all, and must stay storable; and the read
# models number them below 16384 (projections/sql/prompts.sql).
MAX_WAITING: Final = 10_000


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """A prompt as it is sent. `queued` is what an `interrupt` delivery does to waiting prompts."""

    input_id: str
    text: str
    delivery: Delivery | None = None
    overrides: Overrides = Overrides()
    origin: PromptOrigin = "human"
    queued: QueuePolicy | None = None


def decide_submit(
    prompt: NewPrompt, routing: Routing, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """Every row of the command table that begins with submit.

    `PromptRequired`, `ThreadBusy` (no delivery given and the slot taken), `TurnNotSteerable`.
    """
    event = _admission(prompt, routing, command, thread)
    turn = thread.turn
    if turn is None:
        return (event, *open_turn(inbox.admitted(event), command, fold(thread, [event])))
    match prompt.delivery:
        case None:
            raise ThreadBusy(thread_id=thread.thread_id, turn_id=turn.turn_id)
        case "queue":
            refuse_if_full(thread)
            return (event,)
        case "steer":
            refuse_unless_steerable(turn)
            refuse_if_full(thread)
            return (event,)
        case "interrupt":
            claimed = request_interrupt(prompt.queued, turn, command, thread)
            after = fold(thread, claimed)
            refuse_if_full(after)
            # Counted again: what the interrupt just claimed is on hold now.
            return (*claimed, event.model_copy(update={"held": len(inbox.held(after.inbox))}))


def decide_steer(
    turn_id: str, prompt: NewPrompt, routing: Routing, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """Submit as a steer, but only into that turn: `TurnNotActive` or `TurnNotSteerable`."""
    turn = thread.active(turn_id)
    refuse_unless_steerable(turn)
    if turn.interrupt is not None:
        # L8: no steer gets into it any more, and this one may go nowhere else.
        raise TurnNotSteerable(turn_id=turn_id, why="it is being interrupted")
    refuse_if_full(thread)
    return (_admission(prompt, routing, command, thread),)


def refuse_if_full(thread: Thread) -> None:
    """`InboxFull` if one more prompt may not wait. One that runs at once is not asked (L11)."""
    if len(thread.inbox) >= MAX_WAITING:
        raise InboxFull(thread_id=thread.thread_id, limit=MAX_WAITING)


def refuse_unless_steerable(turn: Turn) -> None:
    """`TurnNotSteerable` for a compaction, or an engine that cannot take input as it runs."""
    if turn.kind == "compaction":
        raise TurnNotSteerable(turn_id=turn.turn_id, why="it compacts the context")
    if not turn.steerable:
        raise TurnNotSteerable(turn_id=turn.turn_id, why="its engine cannot be steered")


def _admission(
    prompt: NewPrompt, routing: Routing, command: Command, thread: Thread
) -> PromptAdmitted:
    thread.writable()
    cleaned = text.clean_prompt(prompt.text)
    aim = thread.turn if prompt.delivery == "steer" else None
    return PromptAdmitted(
        **command.header(thread.thread_id),
        input_id=ids.check("inp", prompt.input_id),
        text=cleaned.text,
        summary=summary_of(cleaned.text, prompt.overrides),
        delivery=prompt.delivery or "queue",
        options=resolve(prompt.overrides, thread.settings, routing),
        route_intent=prompt.overrides.route_intent,
        target_turn_id=aim.turn_id if aim else None,
        origin=prompt.origin,
        held=len(inbox.held(thread.inbox)),
        replaced=cleaned.replaced,
    )


def summary_of(cleaned: str, overrides: Overrides) -> str:
    """The summary of a prompt with that text: its own, or else the beginning of the text."""
    own = text.clean(overrides.input_summary or "").text.strip()
    return text.summarize(own or cleaned)
