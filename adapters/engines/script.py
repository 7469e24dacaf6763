"""What a scripted engine does, as data: JSON that people write, checked before anything runs.

    {"turns": [{"when": "deploy", "steps": [
        {"do": "think", "text": "First the tests."},
        {"do": "run", "command": "make test", "output": "ok", "wait": {"seconds": 2}},
        {"do": "boundary"},
        {"do": "say", "text": "Deployed, as you said: {prompt}"}]}],
     "steps": [{"do": "say", "text": "You said: {prompt}"}]}

The first of `turns` whose `when` occurs in the prompt is played, else `steps`; for a compaction
`compaction`. In texts `{prompt}` is the prompt that opened the turn, `{last}` the last user
message, `{steers}` the steers so far, `{messages}` how many messages the context had; in
`acknowledge`, what is said to each steer, `{steer}` is that one.

An `ask` waits until somebody answers (`turnlog approve`). After it `{answer}` is approved, denied
or cancelled, `{by}` who said so, and `{note}` what they added. Without an approval it says what is
in `unless`, if that is there, and is done; a tool, command or change with an `ask` of its own
fails, and the script goes on.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from domain.errors import TurnlogError
from domain.events.base import Json, Usage


class InvalidScript(TurnlogError):
    """The script {source} is not valid: {problems}"""


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
    """An agent message."""

    do: Literal["say"]
    text: str


class Think(Part):
    """Reasoning."""

    do: Literal["think"]
    text: str


class Status(Part):
    """A note for those who watch."""

    do: Literal["status"]
    text: str


class Ask(Part):
    """A question whether the turn may go on."""

    do: Literal["ask"]
    text: str
    detail: Json | None = None
    unless: str | None = None


class CallTool(Part):
    """A tool call; with an `error` it fails."""

    do: Literal["tool"]
    name: str
    arguments: Json = {}
    text: str | None = None
    result: Json | None = None
    error: str | None = None
    ask: str | None = None
    wait: Wait | None = None


class RunCommand(Part):
    """A command's execution; it fails if its exit code is not 0."""

    do: Literal["run"]
    command: str
    output: str = ""
    exit_code: int = 0
    ask: str | None = None
    wait: Wait | None = None


class ChangeFile(Part):
    """A change of a file. Nothing is really changed."""

    do: Literal["change"]
    path: str
    diff: str = ""
    ask: str | None = None
    wait: Wait | None = None


class Compact(Part):
    """A summary that stands for everything before it from now on."""

    do: Literal["compact"]
    text: str


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
    | Think
    | Status
    | Ask
    | CallTool
    | RunCommand
    | ChangeFile
    | Compact
    | Boundary
    | Pause
    | Use
    | Fail
    | FailToStart
    | Die,
    Field(discriminator="do"),
]
Steps = tuple[Step, ...]

_KINDS: Final = frozenset(
    {"say", "think", "status", "ask", "tool", "run", "change", "compact", "boundary", "wait", "use"}
    | {"fail", "fail_to_start", "die"}
)
MAX_PROBLEMS: Final = 5


class Scene(Part):
    """The steps of turns whose prompt contains `when`, whatever the case.

    With `heeds_interrupts` false an interrupt is ignored, and the engine has to be cancelled.
    """

    when: Annotated[str, Field(min_length=1)]
    steps: Steps
    heeds_interrupts: bool = True

    @field_validator("steps")
    @classmethod
    def _start(cls, steps: Steps) -> Steps:
        return _checked(steps)


class Script(Part):
    """All turns of a scripted engine. With `steerable` false its threads take no steers."""

    name: Annotated[str, Field(min_length=1)] = "scripted"
    steerable: bool = True
    turns: tuple[Scene, ...] = ()
    steps: Steps = (Say(do="say", text="You said: {prompt}"),)
    compaction: Steps = (Compact(do="compact", text="Summary of {messages} message(s)."),)
    acknowledge: str = "Understood: {steer}"

    @field_validator("steps", "compaction")
    @classmethod
    def _start(cls, steps: Steps) -> Steps:
        return _checked(steps)


ECHO: Final = Script(name="echo")
"""Repeats the prompt, and acknowledges steers."""


def parse_script(text: str, source: str) -> Script:
    """The script in `text`, which came from `source`; `InvalidScript`."""
    try:
        return Script.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [_problem(entry) for entry in found[:MAX_PROBLEMS]]
        if len(found) > MAX_PROBLEMS:
            problems.append(f"And {len(found) - MAX_PROBLEMS} more.")
        raise InvalidScript(source=source, problems=" ".join(problems)) from None


def _checked(steps: Steps) -> Steps:
    if any(isinstance(step, FailToStart) for step in steps[1:]):
        raise ValueError("`fail_to_start` can only be the first step")
    return steps


def _problem(error: ErrorDetails) -> str:
    """`turns[0].steps[2].text: Field required.`"""
    where = ""
    loc = error["loc"]
    for before, part in zip((None, *loc), loc, strict=False):
        if isinstance(part, int):
            where += f"[{part}]"
        elif not (isinstance(before, int) and part in _KINDS):  # pydantic names the kind of step
            where += f".{part}"
    said = error["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where.lstrip('.')}: {said}." if where else f"{said}."
