"""Approvals of any threads, for whoever has to answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.cli.screen import Screen
from adapters.cli.words import ago, one_line, short_thread

if TYPE_CHECKING:
    from projections.rows import ApprovalRow


def tell_approvals(
    asked: Sequence[tuple[ApprovalRow, str | None]], screen: Screen, now: datetime, *, more: bool
) -> None:
    """Each with its thread's title, and the command that answers it."""
    if not asked:
        screen.say("Nothing waits for an answer.")
        return
    in_thread = Counter(approval.thread_id for approval, _ in asked)
    for approval, title in asked:
        where = f" in “{one_line(title, 80)}”" if title else ""
        screen.cut(f"“{one_line(approval.summary)}”", "yellow")
        screen.cut(f"asked {ago(approval.requested_at, now)}{where}", "dim", indent=2)
        # One of several has to be named.
        one = approval.approval_id if more or in_thread[approval.thread_id] > 1 else ""
        words = ["turnlog approve", short_thread(approval.thread_id), one, "[--deny]"]
        screen.say(" ".join(filter(None, words)), indent=2)
    if more:
        screen.say("There are more; --limit shows more of them.", "dim")
