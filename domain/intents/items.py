"""Commands by which an engine records what it does in its turn."""

from __future__ import annotations

from domain.command import Command, said
from domain.decide.items import ItemEnd, decide_end_item, decide_record_item, decide_start_item
from domain.events.base import Event, ItemKind, Json
from domain.intents.base import Commands
from domain.outcome import Outcome
from domain.ports import Lease
from domain.thread import Thread


class ItemCommands(Commands):
    """Items that begin and end. The worker's commands: `LeaseLost` if another has the turn.

    Under a `command_id` all that is said is part of the body. Without one nothing can be a retry,
    and texts, which may be long, are not hashed.
    """

    def start_item(
        self,
        thread_id: str,
        turn_id: str,
        kind: ItemKind,
        summary: str,
        *,
        detail: Json | None = None,
        actor: str = "engine",
        command_id: str | None = None,
        lease: Lease | None = None,
    ) -> Outcome:
        """An item of the turn begins; its id is in the outcome's `item_ids`. `TurnNotActive`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_start_item(turn_id, kind, summary, detail, command, thread)

        body: dict[str, object] = {"turn_id": turn_id, "kind": kind, "summary": summary}
        if command_id is not None:
            body["detail"] = said(detail)
        return self._work("start_item", body, thread_id, turn_id, lease, decide, actor, command_id)

    def end_item(
        self,
        thread_id: str,
        turn_id: str,
        item_id: str,
        end: ItemEnd = "completed",
        *,
        text: str | None = None,
        result: Json | None = None,
        reason: str | None = None,
        actor: str = "engine",
        command_id: str | None = None,
        lease: Lease | None = None,
    ) -> Outcome:
        """An open item ends; `TurnNotActive`, `ItemNotOpen`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_end_item(turn_id, item_id, end, text, result, reason, command, thread)

        body: dict[str, object] = {"turn_id": turn_id, "item_id": item_id, "end": end}
        if command_id is not None:
            body |= {"text": text, "result": said(result), "reason": reason}
        return self._work("end_item", body, thread_id, turn_id, lease, decide, actor, command_id)

    def record_item(
        self,
        thread_id: str,
        turn_id: str,
        kind: ItemKind,
        summary: str,
        *,
        text: str | None = None,
        detail: Json | None = None,
        actor: str = "engine",
        command_id: str | None = None,
        lease: Lease | None = None,
    ) -> Outcome:
        """An item that begins and completes at once; `TurnNotActive`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_record_item(turn_id, kind, summary, text, detail, command, thread)

        body: dict[str, object] = {"turn_id": turn_id, "kind": kind, "summary": summary}
        if command_id is not None:
            body |= {"text": text, "detail": said(detail)}
        return self._work("record_item", body, thread_id, turn_id, lease, decide, actor, command_id)
