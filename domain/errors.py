"""Refusals in the words of the domain. A class's docstring is its message, filled by `format`.

A refused command leaves no trace in the thread (L7). `code` is the stable, machine-readable name.
"""

from __future__ import annotations

import re
from typing import ClassVar


class TurnlogError(Exception):
    """Something went wrong in turnlog."""

    code: ClassVar[str] = "turnlog_error"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, **details: object) -> None:
        template = " ".join((type(self).__doc__ or "").split())
        self.details = details
        super().__init__(template.format(**details))

    @property
    def message(self) -> str:
        """The sentence to show to a person."""
        return str(self)


class Refused(TurnlogError):
    """The command was refused."""


class PromptRequired(Refused):
    """The prompt is empty. Write some text and send it again."""


class InvalidArgument(Refused):
    """{what} is not valid: {why}."""


class ThreadNotFound(Refused):
    """There is no thread {thread_id}. `turnlog threads` lists the threads there are."""


class ThreadExists(Refused):
    """Thread {thread_id} exists already. Choose another id, or none to have one made."""


class ThreadIsArchived(Refused):
    """Thread {thread_id} is archived. Unarchive it to go on."""


class ThreadIsImported(Refused):
    """Thread {thread_id} is imported history and takes no commands. Fork it (`turnlog fork
    {thread_id}`): the fork has that history, is yours, and goes on."""


class ThreadBusy(Refused):
    """Thread {thread_id} is busy with turn {turn_id}. Say how the prompt should enter (queue, steer
    or interrupt), or wait for the turn to end."""


class TurnNotActive(Refused):
    """Turn {turn_id} is not active in thread {thread_id}; {active}."""

    def __init__(self, *, thread_id: str, turn_id: str, active_turn_id: str | None) -> None:
        active = f"turn {active_turn_id} is" if active_turn_id else "no turn is"
        super().__init__(
            thread_id=thread_id, turn_id=turn_id, active_turn_id=active_turn_id, active=active
        )


class TurnNotFound(Refused):
    """Thread {thread_id} has no turn {turn_id}."""


class TurnNotSteerable(Refused):
    """Turn {turn_id} takes no steers: {why}. Queue the prompt instead."""


class SteersPending(Refused):
    """Turn {turn_id} cannot complete over {count} undelivered steer(s). Take them first."""


class InboxFull(Refused):
    """Thread {thread_id} has {limit} prompts waiting already. Let some run, or withdraw some."""


class PromptNotWaiting(Refused):
    """Prompt {input_id} is {state}."""


class PromptNotQueued(Refused):
    """Prompt {input_id} has no place in the queue: it is delivered as {delivery}. Redeliver it to
    the queue first."""


class NothingToSteer(Refused):
    """Thread {thread_id} has no active turn to steer. Release the prompt, and it runs."""


class NothingHeld(Refused):
    """Thread {thread_id} holds no prompt, so there is nothing to release."""


class NothingToEdit(Refused):
    """Thread {thread_id} has no user message left to edit or roll back."""


class RollbackTooDeep(Refused):
    """Thread {thread_id} has only {available} turn(s) in its context, not {asked}."""


class ItemNotOpen(Refused):
    """Item {item_id} is not open in turn {turn_id}."""


class ApprovalClosed(Refused):
    """Approval {approval_id} is not open in thread {thread_id}: it was answered or cancelled, or it
    was never asked for."""


class InterruptRequested(Refused):
    """Turn {turn_id} is being interrupted. Nothing new may enter it."""


class LeaseLost(Refused):
    """Turn {turn_id} is not this worker's to write: {why}. Nothing was written. Stop, and leave the
    turn to whoever has its lease; a turn whose lease has run out is recovered."""


class CommandConflict(Refused):
    """{key} was used before for another command. Use a new id for a new command."""


class TooLarge(Refused):
    """The {what} has {size} bytes; the limit is {limit}. Shorten it, or raise the limit
    (TURNLOG_MAX_EVENT_BYTES)."""


class ThreadContended(TurnlogError):
    """Thread {thread_id} changed {attempts} times while the command was being decided. Nothing was
    written; try again."""


class ImpossibleEvent(TurnlogError):
    """The history of thread {thread_id} is damaged at seq {seq}: {why}. `turnlog verify` says
    more."""


class CorruptEvent(TurnlogError):
    """The event at position {position} (type {type}) cannot be read: {why}."""


class UnknownEventType(CorruptEvent):
    """The event at position {position} has the unknown type {type}. It was probably written
    by a newer turnlog: upgrade this one."""


class NewerEventVersion(CorruptEvent):
    """The event at position {position} (type {type}) {why}. It was written by a newer turnlog:
    upgrade this one."""
