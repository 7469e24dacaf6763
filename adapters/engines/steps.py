"""The steps of a scripted turn, as data."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, model_validator

from domain.events.base import Json, Usage
from domain.ports import ItemBegan, ItemEnded


class Part(BaseModel):
    """A frozen part of a script, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Wait(Part):
    """How long something takes: seconds, or until something happens, whichever comes first.

    An interrupt ends every wait. `until: "signal"` waits for a test or a program to fire `signal`.
    """

    seconds: NonNegativeFloat | None = None
    until: Literal["steered", "interrupted", "signal"] | None = None
    signal: str | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.seconds is None and self.until is None:
            raise ValueError("say for how many `seconds`, or `until` what")
        if (self.until == "signal") != (self.signal is not None):
            raise ValueError('`until: "signal"` and the name of the `signal` belong together')
        return self


class Say(Part):
    """A text: an agent message, reasoning, a note for those who watch, or a summary that stands for
    everything before it from now on."""

    do: Literal["say", "think", "status", "compact"]
    text: str


class Ask(Part):
    """A question whether the turn may go on."""

    do: Literal["ask"]
    text: str
    detail: Json | None = None
    unless: str | None = None


class Act(Part):
    """Something that begins, takes its time and ends; with `ask` only when somebody allows it."""

    ask: str | None = None
    wait: Wait | None = None

    def events(self, key: str) -> tuple[ItemBegan, ItemEnded]:
        """Its beginning and its end."""
        raise NotImplementedError


class CallTool(Act):
    """A tool call; with an `error` it fails."""

    do: Literal["tool"]
    name: str
    arguments: Json = {}
    text: str | None = None
    result: Json | None = None
    error: str | None = None

    def events(self, key: str) -> tuple[ItemBegan, ItemEnded]:
        call: Json = {"name": self.name, "arguments": self.arguments}
        began = ItemBegan(key, "tool_call", self.name, call)
        return began, ItemEnded(key, self.text, self.result, self.error)


class RunCommand(Act):
    """A command's execution; it fails if its exit code is not 0."""

    do: Literal["run"]
    command: str
    output: str = ""
    exit_code: int = 0

    def events(self, key: str) -> tuple[ItemBegan, ItemEnded]:
        error = f"exit code {self.exit_code}" if self.exit_code else None
        began = ItemBegan(key, "command_execution", self.command, {"command": self.command})
        return began, ItemEnded(key, self.output, {"exit_code": self.exit_code}, error)


class ChangeFile(Act):
    """A change of a file. Nothing is really changed."""

    do: Literal["change"]
    path: str
    diff: str = ""

    def events(self, key: str) -> tuple[ItemBegan, ItemEnded]:
        change: Json = {"path": self.path, "diff": self.diff}
        return ItemBegan(key, "file_change", self.path, change), ItemEnded(key)


class Boundary(Part):
    """A step boundary: steers are taken in, and each is acknowledged."""

    do: Literal["boundary"]


class Pause(Wait):
    """Nothing happens for a while. Steers are taken in as they come if it is until `steered`."""

    do: Literal["wait"]


class Use(Usage):
    """Tokens used."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    do: Literal["use"]


class Fail(Part):
    """The engine breaks down."""

    do: Literal["fail"]
    error: str


class FailToStart(Part):
    """The engine cannot start. Only as the first step."""

    do: Literal["fail_to_start"]
    why: str


class Die(Part):
    """The process kills itself, as `kill -9` would. For demonstrations of a crash.

    With `during` in the middle of a call of the tool of that name.
    """

    do: Literal["die"]
    during: str | None = None


Step = Annotated[
    Say
    | Ask
    | CallTool
    | RunCommand
    | ChangeFile
    | Boundary
    | Pause
    | Use
    | Fail
    | FailToStart
    | Die,
    Field(discriminator="do"),
]
Steps = tuple[Step, ...]

KINDS: Final = frozenset(
    kind
    for step in get_args(get_args(Step)[0])
    for kind in get_args(step.model_fields["do"].annotation)
)
"""What stands in `do`."""
