"""What a follower tells of its troubles: each one once, not every time it tries again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from domain.errors import TurnlogError

REMIND_SECONDS: Final = 300.0

Tell = Callable[[TurnlogError], None]


@dataclass(slots=True)
class Troubles:
    """The troubles that are not over, and what has been told of them.

    `on_trouble` is told of one when it is new or says something else than before, and again every
    REMIND_SECONDS; `on_over` when it has ended, with what it was last. `seconds` is a clock.
    """

    seconds: Callable[[], float]
    on_trouble: Tell | None = None
    on_over: Tell | None = None
    _last: dict[str, TurnlogError] = field(default_factory=dict)  # by code
    _told_at: dict[str, float] = field(default_factory=dict)  # by message

    def meet(self, error: TurnlogError) -> None:
        """There it is, or there it is still."""
        now = self.seconds()
        self._last[error.code] = error
        # By message and not only the last one: two that take turns are not told at each turn.
        self._told_at = {m: at for m, at in self._told_at.items() if now - at < REMIND_SECONDS}
        if error.message not in self._told_at:
            self._told_at[error.message] = now
            if self.on_trouble is not None:
                self.on_trouble(error)

    def end(self, *kinds: type[TurnlogError]) -> None:
        """Those of these kinds are over."""
        over = [error for error in self._last.values() if isinstance(error, kinds)]
        for error in over:
            del self._last[error.code]
            if self.on_over is not None:
                self.on_over(error)
        if not self._last:
            self._told_at.clear()
