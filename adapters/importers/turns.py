"""The verbs of a thread as the mappers of all formats use them.

Thin: each is one decision of the domain on the state so far, with what an importer adds to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.importers.recording import Inferred, Recording
from adapters.importers.records import Record
from domain import inbox as inboxes
from domain.command import Command
from domain.decide.compact import decide_compact
from domain.decide.finish import decide_finish
from domain.decide.history import decide_take_first_steer, decide_unprompted_turn
from domain.decide.interrupt import decide_interrupt
from domain.decide.items import ItemEnd, decide_end_item, decide_record_item, decide_start_item
from domain.decide.lifecycle import decide_create, decide_update
from domain.decide.queue import decide_release, decide_withdraw
from domain.decide.submit import NewPrompt, decide_submit
from domain.events.base import Event, ItemKind, Json, Usage
from domain.events.item import ItemFailed, ItemInterrupted
from domain.events.prompt import PromptAdmitted, PromptOrigin
from domain.events.thread import Origin
from domain.events.turn import TurnCompleted, TurnStatus
from domain.inbox import Inbox
from domain.options import (
    Delivery,
    Overrides,
    Routing,
    SettingsChange,
    ThreadSettings,
    TurnOptions,
)
from domain.thread import Thread
from domain.turn import Turn

# What of an inferred end no record states; the prompt that it lets in is another matter.
THE_END: Inferred = (TurnCompleted, ItemFailed, ItemInterrupted)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended. `inferred` unless a record says so; `note` says from what."""

    status: TurnStatus = "completed"
    error: str | None = None
    inferred: bool = True
    note: str | None = None


class Turns:
    """A thread, told turn by turn."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @property
    def turn(self) -> Turn | None:
        """The turn that holds the slot."""
        return self.recording.thread.turn

    @property
    def active(self) -> Turn:
        """The turn that holds the slot, where there must be one."""
        assert self.turn is not None
        return self.turn

    @property
    def inbox(self) -> Inbox:
        """The prompts that wait."""
        return self.recording.thread.inbox

    @property
    def pending(self) -> Inbox:
        """The prompts that the next end would start."""
        return inboxes.pending(self.inbox)

    def is_open(self, item_id: str) -> bool:
        """Whether that item of the active turn is still open."""
        return self.turn is not None and any(i.item_id == item_id for i in self.turn.open_items)

    def create(self, origin: Origin) -> None:
        self.recording.do(lambda c, t: decide_create(None, ThreadSettings(), origin, c, t))

    def rename(self, title: str | None) -> None:
        """A new title, unless it is the old one or none."""
        if not title or not title.strip():
            self.recording.skip("an empty title")
        elif not self.recording.do(lambda c, t: decide_update(title, SettingsChange(), c, t)):
            self.recording.skip("a title that is not new")

    def submit(
        self,
        prompt: str,
        *,
        origin: PromptOrigin = "human",
        delivery: Delivery | None = None,
        model: str | None = None,
        by: Record | None = None,
        inferred: Inferred = False,
        note: str | None = None,
    ) -> str:
        """Admits a prompt that is not blank; its id. On a free slot it starts a turn."""
        overrides = Overrides(options=TurnOptions(model=model))
        whole = self.recording.cut(prompt)

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            new = NewPrompt(command.mint("inp", "prompt"), whole, delivery, overrides, origin)
            return decide_submit(new, Routing(), command, thread)

        for event in self.recording.do(decide, by=by, inferred=inferred, note=note):
            if isinstance(event, PromptAdmitted):
                return event.input_id
        raise AssertionError("a submit admits")

    def take_steer(self, input_id: str) -> None:
        """The first pending steer enters the turn."""
        turn_id = self.active.turn_id
        self.recording.do(lambda c, t: decide_take_first_steer(turn_id, input_id, c, t))

    def withdraw(self, input_id: str, *, inferred: bool = False, note: str | None = None) -> None:
        self.recording.do(
            lambda c, t: decide_withdraw(input_id, c, t), inferred=inferred, note=note
        )

    def release(self, input_id: str, *, by: Record | None = None, note: str | None = None) -> None:
        """A held prompt is pending again; on a free slot it starts a turn."""
        self.recording.do(lambda c, t: decide_release([input_id], c, t), by=by, note=note)

    def begin_unprompted(
        self, summary: str, *, by: Record | None = None, inferred: bool, note: str | None = None
    ) -> None:
        """A turn without a prompt takes the free slot."""
        self.recording.do(
            lambda c, t: decide_unprompted_turn(summary, c, t), by=by, inferred=inferred, note=note
        )

    def begin_compaction(self, reason: str | None, *, by: Record | None = None) -> None:
        """A compaction takes the free slot."""
        self.recording.do(lambda c, t: decide_compact(reason, c, t), by=by)

    def interrupt(self) -> None:
        """The active turn must stop. No log says what becomes of the prompts that wait, so they are
        held until it shows."""
        turn_id = self.active.turn_id
        note = "what becomes of the queue is not in the log" if self.pending else None
        self.recording.do(lambda c, t: decide_interrupt(turn_id, "hold", c, t), note=note)

    def finish(
        self, ending: Ending, usage: Usage | None = None, *, by: Record | None = None
    ) -> None:
        """The active turn ends, its open items with it, and the first of the inbox starts."""
        turn_id = self.active.turn_id
        self.recording.do(
            lambda c, t: decide_finish(turn_id, ending.status, ending.error, usage, c, t),
            by=by,
            inferred=THE_END if ending.inferred else False,
            note=ending.note,
        )

    def start_item(
        self, kind: ItemKind, summary: str, detail: Json | None = None, note: str | None = None
    ) -> str:
        """An item begins; its id."""
        turn_id = self.active.turn_id
        self.recording.do(
            lambda c, t: decide_start_item(turn_id, kind, summary, detail, c, t), note=note
        )
        return self.active.open_items[-1].item_id

    def end_item(
        self,
        item_id: str,
        end: ItemEnd,
        content: str | None,
        *,
        result: Json | None = None,
        reason: str | None = None,
    ) -> None:
        """An open item of the active turn ends."""
        turn_id = self.active.turn_id
        self.recording.do(
            lambda c, t: decide_end_item(turn_id, item_id, end, content, result, reason, c, t)
        )

    def record_item(
        self,
        kind: ItemKind,
        summary: str,
        content: str | None,
        detail: Json | None = None,
        *,
        note: str | None = None,
    ) -> None:
        """An item that is over as soon as it is known."""
        turn_id = self.active.turn_id
        self.recording.do(
            lambda c, t: decide_record_item(turn_id, kind, summary, content, detail, c, t),
            note=note,
        )
