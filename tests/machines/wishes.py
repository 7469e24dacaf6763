"""What a client asks of the service: a method and all its arguments, said to any service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from domain.errors import Refused
from domain.options import Overrides, SettingsChange
from domain.outcome import Outcome
from domain.ports import Lease
from domain.service import ThreadService
from tests.strategies import Call

Answer = Outcome | Refused

KEYS: Final = ("command_id", "approval_id", "input_id")
# The worker's commands: they may say which lease they are said under.
WORK: Final = frozenset(
    {
        *("take_steers", "finish", "start_failed", "recover"),
        *("start_item", "end_item", "record_item", "request_approval"),
    }
)
# Arguments that another body may differ in, and what it may say instead.
OTHER: Final[Mapping[str, Sequence[object]]] = {
    "text": ("other", "another"),
    "reason": ("other", "another"),
    "error": ("other", "another"),
    "note": ("other", "another"),
    "title": ("other", "another"),
    "summary": ("other", "another"),
    "queued": ("discard", "hold"),
    "turns": (2, 3),
}
_TOLD_CHARS: Final = 24
_DEFAULTS: Final[Sequence[object]] = (None, (), [], Overrides(), SettingsChange())


@dataclass(frozen=True)
class Wish:
    """One command. The same wish said again is a retry, if it has a key."""

    method: str
    arguments: Mapping[str, object]

    @classmethod
    def of(cls, call: Call) -> Wish:
        """The call of a move, which names its thread apart."""
        return cls(call.method, {"thread_id": call.thread_id, **call.arguments})

    @property
    def key(self) -> str | None:
        """What a retry repeats."""
        keys = [self.arguments[name] for name in KEYS if name in self.arguments]
        return keys[0] if keys and isinstance(keys[0], str) else None

    def under(self, lease: Lease | None) -> Wish:
        """The same wish of a worker who has that lease."""
        return replace(self, arguments={**self.arguments, "lease": lease})

    def known_as(self, command_id: str) -> Wish:
        """The same wish, to be retried by that id."""
        return replace(self, arguments={**self.arguments, "command_id": command_id})

    def otherwise(self, pick: int) -> Wish | None:
        """Another wish under the same key; None if there is nothing to say otherwise."""
        names = sorted(OTHER.keys() & self.arguments.keys())
        if not names:
            return None
        name = names[pick % len(names)]
        other = next(value for value in OTHER[name] if value != self.arguments[name])
        return replace(self, arguments={**self.arguments, name: other})

    def elsewhere(self, thread_id: str) -> Wish:
        """The same for another thread."""
        return replace(self, arguments={**self.arguments, "thread_id": thread_id})

    def said_to(self, service: ThreadService) -> Answer:
        """What the service answers. Any error but a refusal comes through."""
        try:
            answer = getattr(service, self.method)(**self.arguments)
        except Refused as refusal:
            return refusal
        assert isinstance(answer, Outcome)
        return answer

    def __str__(self) -> str:
        words = [
            f"{name}={_told(value)}"
            for name, value in self.arguments.items()
            if value not in _DEFAULTS
        ]
        return f"{self.method}({', '.join(words)})"


def comparable(answer: Answer) -> object:
    """All there is in an answer. An outcome is equal to its repetition, so that is said apart."""
    if isinstance(answer, Outcome):
        return answer, answer.repeated
    return type(answer), answer.message, answer.details


def told(answer: Answer) -> str:
    """The answer in a word or two."""
    if isinstance(answer, Refused):
        return type(answer).__name__
    if answer.repeated:
        return f"as before, {answer.seq}"
    return "nothing to do" if answer.seq is None else f"seq {answer.seq}"


def _told(value: object) -> str:
    if isinstance(value, Lease):
        return f"lease {value.token} of {value.turn_id}"
    text = repr(value)
    return text if len(text) <= _TOLD_CHARS else f"{text[:_TOLD_CHARS]}…"
