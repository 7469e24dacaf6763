"""Tokens of a turn from counts that run over the whole thread and are written more than once."""

from __future__ import annotations

from adapters.importers.values import count, difference, mapping
from domain.events.base import Json, Usage


class CodexUsage:
    """Usage of a turn: the last total in it, minus the last total before it."""

    def __init__(self) -> None:
        self._total = Usage()
        self._before = Usage()
        self._counted = False

    def turn_began(self) -> None:
        """What is counted from here on belongs to the new turn."""
        self._before, self._counted = self._total, False

    def see(self, payload: Json) -> None:
        """Takes a `token_count` into account; some have no counts."""
        total = mapping(mapping(payload, "info"), "total_token_usage")
        if not total:
            return
        self._counted = True
        self._total = Usage(
            input_tokens=count(total, "input_tokens"),
            cached_input_tokens=count(total, "cached_input_tokens"),
            output_tokens=count(total, "output_tokens"),
            reasoning_tokens=count(total, "reasoning_output_tokens"),
        )

    def of_turn(self) -> Usage | None:
        """What the turn used so far; None if nothing was counted in it."""
        return difference(self._total, self._before) if self._counted else None
