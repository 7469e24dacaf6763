"""Commands on approvals: a turn asks, somebody answers."""

from __future__ import annotations

from domain import ids, text
from domain.command import Command
from domain.decide.approvals import decide_request_approval, decide_resolve_approval
from domain.events.approval import ApprovalDecision
from domain.events.base import Event, Json
from domain.execution import Intent
from domain.intents.base import Commands, worker_fence
from domain.outcome import Outcome
from domain.ports import Lease
from domain.thread import Thread


class ApprovalCommands(Commands):
    """Request and resolve. An interrupt, an item's end and a turn's end cancel."""

    def request_approval(
        self,
        thread_id: str,
        turn_id: str,
        summary: str,
        *,
        item_id: str | None = None,
        detail: Json | None = None,
        actor: str = "engine",
        approval_id: str | None = None,
        lease: Lease | None = None,
    ) -> Outcome:
        """The turn asks; the answer is somebody else's `resolve_approval`. Retried by its id, which
        is in the outcome's `approval_id`. `TurnNotActive`, `InterruptRequested`, `ItemNotOpen`.
        """
        key = ids.check("appr", approval_id or self.new_id("appr"))

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_request_approval(key, turn_id, summary, item_id, detail, command, thread)

        # As they are stored: what is nested too deep for the log is too deep for a hash, too.
        details = text.clean_json(detail)
        body = {"turn_id": turn_id, "summary": summary, "item_id": item_id, "detail": details}
        ids.check_named(body)
        retryable = approval_id is not None
        return self._execution.run(
            Intent(
                "request_approval",
                body,
                thread_id,
                decide,
                actor,
                key,
                retryable,
                fence=worker_fence(turn_id, lease),
            )
        )

    def resolve_approval(
        self,
        thread_id: str,
        approval_id: str,
        decision: ApprovalDecision,
        *,
        note: str | None = None,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """The answer; `ApprovalClosed` if it comes too late."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_resolve_approval(approval_id, decision, note, command, thread)

        body = {"approval_id": approval_id, "decision": decision, "note": note}
        return self._run("resolve_approval", body, thread_id, decide, actor, command_id)
