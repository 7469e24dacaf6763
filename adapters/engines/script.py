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

from typing import Annotated, Final

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from adapters.engines.steps import KINDS, FailToStart, Part, Say, Steps
from domain.errors import TurnlogError


class InvalidScript(TurnlogError):
    """The script {source} is not valid: {problems}"""


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
    compaction: Steps = (Say(do="compact", text="Summary of {messages} message(s)."),)
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
        elif not (isinstance(before, int) and part in KINDS):  # pydantic names the kind of step
            where += f".{part}"
    said = error["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where.lstrip('.')}: {said}." if where else f"{said}."
