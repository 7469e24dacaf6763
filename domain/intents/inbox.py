"""Commands on prompts that wait."""

from __future__ import annotations

from collections.abc import Collection

from domain.command import Command
from domain.decide.edit import decide_edit
from domain.decide.move import Place, decide_move
from domain.decide.queue import decide_release, decide_withdraw
from domain.decide.redeliver import decide_redeliver
from domain.events.base import Event
from domain.events.prompt import Redelivery
from domain.intents.base import Commands
from domain.options import Overrides
from domain.outcome import Outcome
from domain.thread import Thread


class InboxCommands(Commands):
    """Release, withdraw, edit, redeliver, move."""

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

    def edit(
        self,
        thread_id: str,
        input_id: str,
        text: str,
        *,
        overrides: Overrides | None = None,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """The waiting prompt says this from now on; without `overrides` it keeps its options.

        `PromptNotWaiting`, `PromptRequired`.
        """

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_edit(input_id, text, overrides, self._routing, command, thread)

        body = {"input_id": input_id, "text": text, "overrides": overrides}
        return self._run("edit", body, thread_id, decide, actor, command_id)

    def redeliver(
        self,
        thread_id: str,
        input_id: str,
        delivery: Redelivery,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """The waiting prompt steers the active turn, or waits for a turn of its own again.

        `PromptNotWaiting`, `NothingToSteer`, `TurnNotSteerable`.
        """

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_redeliver(input_id, delivery, command, thread)

        body = {"input_id": input_id, "delivery": delivery}
        return self._run("redeliver", body, thread_id, decide, actor, command_id)

    def move(
        self,
        thread_id: str,
        input_id: str,
        place: Place,
        anchor_id: str | None = None,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """The queued prompt stands `first` or `last` in line, or `before` or `after` `anchor_id`.

        `PromptNotWaiting`, `PromptNotQueued`, `InvalidArgument`.
        """

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_move(input_id, place, anchor_id, command, thread)

        body = {"input_id": input_id, "place": place, "anchor_id": anchor_id}
        return self._run("move", body, thread_id, decide, actor, command_id)
