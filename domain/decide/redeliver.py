"""Let a waiting prompt enter in another way: queue to steer and back."""

from __future__ import annotations

from domain.command import Command
from domain.decide.queue import find_waiting
from domain.decide.submit import refuse_unless_steerable
from domain.errors import NothingToSteer, TurnNotSteerable
from domain.events.base import Event
from domain.events.prompt import PromptRedelivered, Redelivery
from domain.thread import Thread


def decide_redeliver(
    input_id: str, delivery: Redelivery, command: Command, thread: Thread
) -> tuple[Event, ...]:
    """The prompt keeps its place, and is held if it was; nothing if that is its delivery already.

    As a steer it is meant for the turn that is active now. `PromptNotWaiting`, `NothingToSteer`,
    `TurnNotSteerable`.
    """
    thread.writable()
    if find_waiting(input_id, thread).delivery == delivery:
        return ()
    return (
        PromptRedelivered(
            **command.header(thread.thread_id),
            input_id=input_id,
            delivery=delivery,
            target_turn_id=_aim(thread) if delivery == "steer" else None,
        ),
    )


def _aim(thread: Thread) -> str:
    turn = thread.turn
    if turn is None:
        raise NothingToSteer(thread_id=thread.thread_id)
    refuse_unless_steerable(turn)
    if turn.interrupt is not None:
        # L8: nothing enters it any more, and where the prompt stands it is safe.
        raise TurnNotSteerable(turn_id=turn.turn_id, why="it is being interrupted")
    return turn.turn_id
