"""An engine that asks, and who answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from domain.events.approval import ApprovalDecision
from domain.outcome import Outcome
from domain.ports import Answer, ApprovalAsked, EngineEvent, TurnContext, TurnHandle
from tests.adapters.runner.stage import THREAD, Stage, said


@dataclass
class Asking:
    """An engine that asks one thing, waits, and says what it was told."""

    answers: list[Answer] = field(default_factory=list)

    async def play(self, _: TurnContext, handle: TurnHandle) -> AsyncIterator[EngineEvent]:
        yield ApprovalAsked("rm", "May I delete build/?", {"path": "build/"})
        self.answers.append(await handle.wait_answer("rm"))
        yield said("heard")


def answer(stage: Stage, decision: ApprovalDecision = "approved", **how: str) -> Outcome:
    """Another process answers the only approval that is open."""
    service = stage.another_process()
    turn = service.thread(THREAD).turn
    assert turn is not None
    [asked] = turn.open_approvals
    return service.resolve_approval(THREAD, asked.approval_id, decision, **how)
