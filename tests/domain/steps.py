"""Commands as a test says them. A step is done to a world and returns the command's outcome.

Prompts go by a capital letter, turns by the prompt that opened them (or `compaction`). Every step
that a client may retry carries a fixed id, so doing the same step again is a retry.
"""

from __future__ import annotations

from collections.abc import Callable

from domain.decide.move import Place
from domain.events.approval import ApprovalDecision
from domain.events.base import ItemKind, Usage
from domain.events.item import ItemStarted
from domain.events.prompt import Redelivery
from domain.events.turn import TurnStatus
from domain.options import Delivery, Overrides, QueuePolicy, SettingsChange, ThreadSettings
from domain.outcome import Outcome
from tests.domain.world import THREAD, World

Step = Callable[[World], Outcome]


def create(
    title: str | None = None,
    settings: ThreadSettings | None = None,
    thread_id: str | None = THREAD,
    command_id: str = "cmd_create",
) -> Step:
    return lambda world: world.service.create(
        thread_id=thread_id, title=title, settings=settings, command_id=command_id
    )


def update(
    title: str | None = None,
    settings: SettingsChange = SettingsChange(),
    command_id: str = "cmd_update",
) -> Step:
    return lambda world: world.service.update(
        THREAD, title=title, settings=settings, command_id=command_id
    )


def archive(command_id: str = "cmd_archive") -> Step:
    return lambda world: world.service.archive(THREAD, command_id=command_id)


def unarchive(command_id: str = "cmd_unarchive") -> Step:
    return lambda world: world.service.unarchive(THREAD, command_id=command_id)


def submit(
    name: str,
    delivery: Delivery | None = None,
    *,
    text: str | None = None,
    queued: QueuePolicy | None = None,
    overrides: Overrides | None = None,
    thread_id: str = THREAD,
) -> Step:
    """Prompt `name`, with its name as its text unless given."""
    return lambda world: world.service.submit(
        thread_id,
        name if text is None else text,
        delivery=delivery,
        queued=queued,
        overrides=overrides or Overrides(),
        input_id=f"inp_{name}",
    )


def queue(name: str) -> Step:
    return submit(name, "queue")


def send_now(name: str, queued: QueuePolicy | None = None) -> Step:
    """Stop the running turn and run this next."""
    return submit(name, "interrupt", queued=queued)


def steer(name: str, into: str | None = None, text: str | None = None) -> Step:
    """A steer; into that turn and no other, if `into` names one."""
    if into is None:
        return submit(name, "steer", text=text)
    return lambda world: world.service.steer(
        THREAD, world.turn(into), name if text is None else text, input_id=f"inp_{name}"
    )


def take_steers(turn: str) -> Step:
    return lambda world: world.service.take_steers(THREAD, world.turn(turn))


def interrupt(turn: str, queued: QueuePolicy | None = None, command_id: str | None = None) -> Step:
    key = command_id or f"cmd_interrupt_{turn}_{queued}"
    return lambda world: world.service.interrupt(
        THREAD, world.turn(turn), queued=queued, command_id=key
    )


def finish(
    turn: str,
    status: TurnStatus = "completed",
    error: str | None = None,
    usage: Usage | None = None,
) -> Step:
    return lambda world: world.service.finish(
        THREAD,
        world.turn(turn),
        status,
        error=error,
        usage=usage,
        command_id=f"cmd_finish_{turn}_{status}",
    )


def complete(turn: str) -> Step:
    return finish(turn, "completed")


def fail(turn: str) -> Step:
    return finish(turn, "failed", "boom")


def stop(turn: str) -> Step:
    """The engine stopped, as it was asked to."""
    return finish(turn, "interrupted")


def start_failed(turn: str, error: str = "no engine") -> Step:
    return lambda world: world.service.start_failed(
        THREAD, world.turn(turn), error, command_id=f"cmd_start_failed_{turn}"
    )


def recover(turn: str) -> Step:
    return lambda world: world.service.recover(THREAD, world.turn(turn))


def release(*names: str) -> Step:
    """Those prompts, or all that are held."""
    chosen = [f"inp_{name}" for name in names] or None
    key = f"cmd_release_{'_'.join(names) or 'all'}"
    return lambda world: world.service.release(THREAD, chosen, command_id=key)


def withdraw(name: str) -> Step:
    return lambda world: world.service.withdraw(
        THREAD, f"inp_{name}", command_id=f"cmd_withdraw_{name}"
    )


def edit_waiting(
    name: str,
    text: str,
    *,
    overrides: Overrides | None = None,
    command_id: str | None = None,
) -> Step:
    """A prompt that waits says something else."""
    return lambda world: world.service.edit(
        THREAD,
        f"inp_{name}",
        text,
        overrides=overrides,
        command_id=command_id or f"cmd_edit_{name}",
    )


def redeliver(name: str, delivery: Redelivery, command_id: str | None = None) -> Step:
    return lambda world: world.service.redeliver(
        THREAD,
        f"inp_{name}",
        delivery,
        command_id=command_id or f"cmd_redeliver_{name}_{delivery}",
    )


def move(name: str, place: Place, anchor: str | None = None, command_id: str | None = None) -> Step:
    return lambda world: world.service.move(
        THREAD,
        f"inp_{name}",
        place,
        f"inp_{anchor}" if anchor else None,
        command_id=command_id or f"cmd_move_{name}_{place}_{anchor}",
    )


def compact(reason: str | None = None, command_id: str = "cmd_compact") -> Step:
    return lambda world: world.service.compact(THREAD, reason, command_id=command_id)


def edit(name: str, text: str | None = None) -> Step:
    return lambda world: world.service.edit_last_turn(
        THREAD, name if text is None else text, input_id=f"inp_{name}"
    )


def rollback(turns: int = 1, command_id: str = "cmd_rollback") -> Step:
    return lambda world: world.service.rollback(THREAD, turns, command_id=command_id)


def ask(turn: str, name: str = "ok", kind: ItemKind | None = None) -> Step:
    """An approval of that name; for the last item of that kind, if one is named."""

    def step(world: World) -> Outcome:
        item_id = last_item(world, kind) if kind else None
        turn_id = world.turn(turn)
        return world.service.request_approval(
            THREAD, turn_id, "may I?", item_id=item_id, approval_id=f"appr_{name}"
        )

    return step


def answer(
    name: str = "ok",
    decision: ApprovalDecision = "approved",
    note: str | None = None,
    command_id: str | None = None,
) -> Step:
    return lambda world: world.service.resolve_approval(
        THREAD,
        f"appr_{name}",
        decision,
        note=note,
        command_id=command_id or f"cmd_answer_{name}",
    )


def last_item(world: World, kind: ItemKind) -> str:
    """The item of that kind that began last."""
    begun = [
        entry.event.item_id
        for entry in world.history()
        if isinstance(entry.event, ItemStarted) and entry.event.kind == kind
    ]
    return begun[-1]


def start_item(turn: str, kind: ItemKind = "tool_call", summary: str = "ls") -> Step:
    return lambda world: world.service.start_item(THREAD, world.turn(turn), kind, summary)


def end_item(turn: str, kind: ItemKind = "tool_call", text: str | None = None) -> Step:
    """The last item of that kind completes."""

    return lambda world: world.service.end_item(
        THREAD, world.turn(turn), last_item(world, kind), text=text
    )


def record_item(turn: str, kind: ItemKind = "agent_message", text: str = "hello") -> Step:
    return lambda world: world.service.record_item(THREAD, world.turn(turn), kind, text, text=text)
