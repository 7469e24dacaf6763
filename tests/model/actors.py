"""Who can do what: a line for each command an actor may give.

A row is a method of the service with its fixed arguments; its aims are the arguments that name
something the thread has at that moment: the active turn, a prompt that waits or is held, an open
item or approval. To explore another command, add its line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, get_args

from domain.inbox import held
from domain.options import QueuePolicy, SettingsChange
from domain.service import ThreadService
from domain.thread import Thread

Who = Literal["client", "worker", "another process"]
Budget = Literal[
    "prompts",
    "trouble",
    "compactions",
    "rewinds",
    "items",
    "approvals",
    "changes",
    "failures",
]

BUDGETS: Final[tuple[Budget, ...]] = get_args(Budget)

# What an aim may name, found in the thread as it is.
AIMS: Final[Mapping[str, Callable[[Thread], list[str]]]] = {
    "active": lambda thread: [thread.turn.turn_id] if thread.turn else [],
    "waiting": lambda thread: [prompt.input_id for prompt in thread.inbox],
    "held": lambda thread: [prompt.input_id for prompt in held(thread.inbox)],
    "open item": lambda thread: [i.item_id for i in thread.turn.open_items] if thread.turn else [],
    "open approval": lambda thread: (
        [a.approval_id for a in thread.turn.open_approvals] if thread.turn else []
    ),
}
_ARGUMENTS: Final = {
    "active": "turn_id",
    "waiting": "input_id",
    "held": "input_ids",
    "open item": "item_id",
    "open approval": "approval_id",
}
# Methods that bring something of their own, by whose id they are retried.
_OWN: Final = {
    "start": "input_id",
    "submit": "input_id",
    "steer": "input_id",
    "edit_last_turn": "input_id",
    "request_approval": "approval_id",
}


@dataclass(frozen=True)
class Row:
    """One command as an actor may give it, told in the words of the command table.

    `says` has places for what it brings (`own`) and for its aims; `spends` is the budget its effect
    takes from. One that `begins` makes the thread, and is given while there is none.
    """

    who: Who
    says: str
    method: str
    aims: Mapping[str, str] = field(default_factory=dict)
    spends: Budget | None = None
    fixed: Mapping[str, object] = field(default_factory=dict)
    begins: bool = False

    @cached_property
    def brings(self) -> str | None:
        """The argument that names what it brings, by whose id it is retried."""
        return _OWN.get(self.method)

    @cached_property
    def retryable(self) -> bool:
        """Whether a client can repeat it under the same id."""
        parameters = inspect.signature(getattr(ThreadService, self.method)).parameters
        return self.brings is not None or "command_id" in parameters

    @cached_property
    def leased(self) -> bool:
        """Whether the turn's lease decides on it (L14)."""
        return self.who != "client"

    @cached_property
    def ends(self) -> bool:
        """Whether the turn it names is over after it."""
        return self.method in {"finish", "start_failed", "recover"}

    @cached_property
    def frees(self) -> bool:
        """Whether it ends the turn whatever may wait: so nobody may be refused it."""
        return self.ends and self.fixed.get("status") != "completed"


def _client(
    says: str, method: str, aim: str = "", spends: Budget | None = None, **fixed: object
) -> Row:
    return Row("client", says, method, {_ARGUMENTS[aim]: aim} if aim else {}, spends, fixed)


def _worker(
    says: str, method: str, aim: str = "", spends: Budget | None = None, **fixed: object
) -> Row:
    aims = {"turn_id": "active"} | ({_ARGUMENTS[aim]: aim} if aim else {})
    return Row("worker", says, method, aims, spends, fixed)


ROWS: Final[tuple[Row, ...]] = (
    # With a title, as else a started thread has its prompt's text for one.
    Row("client", "create()", "create", fixed={"title": "A thread"}, begins=True),
    Row("client", "start({own})", "start", {}, "prompts", {"title": "A thread"}, begins=True),
    _client("submit({own})", "submit", "", "prompts", delivery=None, queued=None),
    *(
        _client(f"submit({{own}}, {how})", "submit", "", "prompts", delivery=how, queued=None)
        for how in ("queue", "steer")
    ),
    *(
        _client(
            f"submit({{own}}, interrupt, {how})",
            "submit",
            "",
            "prompts",
            delivery="interrupt",
            queued=how,
        )
        for how in get_args(QueuePolicy)
    ),
    _client("steer({turn_id}, {own})", "steer", "active", "prompts"),
    *(
        _client(f"interrupt({{turn_id}}, {how})", "interrupt", "active", queued=how)
        for how in get_args(QueuePolicy)
    ),
    _client("interrupt({turn_id})", "interrupt", "active", queued=None),
    _client("release(all)", "release", input_ids=None),
    _client("release({input_ids})", "release", "held"),
    _client("withdraw({input_id})", "withdraw", "waiting"),
    _client("edit({input_id})", "edit", "waiting", "changes", text="{input_id} again"),
    *(
        _client(f"redeliver({{input_id}}, {how})", "redeliver", "waiting", "changes", delivery=how)
        for how in ("steer", "queue")
    ),
    *(
        _client(
            f"move({{input_id}}, {where})",
            "move",
            "waiting",
            "changes",
            place=where,
            anchor_id=None,
        )
        for where in ("first", "last")
    ),
    *(
        Row(
            "client",
            f"move({{input_id}}, {where} {{anchor_id}})",
            "move",
            {"input_id": "waiting", "anchor_id": "waiting"},
            "changes",
            {"place": where},
        )
        for where in ("before", "after")
    ),
    _client("compact()", "compact", "", "compactions"),
    _client("rollback(1 turn)", "rollback", "", "rewinds", turns=1),
    _client("rollback(2 turns)", "rollback", "", "rewinds", turns=2),
    _client("edit_last_turn({own})", "edit_last_turn", "", "prompts"),
    _client("archive()", "archive", "", "changes"),
    _client("unarchive()", "unarchive"),
    _client("update(no steers)", "update", "", "changes", settings=SettingsChange(steerable=False)),
    *(
        _client(
            f"resolve_approval({{approval_id}}, {how})",
            "resolve_approval",
            "open approval",
            decision=how,
        )
        for how in ("approved", "denied")
    ),
    _worker("take_steers({turn_id})", "take_steers"),
    _worker(
        "start_item({turn_id}, tool_call)",
        "start_item",
        "",
        "items",
        kind="tool_call",
        summary="ls",
    ),
    *(
        _worker(f"end_item({{turn_id}}, {{item_id}}, {end})", "end_item", "open item", end=end)
        for end in ("completed", "failed")
    ),
    # No budget: what it leaves is the thread as it was.
    _worker("record_item({turn_id}, status)", "record_item", kind="status", summary="busy"),
    _worker(
        "request_approval({turn_id}, {own})",
        "request_approval",
        "",
        "approvals",
        summary="?",
        item_id=None,
    ),
    _worker(
        "request_approval({turn_id}, {own}, for {item_id})",
        "request_approval",
        "open item",
        "approvals",
        summary="?",
    ),
    _worker("finish({turn_id}, completed)", "finish", status="completed"),
    _worker("finish({turn_id}, failed)", "finish", "", "failures", status="failed", error="broken"),
    _worker("finish({turn_id}, interrupted)", "finish", status="interrupted"),
    _worker("start_failed({turn_id})", "start_failed", "", "failures", error="no engine"),
    Row("another process", "recover({turn_id})", "recover", {"turn_id": "active"}),
)
