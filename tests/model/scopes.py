"""What is explored: budgets small enough to see every schedule within them, whatever its length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.options import ThreadSettings
from tests.model.world import Scope

# In CI: more than a million states. Threads with other settings are other states, so that those
# with trouble share none.
DAILY: Final = (
    Scope("failures", {"prompts": 4, "failures": 4}),
    Scope("two troubles", {"prompts": 3, "failures": 2, "items": 1, "trouble": 2}),
    Scope(
        "one trouble",
        {"prompts": 3, "failures": 3, "items": 1, "compactions": 1, "rewinds": 1, "trouble": 1},
        ThreadSettings(queue_on_interrupt="continue"),
    ),
    Scope(
        "changes",
        {"prompts": 3, "failures": 1, "changes": 2, "trouble": 1},
        ThreadSettings(queue_on_interrupt="discard"),
    ),
    Scope(
        "approvals",
        {"prompts": 2, "failures": 1, "items": 1, "approvals": 2, "trouble": 1},
        ThreadSettings(queue_on_interrupt="discard"),
    ),
)
# By `make prove`, besides: about ten million in all.
THOROUGH: Final = (
    Scope(
        "approvals, two troubles",
        {"prompts": 2, "failures": 1, "items": 2, "approvals": 2, "trouble": 2},
        ThreadSettings(queue_on_interrupt="discard"),
    ),
    Scope(
        "compaction, two troubles",
        {"prompts": 3, "failures": 2, "items": 1, "compactions": 1, "trouble": 2},
    ),
    Scope(
        "everything, two troubles",
        {"prompts": 3, "failures": 3, "items": 1, "compactions": 1, "rewinds": 1, "trouble": 2},
        ThreadSettings(queue_on_interrupt="continue"),
    ),
)

SCOPES: Final[Mapping[str, Scope]] = {scope.name: scope for scope in (*DAILY, *THOROUGH)}
