"""Commands on the active turn: how it is fed, stopped and ended."""

from __future__ import annotations

from domain.command import Command
from domain.decide.finish import decide_finish, decide_recover, decide_start_failed
from domain.decide.interrupt import decide_interrupt
from domain.decide.steering import decide_take_steers
from domain.events.base import Event, Usage
from domain.events.turn import TurnStatus
from domain.intents.base import Commands
from domain.options import QueuePolicy
from domain.outcome import Outcome
from domain.ports import Lease
from domain.thread import Thread


class TurnCommands(Commands):
    """Take steers, interrupt, finish.

    All but the interrupt are the worker's: `LeaseLost` if another has the turn.
    """

    def take_steers(
        self,
        thread_id: str,
        turn_id: str,
        *,
        actor: str = "runner",
        command_id: str | None = None,
        lease: Lease | None = None,
    ) -> Outcome:
        """Pending steers enter the turn; `TurnNotActive`, `InterruptRequested`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_take_steers(turn_id, command, thread)

        body = {"turn_id": turn_id}
        return self._work("take_steers", body, thread_id, turn_id, lease, decide, actor, command_id)

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
        lease: Lease | None = None,
    ) -> Outcome:
        """The turn ends and the next prompt starts; `TurnNotActive`, `SteersPending`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_finish(turn_id, status, error, usage, command, thread)

        body = {"turn_id": turn_id, "status": status, "error": error, "usage": usage}
        return self._work("finish", body, thread_id, turn_id, lease, decide, actor, command_id)

    def start_failed(
        self,
        thread_id: str,
        turn_id: str,
        error: str,
        *,
        actor: str = "runner",
        command_id: str | None = None,
        lease: Lease | None = None,
    ) -> Outcome:
        """The engine could not start this turn."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_start_failed(turn_id, error, command, thread)

        body = {"turn_id": turn_id, "error": error}
        return self._work(
            "start_failed", body, thread_id, turn_id, lease, decide, actor, command_id
        )

    def recover(
        self,
        thread_id: str,
        turn_id: str,
        *,
        actor: str = "recovery",
        lease: Lease | None = None,
    ) -> Outcome:
        """The turn's worker is lost. The caller holds the turn's lease, taken after it ran out."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_recover(turn_id, command, thread)

        body = {"turn_id": turn_id}
        return self._work("recover", body, thread_id, turn_id, lease, decide, actor)
