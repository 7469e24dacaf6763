"""One turn's entries in the log, as its engine makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from pydantic import ValidationError

from adapters.errors import AppendOutcomeUnknown, StoreBusy, StoreUnavailable
from adapters.runner.blocking import in_thread
from adapters.runner.lease import HeldLease
from adapters.runner.pace import Pace, Time
from domain.errors import ThreadContended
from domain.events.base import Usage
from domain.events.turn import TurnStatus
from domain.outcome import Outcome
from domain.ports import EngineEvent, ItemBegan, ItemEnded, ItemNoted, Message, Used
from domain.service import ThreadService

T = TypeVar("T")

ATTEMPTS: Final = 5
AWAY_SECONDS: Final = 0.1  # the first pause for a store that is away; each next one is doubled
MAX_AWAY_SECONDS: Final = 1.0
ERROR_LIMIT: Final = 2_000  # characters


class UnknownItem(Exception):
    """The engine ended an item it had not begun, began one twice, or yielded none at all."""


class Unrecordable(Exception):
    """The engine's report does not fit into an event."""


class Journal:
    """Writes into one turn. Every call ends with its event in the log, or raises.

    `TurnNotActive` when somebody else ended the turn; `LeaseLost` when it passed on, after which
    nothing may be written any more; the domain's other refusals; a `StoreError` when the log cannot
    be written. `held` is the turn's lease, which every append names (L14).
    """

    def __init__(
        self,
        service: ThreadService,
        thread_id: str,
        turn_id: str,
        held: HeldLease,
        pace: Pace,
        time: Time,
    ) -> None:
        self._service = service
        self._thread_id = thread_id
        self._turn_id = turn_id
        self._held = held
        self._lease = held.lease
        self._pace = pace
        self._time = time
        self._items: dict[str, str] = {}  # the engine's key → our item id
        self._usage: Usage | None = None

    async def write(self, event: EngineEvent) -> None:
        """What the engine did. `UnknownItem`, `Unrecordable`: the engine's fault, not the log's."""
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
            case _:
                raise UnknownItem(f"the engine yielded a {type(event).__name__}")

    async def take_steers(self) -> tuple[Message, ...]:
        """The pending steers, in the log as part of the turn before anyone reads them (L18)."""
        taken = await self._call(
            lambda: self._service.take_steers(self._thread_id, self._turn_id, lease=self._lease)
        )
        return tuple(
            Message(role="user", kind="user_message", text=steer.text, item_id=steer.item_id)
            for steer in taken.delivered
        )

    async def finish(self, status: TurnStatus, error: str | None) -> Outcome:
        """The turn's end; `SteersPending` if it would complete over a steer."""
        command_id = self._service.new_id("cmd")
        return await self._call_again_if_unknown(
            lambda: self._service.finish(
                self._thread_id,
                self._turn_id,
                status,
                error=shortened(error),
                usage=self._usage,
                command_id=command_id,
                lease=self._lease,
            )
        )

    async def start_failed(self, error: str) -> Outcome:
        """The turn's end, before it began."""
        command_id = self._service.new_id("cmd")
        return await self._call_again_if_unknown(
            lambda: self._service.start_failed(
                self._thread_id,
                self._turn_id,
                shortened(error) or "",
                command_id=command_id,
                lease=self._lease,
            )
        )

    async def _begin(self, event: ItemBegan) -> None:
        if event.key in self._items:
            raise UnknownItem(f"item {event.key!r} was begun twice")
        outcome = await self._call(
            lambda: self._service.start_item(
                self._thread_id,
                self._turn_id,
                event.kind,
                event.summary,
                detail=event.detail,
                lease=self._lease,
            )
        )
        (self._items[event.key],) = outcome.item_ids

    async def _end(self, event: ItemEnded) -> None:
        item_id = self._items.pop(event.key, None)
        if item_id is None:
            raise UnknownItem(f"item {event.key!r} is not open")
        await self._call(
            lambda: self._service.end_item(
                self._thread_id,
                self._turn_id,
                item_id,
                "completed" if event.error is None else "failed",
                text=event.text,
                result=event.result,
                reason=event.error,
                lease=self._lease,
            )
        )

    async def _note(self, event: ItemNoted) -> None:
        await self._call(
            lambda: self._service.record_item(
                self._thread_id,
                self._turn_id,
                event.kind,
                event.summary,
                text=event.text,
                detail=event.detail,
                lease=self._lease,
            )
        )

    async def _call(self, call: Callable[[], T]) -> T:
        """Again while the store says that nothing was written.

        A few times if it is busy; for as long as the lease is ours if it is away: a server that is
        restarted should not cost the turn.
        """
        busy, away = 0, AWAY_SECONDS
        while True:
            try:
                return await in_thread(call)
            except (StoreBusy, ThreadContended):
                busy += 1
                if busy == ATTEMPTS:
                    raise
                await self._time.sleep(self._pace.pause_seconds)
            except StoreUnavailable:
                await self._time.sleep(away)
                away = min(2 * away, MAX_AWAY_SECONDS)
                if not self._held.alive:
                    raise

    async def _call_again_if_unknown(self, call: Callable[[], T]) -> T:
        """Also when nobody knows whether anything was: the command's id makes that safe (L10)."""
        try:
            return await self._call(call)
        except AppendOutcomeUnknown:
            await self._time.sleep(self._pace.pause_seconds)
            return await self._call(call)


def described(error: BaseException) -> str:
    """An exception as the log keeps it: its class and what it says, never a traceback."""
    said = str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def named(error: Exception) -> str:
    """The class of an exception and the fields it is about, never what they hold."""
    name = type(error).__name__
    if not isinstance(error, ValidationError):
        return name
    # Only the first part of a place is a field's name; the others may be keys of the engine's data.
    fields = {str(e["loc"][0]) for e in error.errors(include_input=False) if e["loc"]}
    return f"{name} in {', '.join(sorted(fields))}" if fields else name


def shortened(text: str | None) -> str | None:
    """An error that surely fits into an event."""
    return text if text is None or len(text) <= ERROR_LIMIT else text[: ERROR_LIMIT - 1] + "…"
