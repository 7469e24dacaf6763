"""What every event carries."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue

from domain.options import MAX_INTEGER, Value

ItemKind = Literal[
    "user_message",
    "agent_message",
    "reasoning",
    "tool_call",
    "file_change",
    "command_execution",
    "context_compaction",
    "status",
    "error",
]
Json = dict[str, JsonValue]


Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Ordinal = Annotated[int, Field(ge=1, le=MAX_INTEGER)]


class Usage(Value):
    """Tokens a turn used, counted once, where it happened."""

    input_tokens: Count = 0
    cached_input_tokens: Count = 0
    output_tokens: Count = 0
    reasoning_tokens: Count = 0

    def plus(self, other: Usage) -> Usage:
        """The sum of both, each count at most `MAX_INTEGER`."""
        return Usage(
            input_tokens=_sum(self.input_tokens, other.input_tokens),
            cached_input_tokens=_sum(self.cached_input_tokens, other.cached_input_tokens),
            output_tokens=_sum(self.output_tokens, other.output_tokens),
            reasoning_tokens=_sum(self.reasoning_tokens, other.reasoning_tokens),
        )


def _sum(one: int, other: int) -> int:
    return min(one + other, MAX_INTEGER)


class Source(Value):
    """Where an imported event comes from.

    `line` and `part` count from 1 (the object within its line); `record` is the record's own id,
    `time` what the source says of the time. `inferred` marks an event that no record states,
    and `note` says why it was inferred, or which law the source contradicts.
    """

    format: str
    line: Ordinal
    part: Ordinal = 1
    record: str | None = None
    time: AwareDatetime | None = None
    inferred: bool = False
    note: str | None = None


FORK: Final = "fork"
"""The `format` of a source that is another thread of this log: a copied event. `line` is its seq
there, `record` the command that decided it there."""


class Event(Value):
    """An immutable decision: who (`actor`), why (`command_id`), when it was decided (`at`).

    `receipt` is the SHA-256 of the command's body, in hex, on the first event of each command:
    what a retry is compared with (L10).
    """

    name: ClassVar[str]
    schema_version: ClassVar[int] = 1

    v: int = 1
    thread_id: str
    actor: str
    command_id: str
    at: AwareDatetime
    receipt: str | None = None
    source: Source | None = None

    @property
    def stream_id(self) -> str:
        """The aggregate this event belongs to."""
        return self.thread_id

    @property
    def copied(self) -> bool:
        """Whether it came with the history of another thread, from which this one was forked."""
        return self.source is not None and self.source.format == FORK

    def sealed(self, receipt: str) -> Self:
        """This event with that receipt."""
        # What model_copy does, in a quarter of its time: every command does it once.
        copied = type(self).__new__(type(self))
        set_ = object.__setattr__
        set_(copied, "__dict__", {**self.__dict__, "receipt": receipt})
        set_(copied, "__pydantic_fields_set__", self.__pydantic_fields_set__ | {"receipt"})
        set_(copied, "__pydantic_extra__", None)
        set_(copied, "__pydantic_private__", None)
        return copied


class TurnEvent(Event):
    """An event of a turn, or of one of its items."""

    turn_id: str

    @property
    def stream_id(self) -> str:
        return self.turn_id
