"""One turn's entries in the log, as its engine makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from adapters.errors import AppendOutcomeUnknown, StoreBusy
from adapters.runner.blocking import in_thread
from adapters.runner.pace import Pace, Time
from domain.errors import ThreadContended
from domain.events.base import Usage
from domain.events.turn import TurnStatus
from domain.outcome import Outcome
from domain.ports import ItemBegan, ItemEnded, ItemNoted, Message, Used
from domain.service import ThreadService

T = TypeVar("T")

ATTEMPTS: Final = 5
ERROR_LIMIT: Final = 2_000  # characters


class UnknownItem(Exception):
    """The engine ended an item it had not begun, or began one twice."""


class Journal:
    """Writes into one turn. Every call ends with its event in the log, or raises.

    `TurnNotActive` when somebody else ended the turn; the domain's other refusals; a `StoreError`
    when the log cannot be written.
    """

    def __init__(
        self, service: ThreadService, thread_id: str, turn_id: str, pace: Pace, time: Time
    ) -> None:
        self._service = service
        self._thread_id = thread_id
        self._turn_id = turn_id
        self._pace = pace
        self._time = time
        self._items: dict[str, str] = {}  # the engine's key → our item id
        self._usage: Usage | None = None

    async def write(self, event: ItemBegan | ItemEnded | ItemNoted | Used) -> None:
        """What the engine did."""
        match event:
            case ItemBegan():
                await self._begin(event)
            case ItemEnded():
                await self._end(event)
            case ItemNoted():
                await self._note(event)
            case Used():
                self._usage = self._usage.plus(event.usage) if self._usage else event.usage

    async def take_steers(self) -> tuple[Message, ...]:
        """The pending steers, in the log as part of the turn before anyone reads them (L18)."""
        taken = await self._call(lambda: self._service.take_steers(self._thread_id, self._turn_id))
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
            )
        )

    async def start_failed(self, error: str) -> Outcome:
        """The turn's end, before it began."""
        command_id = self._service.new_id("cmd")
        return await self._call_again_if_unknown(
            lambda: self._service.start_failed(
                self._thread_id, self._turn_id, shortened(error) or "", command_id=command_id
            )
        )

    async def _begin(self, event: ItemBegan) -> None:
        if event.key in self._items:
            raise UnknownItem(f"item {event.key!r} was begun twice")
        outcome = await self._call(
            lambda: self._service.start_item(
                self._thread_id, self._turn_id, event.kind, event.summary, detail=event.detail
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
            )
        )

    async def _call(self, call: Callable[[], T]) -> T:
        """Again while the store says that nothing was written."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await in_thread(call)
            except (StoreBusy, ThreadContended):
                await self._time.sleep(self._pace.pause_seconds)
        return await in_thread(call)

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


def shortened(text: str | None) -> str | None:
    """An error that surely fits into an event."""
    return text if text is None or len(text) <= ERROR_LIMIT else text[: ERROR_LIMIT - 1] + "…"
