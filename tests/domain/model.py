"""The contract once more, as a model to compare the decisions with.

Written from the command table alone, with lists that change in place, and in no way like the code
it checks: it knows no events, only what each command does to the inbox and the slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from domain import errors
from domain.errors import Refused
from domain.options import SettingsChange
from tests.strategies import Call


def storable(text: str) -> str:
    """Trimmed, and without what no store takes."""
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text.strip())


STRICTNESS = ["continue", "hold", "discard"]
Refusal = type[Refused] | None


@dataclass
class Waiting:
    """A prompt in the inbox."""

    input_id: str
    text: str
    delivery: str
    state: str = "pending"


@dataclass
class Running:
    """The turn in the slot. `turn_id` is None until somebody tells the model what it became."""

    opened_by: str | None
    steerable: bool
    interrupt: str | None = None
    turn_id: str | None = None
    items: list[str] = field(default_factory=list)
    approvals: dict[str, str | None] = field(default_factory=dict)  # open ones, and their items


@dataclass
class Model:
    """One thread as the contract describes it. `do` changes it, or says why not."""

    policy: str = "hold"
    steerable: bool = True
    model: str | None = None
    exists: bool = True
    archived: bool = False
    inbox: list[Waiting] = field(default_factory=list)
    slot: Running | None = None
    failures: int = 0
    context: list[str | None] = field(default_factory=list)  # what opened each turn in it
    delivered: list[str] = field(default_factory=list)  # by the last take_steers

    def do(self, call: Call) -> Refusal:
        """The effects of a new command, or the refusal it must get (and then nothing changed)."""
        if not self.exists and call.method not in ("create", "start"):
            return errors.ThreadNotFound
        handler = getattr(self, f"_{call.method}")
        refusal: Refusal = handler(**call.arguments)
        return refusal

    def pending(self, delivery: str | None = None) -> list[Waiting]:
        """The pending prompts, of that delivery or all, in inbox order."""
        return [
            prompt
            for prompt in self.inbox
            if prompt.state == "pending" and delivery in (None, prompt.delivery)
        ]

    # ── The thread itself ────────────────────────────────────────────────────────────────────────

    def _create(self, **_: object) -> Refusal:
        if self.exists:
            return errors.ThreadExists
        self.exists = True
        return None

    def _start(self, text: str, input_id: str, **_: object) -> Refusal:
        if not text.strip():
            return errors.PromptRequired
        if not self.exists:  # else it makes another one
            self.exists = True
            self._open(input_id)
        return None

    # ── Prompts ──────────────────────────────────────────────────────────────────────────────────

    def _submit(
        self, text: str, input_id: str, delivery: str | None, queued: str | None, **_: object
    ) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        if not text.strip():
            return errors.PromptRequired
        if self.slot is None:
            self._open(input_id)
            return None
        if delivery is None:
            return errors.ThreadBusy
        if delivery == "steer" and not self.slot.steerable:
            return errors.TurnNotSteerable
        if delivery == "interrupt":
            self._stop(queued)
            self.inbox.insert(0, Waiting(input_id, storable(text), delivery))
        else:
            self.inbox.append(Waiting(input_id, storable(text), delivery))
        return None

    def _steer(self, turn_id: str, text: str, input_id: str, **_: object) -> Refusal:
        if self.slot is None or self.slot.turn_id != turn_id:
            return errors.TurnNotActive
        if not self.slot.steerable or self.slot.interrupt:
            return errors.TurnNotSteerable
        if not text.strip():
            return errors.PromptRequired
        self.inbox.append(Waiting(input_id, storable(text), "steer"))
        return None

    def _take_steers(self, turn_id: str, **_: object) -> Refusal:
        self.delivered = []
        if self.slot is None or self.slot.turn_id != turn_id:
            return errors.TurnNotActive
        if self.slot.interrupt:
            return errors.InterruptRequested
        if self.slot.steerable:
            self.delivered = [prompt.input_id for prompt in self.pending("steer")]
            self.inbox = [p for p in self.inbox if p.input_id not in self.delivered]
        return None

    def _release(self, input_ids: list[str] | None, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        held = [prompt.input_id for prompt in self.inbox if prompt.state == "held"]
        if not held:
            return errors.NothingHeld
        chosen = held if input_ids is None else input_ids
        if not set(chosen) <= set(held):
            return errors.PromptNotWaiting
        for prompt in self.inbox:
            if prompt.input_id in chosen:
                prompt.state = "pending"
        self.failures = 0
        self._drain()
        return None

    def _withdraw(self, input_id: str, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        if input_id not in [prompt.input_id for prompt in self.inbox]:
            return errors.PromptNotWaiting
        self.inbox = [prompt for prompt in self.inbox if prompt.input_id != input_id]
        return None

    def _edit(self, input_id: str, text: str, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        prompt = self._waiting(input_id)
        if prompt is None:
            return errors.PromptNotWaiting
        if not text.strip():
            return errors.PromptRequired
        prompt.text = storable(text)
        return None

    def _redeliver(self, input_id: str, delivery: str, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        prompt = self._waiting(input_id)
        if prompt is None:
            return errors.PromptNotWaiting
        if delivery == "steer" and prompt.delivery != "steer":
            if self.slot is None:
                return errors.NothingToSteer
            if not self.slot.steerable or self.slot.interrupt:
                return errors.TurnNotSteerable
        prompt.delivery = delivery
        return None

    def _move(self, input_id: str, place: str, anchor_id: str | None, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        if anchor_id == input_id:
            return errors.InvalidArgument
        for named in filter(None, (input_id, anchor_id)):
            prompt = self._waiting(named)
            if prompt is None:
                return errors.PromptNotWaiting
            if prompt.delivery != "queue":
                return errors.PromptNotQueued
        others = [prompt for prompt in self.inbox if prompt.input_id != input_id]
        line = [prompt for prompt in self._line() if prompt.input_id != input_id]
        if anchor_id:
            (at,) = [n for n, prompt in enumerate(others) if prompt.input_id == anchor_id]
            at += place == "after"
        else:
            at = others.index(line[0]) if place == "first" and line else len(others)
        moved = [*others[:at], *(p for p in self.inbox if p.input_id == input_id), *others[at:]]
        if [p for p in moved if p.delivery == "queue"] != self._line():
            self.inbox = moved
        return None

    def _line(self) -> list[Waiting]:
        return [prompt for prompt in self.inbox if prompt.delivery == "queue"]

    def _waiting(self, input_id: str) -> Waiting | None:
        return next((prompt for prompt in self.inbox if prompt.input_id == input_id), None)

    # ── Turns ────────────────────────────────────────────────────────────────────────────────────

    def _interrupt(self, turn_id: str, queued: str | None, **_: object) -> Refusal:
        if self.slot is None or self.slot.turn_id != turn_id:
            return errors.TurnNotActive
        self._stop(queued)
        return None

    def _stop(self, queued: str | None) -> None:
        assert self.slot is not None
        before = self.slot.interrupt
        policy = queued or before or self.policy
        if before and STRICTNESS.index(policy) <= STRICTNESS.index(before):
            return
        self.slot.interrupt = policy
        self.slot.approvals = {}
        if policy == "discard":
            self.inbox = []
        if policy == "hold":
            self._hold()

    def _hold(self) -> None:
        for prompt in self.pending():
            prompt.state, prompt.delivery = "held", "queue"

    def _finish(self, turn_id: str, status: str, **_: object) -> Refusal:
        if self.slot is None or self.slot.turn_id != turn_id:
            return errors.TurnNotActive
        if status == "completed" and self.slot.steerable and self.pending("steer"):
            return errors.SteersPending
        self.slot = None
        if status == "completed":
            self.failures = 0
        if status == "failed":
            self.failures += 1
        if self.failures >= 3:
            self._hold()
        self._drain()
        return None

    def _start_failed(self, turn_id: str, **_: object) -> Refusal:
        return self._finish(turn_id, "failed")

    def _recover(self, turn_id: str, **_: object) -> Refusal:
        return self._finish(turn_id, "interrupted")

    def _compact(self, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        if self.slot is not None:
            return errors.ThreadBusy
        self.slot = Running(None, steerable=False)
        self.context.append(None)
        return None

    def _drain(self) -> None:
        if self.slot is not None or not self.pending():
            return
        first = (self.pending("interrupt") + self.pending("steer") + self.pending())[0]
        self.inbox.remove(first)
        self._open(first.input_id)

    def _open(self, input_id: str) -> None:
        self.slot = Running(input_id, self.steerable)
        self.context.append(input_id)

    # ── Context ──────────────────────────────────────────────────────────────────────────────────

    def _rollback(self, turns: int, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        if self.slot is not None:
            return errors.ThreadBusy
        prompted = [place for place, opener in enumerate(self.context) if opener is not None]
        if not prompted:
            return errors.NothingToEdit
        if len(prompted) < turns:
            return errors.RollbackTooDeep
        del self.context[prompted[-turns] :]
        return None

    def _edit_last_turn(self, text: str, input_id: str, **_: object) -> Refusal:
        kept = self.context[:]
        refusal = self._rollback(1)
        if refusal is None and not text.strip():
            self.context, refusal = kept, errors.PromptRequired
        if refusal is None:
            self._open(input_id)
        return refusal

    # ── Items, settings, archive ─────────────────────────────────────────────────────────────────

    def _start_item(self, turn_id: str, **_: object) -> Refusal:
        return self._in_turn(turn_id)

    def _record_item(self, turn_id: str, **_: object) -> Refusal:
        return self._in_turn(turn_id)

    def _end_item(self, turn_id: str, item_id: str, **_: object) -> Refusal:
        refusal = self._in_turn(turn_id)
        if refusal is None and self.slot is not None and item_id not in self.slot.items:
            return errors.ItemNotOpen
        if refusal is None and self.slot is not None:
            self.slot.items.remove(item_id)
            still = self.slot.approvals.items()
            self.slot.approvals = {name: item for name, item in still if item != item_id}
        return refusal

    def _request_approval(
        self, turn_id: str, approval_id: str, item_id: str | None, **_: object
    ) -> Refusal:
        if self.slot is None or self.slot.turn_id != turn_id:
            return errors.TurnNotActive
        if self.slot.interrupt:
            return errors.InterruptRequested
        if item_id is not None and item_id not in self.slot.items:
            return errors.ItemNotOpen
        self.slot.approvals[approval_id] = item_id
        return None

    def _resolve_approval(self, approval_id: str, **_: object) -> Refusal:
        if self.slot is None or approval_id not in self.slot.approvals:
            return errors.ApprovalClosed
        del self.slot.approvals[approval_id]
        return None

    def _in_turn(self, turn_id: str) -> Refusal:
        active = self.slot is not None and self.slot.turn_id == turn_id
        return None if active else errors.TurnNotActive

    def _update(self, settings: SettingsChange, **_: object) -> Refusal:
        if self.archived:
            return errors.ThreadIsArchived
        self.policy = settings.queue_on_interrupt or self.policy
        self.steerable = self.steerable if settings.steerable is None else settings.steerable
        self.model = None if settings.cleared else settings.options.model or self.model
        return None

    def _archive(self, **_: object) -> Refusal:
        if self.slot is not None:
            return errors.ThreadBusy
        self.archived = True
        return None

    def _unarchive(self, **_: object) -> Refusal:
        self.archived = False
        return None
