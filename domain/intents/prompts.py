"""Commands that send a prompt."""

from __future__ import annotations

from domain.command import Command
from domain.decide.rewind import decide_edit_last_turn
from domain.decide.submit import NewPrompt, decide_steer, decide_submit
from domain.events.base import Event
from domain.events.prompt import PromptOrigin
from domain.intents.base import Commands
from domain.options import Delivery, Overrides, QueuePolicy
from domain.outcome import Outcome
from domain.thread import Thread


class PromptCommands(Commands):
    """Submit, steer, edit the last turn."""

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
