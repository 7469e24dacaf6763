"""One turn's entries in the log, as its engine makes them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final, TypeVar

from pydantic import ValidationError

from adapters.errors import AppendOutcomeUnknown, StoreBusy, StoreUnavailable
from adapters.runner.approvals import Approvals
from adapters.runner.blocking import in_thread
from adapters.runner.lease import HeldLease
from adapters.runner.pace import Pace, Time
from domain.errors import ApprovalClosed, InterruptRequested, ThreadContended
from domain.events.base import Usage
from domain.events.turn import TurnStatus
from domain.outcome import Outcome
from domain.ports import (
    ApprovalAsked,
    EngineEvent,
    ItemBegan,
    ItemEnded,
    ItemNoted,
    Message,
    Used,
)
from domain.service import ThreadService

T = TypeVar("T")

ATTEMPTS: Final = 5
AWAY_SECONDS: Final = 0.1  # the first pause for a store that is away; each next one is doubled
MAX_AWAY_SECONDS: Final = 1.0


class UnknownItem(Exception):
    """The engine ended an item it had not begun, began one or asked for something twice, or yielded
    none at all."""


class Unrecordable(Exception):
    """The engine's report does not fit into an event."""


class Journal:
    """Writes into one turn. Every call ends with its event in the log, or raises.

    `TurnNotActive` when somebody else ended the turn; `LeaseLost` when it passed on, after which
    nothing may be written any more; the domain's other refusals; a `StoreError` when the log cannot
    be written. `held` is the turn's lease, which every append names (L14); its worker is the actor
    of all that is written.

    A turn is run by one worker, once, so its id and a count name each command of its worker. What
    may have been written is sent again under the same name, and is there once (L10).
    """

    def __init__(
        self,
        service: ThreadService,
        thread_id: str,
        turn_id: str,
        held: HeldLease,
        approvals: Approvals,
        pace: Pace,
        time: Time,
    ) -> None:
        self._service = service
        self._thread_id = thread_id
        self._turn_id = turn_id
        self._held = held
        self._lease = held.lease
        self._worker = held.worker
        self._approvals = approvals
        self._pace = pace
        self._time = time
        self._items: dict[str, str] = {}  # the engine's key → our item id
        self._usage: Usage | None = None
        self._commands = 0

    async def write(self, event: EngineEvent) -> None:
        """What the engine did. `UnknownItem`, `Unrecordable`: the engine's fault, not the log's.

        `InterruptRequested` when it asks in a turn that is to stop: it has its answer then.
        """
        try:
            await self._write(event)
        except (TypeError, ValueError, AttributeError) as error:
            # Without its cause: that one quotes the values.
            raise Unrecordable(f"{type(event).__name__}: {named(error)}") from None

    async def _write(self, event: EngineEvent) -> None:
        match event:
            case ItemBegan():
                await self._begin(event)
            case ItemEnded():
                await self._end(event)
            case ItemNoted():
                await self._note(event)
            case Used():
                # Also the first one by `plus`, which takes nothing that the turn's end would not.
                self._usage = (self._usage or Usage()).plus(event.usage)
            case ApprovalAsked():
                await self._ask(event)
            case _:
                raise UnknownItem(f"the engine yielded a {type(event).__name__}")

    async def take_steers(self) -> tuple[Message, ...]:
        """The pending steers, in the log as part of the turn before anyone reads them (L18)."""
        command_id = self._command_id()
        taken = await self._call(
            lambda: self._service.take_steers(
                self._thread_id,
                self._turn_id,
                actor=self._worker,
                command_id=command_id,
                lease=self._lease,
            )
        )
        return tuple(
            Message(role="user", kind="user_message", text=steer.text, item_id=steer.item_id)
            for steer in taken.delivered
        )

    async def approve(self, key: str, note: str) -> None:
        """What the engine asked for under that key, in nobody's name; no effect if it is over."""
        approval_id, command_id = self._approvals.id_of(key), self._command_id()
        with contextlib.suppress(ApprovalClosed):
            await self._call(
                lambda: self._service.resolve_approval(
                    self._thread_id,
                    approval_id,
                    "approved",
                    note=note,
                    actor=self._worker,
                    command_id=command_id,
                )
            )

    async def finish(self, status: TurnStatus, error: str | None) -> Outcome:
        """The turn's end; `SteersPending` if it would complete over a steer."""
        command_id = self._command_id()
        return await self._call(
            lambda: self._service.finish(
                self._thread_id,
                self._turn_id,
                status,
                error=error,
                usage=self._usage,
                actor=self._worker,
                command_id=command_id,
                lease=self._lease,
            )
        )

    async def start_failed(self, error: str) -> Outcome:
        """The turn's end, before it began."""
        command_id = self._command_id()
        return await self._call(
            lambda: self._service.start_failed(
                self._thread_id,
                self._turn_id,
                error,
                actor=self._worker,
                command_id=command_id,
                lease=self._lease,
            )
        )

    async def _begin(self, event: ItemBegan) -> None:
        if event.key in self._items:
            raise UnknownItem(f"item {event.key!r} was begun twice")
        command_id = self._command_id()
        outcome = await self._call(
            lambda: self._service.start_item(
                self._thread_id,
                self._turn_id,
                event.kind,
                event.summary,
                detail=event.detail,
                actor=self._worker,
                command_id=command_id,
                lease=self._lease,
            )
        )
        (self._items[event.key],) = outcome.item_ids

    async def _end(self, event: ItemEnded) -> None:
        item_id = self._open_item(event.key)
        del self._items[event.key]
        command_id = self._command_id()
        await self._call(
            lambda: self._service.end_item(
                self._thread_id,
                self._turn_id,
                item_id,
                "completed" if event.error is None else "failed",
                text=event.text,
                result=event.result,
                reason=event.error,
                actor=self._worker,
                command_id=command_id,
                lease=self._lease,
            )
        )

    async def _note(self, event: ItemNoted) -> None:
        command_id = self._command_id()
        await self._call(
            lambda: self._service.record_item(
                self._thread_id,
                self._turn_id,
                event.kind,
                event.summary,
                text=event.text,
                detail=event.detail,
                actor=self._worker,
                command_id=command_id,
                lease=self._lease,
            )
        )

    async def _ask(self, event: ApprovalAsked) -> None:
        if event.key in self._approvals:
            raise UnknownItem(f"approval {event.key!r} was asked for twice")
        item_id = self._open_item(event.item) if event.item is not None else None
        approval_id = f"appr_{self._next_name()}"
        self._approvals.note(event.key, approval_id)
        try:
            await self._call(
                lambda: self._service.request_approval(
                    self._thread_id,
                    self._turn_id,
                    event.summary,
                    item_id=item_id,
                    detail=event.detail,
                    actor=self._worker,
                    approval_id=approval_id,
                    lease=self._lease,
                )
            )
        except InterruptRequested:
            self._approvals.cancel(event.key)
            raise

    def _open_item(self, key: str) -> str:
        item_id = self._items.get(key)
        if item_id is None:
            raise UnknownItem(f"item {key!r} is not open")
        return item_id

    def _command_id(self) -> str:
        return f"cmd_{self._next_name()}"

    def _next_name(self) -> str:
        self._commands += 1
        return f"{self._turn_id.removeprefix('turn_')}.{self._commands}"

    async def _call(self, call: Callable[[], T]) -> T:
        """Again while the store says that nothing was written, or does not know.

        A few times if it is busy or lost its answer; for as long as the lease is ours if it is
        away: a server that is restarted should not cost the turn.
        """
        busy, away = 0, AWAY_SECONDS
        while True:
            try:
                return await in_thread(call)
            except (StoreBusy, ThreadContended, AppendOutcomeUnknown):
                busy += 1
                if busy == ATTEMPTS:
                    raise
                await self._time.sleep(self._pace.pause_seconds)
            except StoreUnavailable:
                await self._time.sleep(away)
                away = min(2 * away, MAX_AWAY_SECONDS)
                if not self._held.alive:
                    raise


def described(error: BaseException) -> str:
    """An exception as the log keeps it: its class and what it says, never a traceback."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001  # it is an engine's, which may be wrong in that, too
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def named(error: Exception) -> str:
    """The class of an exception and the fields it is about, never what they hold."""
    name = type(error).__name__
    if not isinstance(error, ValidationError):
        return name
    # Only the first part of a place is a field's name; the others may be keys of the engine's data.
    fields = {str(e["loc"][0]) for e in error.errors(include_input=False) if e["loc"]}
    return f"{name} in {', '.join(sorted(fields))}" if fields else name
