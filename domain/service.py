"""The application service.

One method a command of the table. `command_id` (for prompts: `input_id`) is what a client repeats
to be answered instead of running the command twice; without one the call cannot be a retry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from domain import ids
from domain.command import Command
from domain.decide.compact import decide_compact
from domain.decide.finish import decide_finish, decide_recover, decide_start_failed
from domain.decide.interrupt import decide_interrupt
from domain.decide.items import ItemEnd, decide_end_item, decide_record_item, decide_start_item
from domain.decide.lifecycle import (
    decide_archive,
    decide_create,
    decide_unarchive,
    decide_update,
)
from domain.decide.queue import decide_release, decide_withdraw
from domain.decide.rewind import decide_edit_last_turn, decide_rollback
from domain.decide.steering import decide_take_steers
from domain.decide.submit import NewPrompt, decide_steer, decide_submit
from domain.events.base import Event, ItemKind, Json, Usage
from domain.events.prompt import PromptOrigin
from domain.events.turn import TurnStatus
from domain.execution import Decide, Execution, Intent
from domain.options import Delivery, Overrides, QueuePolicy, Routing, ThreadSettings
from domain.outcome import Outcome
from domain.thread import Thread


class ThreadService:
    """Every command on a thread. Safe to share between threads of a process."""

    def __init__(self, execution: Execution, routing: Routing = Routing()) -> None:
        self._execution = execution
        self._routing = routing

    def thread(self, thread_id: str) -> Thread:
        """The thread as it is now; `ThreadNotFound`."""
        return self._execution.thread(thread_id)

    def new_id(self, prefix: ids.Prefix) -> str:
        """A fresh id, for instance an `input_id` a client wants to keep for its retries."""
        return self._execution.new_id(prefix)

    def create(
        self,
        *,
        thread_id: str | None = None,
        title: str | None = None,
        settings: ThreadSettings | None = None,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """A new thread; `ThreadExists`."""
        new_id = ids.check("thr", thread_id or self.new_id("thr"))
        chosen = settings or ThreadSettings()

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_create(title, chosen, None, command, thread)

        key = ids.check("cmd", command_id or self.new_id("cmd"))
        body = {"title": title, "settings": chosen}
        retryable, thread_chosen = command_id is not None, thread_id is not None
        return self._execution.run(
            Intent("create", body, new_id, decide, actor, key, retryable, thread_chosen)
        )

    def update(
        self,
        thread_id: str,
        *,
        title: str | None = None,
        settings: ThreadSettings | None = None,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """New title or settings; None keeps what is there."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_update(title, settings, command, thread)

        body = {"title": title, "settings": settings}
        return self._run("update", body, thread_id, decide, actor, command_id)

    def archive(
        self, thread_id: str, *, actor: str = "user", command_id: str | None = None
    ) -> Outcome:
        """No more prompts until unarchived; `ThreadBusy`."""
        return self._run("archive", {}, thread_id, decide_archive, actor, command_id)

    def unarchive(
        self, thread_id: str, *, actor: str = "user", command_id: str | None = None
    ) -> Outcome:
        """Prompts are taken again."""
        return self._run("unarchive", {}, thread_id, decide_unarchive, actor, command_id)

    def submit(
        self,
        thread_id: str,
        text: str,
        *,
        delivery: Delivery | None = None,
        queued: QueuePolicy | None = None,
        overrides: Overrides = Overrides(),
        origin: PromptOrigin = "human",
        actor: str = "user",
        input_id: str | None = None,
    ) -> Outcome:
        """A prompt; see the command table. Retried by its `input_id`."""
        prompt = NewPrompt(
            input_id or self.new_id("inp"), text, delivery, overrides, origin, queued
        )

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_submit(prompt, self._routing, command, thread)

        return self._send("submit", {}, prompt, thread_id, decide, actor, input_id)

    def steer(
        self,
        thread_id: str,
        turn_id: str,
        text: str,
        *,
        overrides: Overrides = Overrides(),
        origin: PromptOrigin = "human",
        actor: str = "user",
        input_id: str | None = None,
    ) -> Outcome:
        """A steer into that turn and no other; `TurnNotActive`, `TurnNotSteerable`."""
        prompt = NewPrompt(input_id or self.new_id("inp"), text, "steer", overrides, origin)

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_steer(turn_id, prompt, self._routing, command, thread)

        body = {"turn_id": turn_id}
        return self._send("steer", body, prompt, thread_id, decide, actor, input_id)

    def edit_last_turn(
        self,
        thread_id: str,
        text: str,
        *,
        overrides: Overrides = Overrides(),
        actor: str = "user",
        input_id: str | None = None,
    ) -> Outcome:
        """The last prompt leaves the context and this one runs; `ThreadBusy`, `NothingToEdit`."""
        prompt = NewPrompt(input_id or self.new_id("inp"), text, None, overrides)

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_edit_last_turn(prompt, self._routing, command, thread)

        return self._send("edit_last_turn", {}, prompt, thread_id, decide, actor, input_id)

    def take_steers(self, thread_id: str, turn_id: str, *, actor: str = "runner") -> Outcome:
        """Pending steers enter the turn; `TurnNotActive`, `InterruptRequested`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_take_steers(turn_id, command, thread)

        return self._run("take_steers", {"turn_id": turn_id}, thread_id, decide, actor, None)

    def interrupt(
        self,
        thread_id: str,
        turn_id: str,
        *,
        queued: QueuePolicy | None = None,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """Ask the turn to stop; `queued` says what becomes of waiting prompts. `TurnNotActive`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_interrupt(turn_id, queued, command, thread)

        body = {"turn_id": turn_id, "queued": queued}
        return self._run("interrupt", body, thread_id, decide, actor, command_id)

    def finish(
        self,
        thread_id: str,
        turn_id: str,
        status: TurnStatus,
        *,
        error: str | None = None,
        usage: Usage | None = None,
        actor: str = "runner",
        command_id: str | None = None,
    ) -> Outcome:
        """The turn ends and the next prompt starts; `TurnNotActive`, `SteersPending`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_finish(turn_id, status, error, usage, command, thread)

        body = {"turn_id": turn_id, "status": status, "error": error, "usage": usage}
        return self._run("finish", body, thread_id, decide, actor, command_id)

    def start_failed(
        self,
        thread_id: str,
        turn_id: str,
        error: str,
        *,
        actor: str = "runner",
        command_id: str | None = None,
    ) -> Outcome:
        """The engine could not start this turn."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_start_failed(turn_id, error, command, thread)

        body = {"turn_id": turn_id, "error": error}
        return self._run("start_failed", body, thread_id, decide, actor, command_id)

    def recover(self, thread_id: str, turn_id: str, *, actor: str = "recovery") -> Outcome:
        """The turn's worker is lost. The caller holds the turn's lease, taken after it ran out."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_recover(turn_id, command, thread)

        return self._run("recover", {"turn_id": turn_id}, thread_id, decide, actor, None)

    def release(
        self,
        thread_id: str,
        input_ids: Collection[str] | None = None,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """Held prompts run on, all of them or those named; `NothingHeld`, `PromptNotWaiting`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_release(input_ids, command, thread)

        body = {"input_ids": sorted(input_ids) if input_ids is not None else None}
        return self._run("release", body, thread_id, decide, actor, command_id)

    def withdraw(
        self,
        thread_id: str,
        input_id: str,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """The waiting prompt is taken back, with its text in the outcome; `PromptNotWaiting`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_withdraw(input_id, command, thread)

        return self._run("withdraw", {"input_id": input_id}, thread_id, decide, actor, command_id)

    def compact(
        self,
        thread_id: str,
        reason: str | None = None,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """A compaction turn; `ThreadBusy`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_compact(reason, command, thread)

        return self._run("compact", {"reason": reason}, thread_id, decide, actor, command_id)

    def rollback(
        self,
        thread_id: str,
        turns: int = 1,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """The last turns leave the context; `ThreadBusy`, `NothingToEdit`, `RollbackTooDeep`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_rollback(turns, command, thread)

        return self._run("rollback", {"turns": turns}, thread_id, decide, actor, command_id)

    def start_item(
        self,
        thread_id: str,
        turn_id: str,
        kind: ItemKind,
        summary: str,
        *,
        detail: Json | None = None,
        actor: str = "engine",
    ) -> Outcome:
        """An item of the turn begins; its id is in the outcome's `item_ids`. `TurnNotActive`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_start_item(turn_id, kind, summary, detail, command, thread)

        body = {"turn_id": turn_id, "kind": kind, "summary": summary}
        return self._run("start_item", body, thread_id, decide, actor, None)

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
    ) -> Outcome:
        """An open item ends; `TurnNotActive`, `ItemNotOpen`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_end_item(turn_id, item_id, end, text, result, reason, command, thread)

        body = {"turn_id": turn_id, "item_id": item_id, "end": end}
        return self._run("end_item", body, thread_id, decide, actor, None)

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
    ) -> Outcome:
        """An item that begins and completes at once; `TurnNotActive`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_record_item(turn_id, kind, summary, text, detail, command, thread)

        body = {"turn_id": turn_id, "kind": kind, "summary": summary}
        return self._run("record_item", body, thread_id, decide, actor, None)

    def _send(
        self,
        name: str,
        body: Mapping[str, object],
        prompt: NewPrompt,
        thread_id: str,
        decide: Decide,
        actor: str,
        given_id: str | None,
    ) -> Outcome:
        full_body = {
            **body,
            "text": prompt.text,
            "delivery": prompt.delivery,
            "queued": prompt.queued,
            "overrides": prompt.overrides,
            "origin": prompt.origin,
        }
        ids.check_named(body)
        key = ids.check("inp", prompt.input_id)
        intent = Intent(name, full_body, thread_id, decide, actor, key, given_id is not None)
        return self._execution.run(intent)

    def _run(
        self,
        name: str,
        body: Mapping[str, object],
        thread_id: str,
        decide: Decide,
        actor: str,
        command_id: str | None,
    ) -> Outcome:
        ids.check_named(body)
        key = ids.check("cmd", command_id) if command_id else self.new_id("cmd")
        intent = Intent(name, body, thread_id, decide, actor, key, command_id is not None)
        return self._execution.run(intent)
