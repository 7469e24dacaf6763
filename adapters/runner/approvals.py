"""What one turn's engine has asked for, and the answers as they come in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from domain.events.approval import ApprovalCancelled, ApprovalEvent, ApprovalResolved
from domain.events.base import Event
from domain.ports import Answer


@dataclass(slots=True)
class _Question:
    """`after_seq`: the log up to there does not have it yet."""

    approval_id: str
    after_seq: int
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Answer | None = None

    def settle(self, answer: Answer) -> None:
        if self.answer is None:
            self.answer = answer
            self.answered.set()


class Approvals:
    """The approvals of one turn, by the keys its engine gave them.

    A question is noted here before it is in the log: else its answer could be there before anybody
    looks for it.
    """

    def __init__(self) -> None:
        self._questions: dict[str, _Question] = {}
        self._seq = 0

    def __contains__(self, key: object) -> bool:
        return key in self._questions

    def seen(self, seq: int) -> None:
        """The log of the thread is at least that long: what is asked from now on comes later."""
        self._seq = max(self._seq, seq)

    def note(self, key: str, approval_id: str) -> None:
        """The engine asks; it is about to be in the log."""
        self._questions[key] = _Question(approval_id, self._seq)

    def id_of(self, key: str) -> str:
        """The approval that was asked for under that key."""
        return self._questions[key].approval_id

    def cancel(self, key: str) -> None:
        """It was not asked for: the turn is to stop."""
        self._questions[key].settle(Answer("cancelled", reason="interrupt"))

    def after(self, open_ids: Collection[str]) -> int | None:
        """From which seq on to look for answers, if only those are open; None if there are none."""
        ended = [
            question.after_seq
            for question in self._questions.values()
            if question.answer is None and question.approval_id not in open_ids
        ]
        return min(ended, default=None)

    def hear(self, events: Iterable[Event]) -> None:
        """Whatever answers are among these events go to the engine."""
        waiting = {question.approval_id: question for question in self._questions.values()}
        for event in events:
            if not isinstance(event, ApprovalEvent) or event.approval_id not in waiting:
                continue
            if (answer := _answer(event)) is not None:
                waiting[event.approval_id].settle(answer)

    async def wait(self, key: str) -> Answer:
        """See `TurnHandle.wait_answer`."""
        question = self._questions.get(key)
        if question is None:
            raise LookupError(f"no approval was asked for as {key!r}")
        await question.answered.wait()
        assert question.answer is not None
        return question.answer


def _answer(event: ApprovalEvent) -> Answer | None:
    match event:
        case ApprovalResolved():
            return Answer(event.decision, event.actor, event.note)
        case ApprovalCancelled():
            return Answer("cancelled", reason=event.reason)
        case _:
            return None
