"""What is explored: budgets small enough to see every schedule within them, whatever its length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.options import ThreadSettings
from tests.model.world import Scope

# In CI: more than a million states. What costs is many kinds of threads, not many states: trouble
# is cheap, failures and changes are dear.
DAILY: Final = (
    Scope("from nothing", {"prompts": 3, "failures": 1, "trouble": 2}, from_nothing=True),
    Scope("failures", {"prompts": 4, "failures": 4}),
    Scope("two troubles", {"prompts": 3, "failures": 2, "items": 1, "trouble": 2}),
    Scope(
        "rewinds",
        {"prompts": 3, "compactions": 1, "rewinds": 1, "trouble": 2},
        ThreadSettings(queue_on_interrupt="continue"),
    ),
    Scope(
        "changes",
        {"prompts": 3, "failures": 1, "changes": 2, "trouble": 1},
        ThreadSettings(queue_on_interrupt="discard"),
    ),
    Scope(
        "approvals",
        {"prompts": 2, "failures": 1, "items": 2, "approvals": 2, "trouble": 2},
        ThreadSettings(queue_on_interrupt="discard"),
    ),
)
# By `make prove`, besides: more than eleven million in all. The first ones are what users do to
# waiting prompts, together with all else.
THOROUGH: Final = (
    Scope("changes and failures", {"prompts": 3, "failures": 3, "changes": 2}),
    Scope(
        "changes, items, approvals",
        {"prompts": 2, "items": 1, "approvals": 1, "changes": 2, "trouble": 1},
    ),
    Scope(
        "changes and compactions",
        {"prompts": 3, "failures": 1, "compactions": 1, "changes": 2},
        ThreadSettings(queue_on_interrupt="continue"),
    ),
    Scope(
        "changes and rewinds",
        {
            "prompts": 3,
            "failures": 1,
            "compactions": 1,
            "rewinds": 1,
            "changes": 1,
            "trouble": 1,
        },
    ),
    Scope(
        "everything, one trouble",
        {"prompts": 3, "failures": 3, "items": 1, "compactions": 1, "rewinds": 1, "trouble": 1},
        ThreadSettings(queue_on_interrupt="continue"),
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
    Scope("three troubles", {"prompts": 3, "failures": 2, "trouble": 3}),
    Scope("four troubles", {"prompts": 3, "failures": 2, "items": 1, "trouble": 4}),
)
# Fewer states than these, and something is not explored that was.
AT_LEAST: Final[Mapping[str, int]] = {"daily": 1_000_000, "": 10_000_000}

SCOPES: Final[Mapping[str, Scope]] = {scope.name: scope for scope in (*DAILY, *THOROUGH)}
