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
from domain.options import ThreadSettings
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
    "submit": "input_id",
    "steer": "input_id",
    "edit_last_turn": "input_id",
    "request_approval": "approval_id",
}


@dataclass(frozen=True)
class Row:
    """One command as an actor may give it. `spends` is the budget its effect takes from."""

    who: Who
    says: str
    method: str
    aims: Mapping[str, str] = field(default_factory=dict)
    spends: Budget | None = None
    fixed: Mapping[str, object] = field(default_factory=dict)

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
    *(
        _client(
            f"submit {how or 'as it comes'}", "submit", "", "prompts", delivery=how, queued=None
        )
        for how in (None, "queue", "steer")
    ),
    *(
        _client(
            f"submit interrupt {how}", "submit", "", "prompts", delivery="interrupt", queued=how
        )
        for how in ("hold", "continue", "discard")
    ),
    _client("steer", "steer", "active", "prompts"),
    *(
        _client(f"interrupt {how or 'as set'}", "interrupt", "active", queued=how)
        for how in ("hold", "continue", "discard", None)
    ),
    _client("release all", "release", input_ids=None),
    _client("release", "release", "held"),
    _client("withdraw", "withdraw", "waiting"),
    _client("edit", "edit", "waiting", "changes", text="{input_id} again"),
    _client("redeliver steer", "redeliver", "waiting", "changes", delivery="steer"),
    _client("redeliver queue", "redeliver", "waiting", "changes", delivery="queue"),
    _client("move first", "move", "waiting", "changes", place="first", anchor_id=None),
    _client("move last", "move", "waiting", "changes", place="last", anchor_id=None),
    _client("compact", "compact", "", "compactions"),
    _client("rollback 1", "rollback", "", "rewinds", turns=1),
    _client("rollback 2", "rollback", "", "rewinds", turns=2),
    _client("edit_last_turn", "edit_last_turn", "", "prompts"),
    _client("archive", "archive", "", "changes"),
    _client("unarchive", "unarchive"),
    _client("no more steers", "update", "", "changes", settings=ThreadSettings(steerable=False)),
    *(
        Row(
            "client",
            f"move {where}",
            "move",
            {"input_id": "waiting", "anchor_id": "waiting"},
            "changes",
            {"place": where},
        )
        for where in ("before", "after")
    ),
    _client("approve", "resolve_approval", "open approval", decision="approved"),
    _client("deny", "resolve_approval", "open approval", decision="denied"),
    _worker("take_steers", "take_steers"),
    _worker("start_item", "start_item", "", "items", kind="tool_call", summary="ls"),
    _worker("end_item completed", "end_item", "open item", end="completed"),
    _worker("end_item failed", "end_item", "open item", end="failed"),
    _worker("request_approval", "request_approval", "", "approvals", summary="?", item_id=None),
    _worker("request_approval for", "request_approval", "open item", "approvals", summary="?"),
    _worker("finish completed", "finish", status="completed"),
    _worker("finish failed", "finish", "", "failures", status="failed", error="broken"),
    _worker("finish interrupted", "finish", status="interrupted"),
    _worker("start_failed", "start_failed", "", "failures", error="no engine"),
    Row("another process", "recover", "recover", {"turn_id": "active"}),
)
