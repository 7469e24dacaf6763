"""What all commands have in common: an id that a retry repeats, a body, and a decision."""

from __future__ import annotations

from collections.abc import Mapping

from domain import ids
from domain.decide.submit import NewPrompt
from domain.errors import InvalidArgument
from domain.execution import Decide, Execution, Intent
from domain.options import Routing
from domain.outcome import Outcome
from domain.ports import Fence, Lease
from domain.thread import Thread


class Commands:
    """Runs commands on threads."""

    def __init__(self, execution: Execution, routing: Routing = Routing()) -> None:
        self._execution = execution
        self._routing = routing

    def thread(self, thread_id: str) -> Thread:
        """The thread as it is now; `ThreadNotFound`."""
        return self._execution.thread(thread_id)

    def new_id(self, prefix: ids.Prefix) -> str:
        """A fresh id, for instance an `input_id` a client wants to keep for its retries."""
        return self._execution.new_id(prefix)

    def _run(
        self,
        name: str,
        body: Mapping[str, object],
        thread_id: str,
        decide: Decide,
        actor: str,
        command_id: str | None,
        *,
        thread_chosen: bool = True,
        fence: Fence | None = None,
    ) -> Outcome:
        """A command under its `command_id`."""
        ids.check_named(body)
        key = ids.check("cmd", command_id) if command_id else self.new_id("cmd")
        retryable = command_id is not None
        return self._execution.run(
            Intent(name, body, thread_id, decide, actor, key, retryable, thread_chosen, fence)
        )

    def _work(
        self,
        name: str,
        body: Mapping[str, object],
        thread_id: str,
        turn_id: str,
        lease: Lease | None,
        decide: Decide,
        actor: str,
        command_id: str | None = None,
    ) -> Outcome:
        """A command of the worker on that turn; `LeaseLost`."""
        fence = worker_fence(turn_id, lease)
        return self._run(name, body, thread_id, decide, actor, command_id, fence=fence)

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
        """A command that brings a prompt, under its `input_id`."""
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


def worker_fence(turn_id: str, lease: Lease | None) -> Fence:
    """What makes a command a worker's: it is taken from the holder of the turn's lease only (L14).

    Without a `lease` it is taken while nobody has the turn's, so a script needs no runner.
    """
    if lease is not None and lease.turn_id != turn_id:
        raise InvalidArgument(what="The lease", why=f"it is that of turn {lease.turn_id}")
    return Fence(turn_id, lease.token if lease else None)
