"""Tokens of a turn from counts that are repeated, and grow, in every record of a message."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.importers.values import count, mapping, string
from domain.events.base import Json, Usage
from domain.options import MAX_INTEGER


class ClaudeUsage:
    """Usage of a turn: of each message in it the count last written, once."""

    def __init__(self) -> None:
        self._messages: dict[str, Usage] = {}
        self._counted: set[str] = set()

    def see(self, message: Json) -> None:
        """Takes a part of a message into account; its counts replace those of the part before."""
        usage, message_id = mapping(message, "usage"), string(message, "id")
        if not usage or message_id is None or message_id in self._counted:
            return
        cached = count(usage, "cache_read_input_tokens")
        fresh = count(usage, "input_tokens") + count(usage, "cache_creation_input_tokens")
        self._messages[message_id] = Usage(
            input_tokens=min(fresh + cached, MAX_INTEGER),
            cached_input_tokens=cached,
            output_tokens=count(usage, "output_tokens"),
        )

    def take(self) -> Usage | None:
        """What was used since it was last taken; None if nothing was counted."""
        messages, self._messages = self._messages, {}
        self._counted.update(messages)
        if not messages:
            return None
        return Usage(
            input_tokens=_sum(usage.input_tokens for usage in messages.values()),
            cached_input_tokens=_sum(usage.cached_input_tokens for usage in messages.values()),
            output_tokens=_sum(usage.output_tokens for usage in messages.values()),
        )


def _sum(counts: Iterable[int]) -> int:
    return min(sum(counts), MAX_INTEGER)
