"""Threads, turns and prompts as people name them: by the beginning of an id, or by a word.

`key` is the id of a command that may be a retry: then what was named is what was meant the first
time (L10), whatever has become of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from adapters.cli.failures import UsageProblem
from adapters.cli.reads import caught_up
from adapters.cli.words import listed, printable
from domain.errors import PromptNotWaiting, Refused, ThreadNotFound, TurnNotFound
from domain.events.approval import ApprovalResolved
from domain.events.base import Event
from domain.events.thread import ThreadCreated
from domain.events.turn import TurnStarted
from domain.ports import Recorded

if TYPE_CHECKING:
    from adapters.composition import Turnlog

LAST: Final = "last"
SHOWN_CANDIDATES: Final = 5


class NoThreads(Refused):
    """There is no thread yet. `turnlog submit --new TEXT` starts one."""


class NoActiveTurn(Refused):
    """Thread {thread_id} has no running turn."""


class NothingAsked(Refused):
    """Thread {thread_id} asks for no approval."""


class AmbiguousId(Refused):
    """{text} could be {candidates}. Give more of it."""


def find_thread(text: str, log: Turnlog, key: str | None = None) -> str:
    """The id of the thread that `text` names.

    `ThreadNotFound`, `AmbiguousId`, `UsageProblem` for what cannot be a thread's id.
    """
    _check("THREAD", text)
    whole = _with_prefix("thr_", text)
    for recorded in _recorded(key, log)[:1]:
        thread_id = recorded.event.thread_id
        if text == LAST or thread_id == whole:
            return thread_id
        if thread_id.startswith(whole) and not log.recorder.select_thread(whole, limit=1):
            return thread_id
    if text == LAST:
        caught_up(log)
        rows = log.rows
        latest = rows.threads(limit=1, archived=False, imported=False) or rows.threads(limit=1)
        if not latest:
            raise NoThreads
        return latest[0].thread_id
    found = log.threads_beginning(whole, SHOWN_CANDIDATES + 1)
    if not found:
        raise ThreadNotFound(thread_id=text)
    return _only(text, found)


def find_parent(text: str, log: Turnlog, key: str | None = None) -> str:
    """The thread to fork. The last thread may be the fork by now."""
    for recorded in _recorded(key, log):
        if isinstance(recorded.event, ThreadCreated) and recorded.event.forked_from:
            parent = recorded.event.forked_from.thread_id
            if text == LAST or parent.startswith(_with_prefix("thr_", text)):
                return parent
    return find_thread(text, log)


def find_turn(text: str | None, thread_id: str, log: Turnlog, key: str | None = None) -> str:
    """The turn that is meant: the one named, or else the active one."""
    if text is None:
        for recorded in _recorded(key, log):
            turn_id = getattr(recorded.event, "turn_id", None)
            if aim := turn_id or getattr(recorded.event, "target_turn_id", None):
                return str(aim)
    turn = log.service.thread(thread_id).turn
    if text is not None:
        _check("TURN", text)
        whole = _with_prefix("turn_", text)
        return turn.turn_id if turn and turn.turn_id.startswith(whole) else whole
    if turn is None:
        raise NoActiveTurn(thread_id=thread_id)
    return turn.turn_id


def find_past_turn(text: str, thread_id: str, log: Turnlog) -> str:
    """A turn of the thread that has begun at any time; `TurnNotFound`, `AmbiguousId`."""
    _check("TURN", text)
    whole = _with_prefix("turn_", text)
    events = (entry.event for entry in log.execution.history(thread_id))
    begun = [event.turn_id for event in events if isinstance(event, TurnStarted)]
    found = [turn_id for turn_id in begun if turn_id.startswith(whole)]
    if not found:
        raise TurnNotFound(thread_id=thread_id, turn_id=text)
    return _only(text, found)


def find_approval(text: str | None, thread_id: str, log: Turnlog, key: str | None = None) -> str:
    """The approval that is meant: the open one named, or else the only one that is open."""
    for recorded in _recorded(key, log):
        if isinstance(recorded.event, ApprovalResolved):
            return recorded.event.approval_id
    turn = log.service.thread(thread_id).turn
    waiting = [approval.approval_id for approval in turn.open_approvals] if turn else []
    if text is None:
        if not waiting:
            raise NothingAsked(thread_id=thread_id)
        if len(waiting) > 1:
            raise AmbiguousId(text="The approval", candidates=listed(waiting, SHOWN_CANDIDATES))
        return waiting[0]
    _check("APPROVAL", text)
    whole = _with_prefix("appr_", text)
    found = [approval_id for approval_id in waiting if approval_id.startswith(whole)]
    return _only(text, found) if found else whole


def find_prompt(text: str, thread_id: str, log: Turnlog, key: str | None = None) -> str:
    """The waiting prompt that is meant; one that does not wait (any more) by its whole id."""
    _check("PROMPT", text)
    whole = _with_prefix("inp_", text)
    for recorded in _recorded(key, log):
        named = [i for i in _prompts_in(recorded.event) if i.startswith(whole)]
        if named:
            return _only(text, named)
    waiting = [prompt.input_id for prompt in log.service.thread(thread_id).inbox]
    found = [input_id for input_id in waiting if input_id.startswith(whole)]
    if found:
        return _only(text, found)
    if not log.log.read_command(whole):
        raise PromptNotWaiting(input_id=text, state="not known in this thread")
    return whole


def _recorded(key: str | None, log: Turnlog) -> Sequence[Recorded]:
    """The command of that id; none if it was not recorded. What cannot be an id is not looked for:
    it is refused where the command is sent."""
    return log.log.read_command(key) if key is not None and key.isascii() else ()


def _prompts_in(event: Event) -> list[str]:
    """The prompts that the event names."""
    named = {getattr(event, "input_id", None), *getattr(event, "input_ids", ())}
    return sorted(input_id for input_id in named if input_id is not None)


def _only(text: str, found: list[str]) -> str:
    whole = [one for one in found if one.partition("_")[2] == text]
    if text in found or whole:
        return text if text in found else whole[0]
    if len(found) > 1:
        raise AmbiguousId(text=text, candidates=listed(found, SHOWN_CANDIDATES))
    return found[0]


def _with_prefix(prefix: str, text: str) -> str:
    return text if text.startswith(prefix) or prefix.startswith(text) else prefix + text


def _check(what: str, text: str) -> None:
    other = ("thr_", "turn_", "inp_", "item_", "cmd_", "appr_")
    mine = {"THREAD": "thr_", "TURN": "turn_", "PROMPT": "inp_", "APPROVAL": "appr_"}[what]
    if not text or len(text) > 200 or not text.isascii() or not text.isprintable() or " " in text:
        shown = printable(text[:40])
        raise UsageProblem(f"Invalid value for '{what}': {shown!r} is not the beginning of an id.")
    if text.startswith(other) and not text.startswith(mine):
        raise UsageProblem(f"Invalid value for '{what}': {text} begins with another kind of id.")
