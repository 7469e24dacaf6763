"""How a turn is run: thread settings, what a prompt overrides, and routing, resolved at admission.

Whatever is resolved is written into `prompt.admitted`, so replay never depends on configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

QueuePolicy = Literal["continue", "hold", "discard"]
Delivery = Literal["queue", "steer", "interrupt"]
OptionName = Literal[
    "model",
    "mode",
    "allow_shell",
    "trust_mode",
    "auto_approve",
    "temperature",
    "top_p",
    "max_tokens",
]

# An interrupt may be made stricter, never milder (L15).
ESCALATION: tuple[QueuePolicy, ...] = ("continue", "hold", "discard")


# Exact in every reader of JSON, and within SQL's bigint.
MAX_INTEGER: Final = 2**53 - 1


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must have printable characters only, and one at least")
    return text


def _each_once(names: tuple[OptionName, ...]) -> tuple[OptionName, ...]:
    return tuple(sorted(set(names)))


Name = Annotated[str, AfterValidator(_printable)]


class Value(BaseModel):
    """A frozen, strict value without unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class TurnOptions(Value):
    """The options one turn runs with; None leaves a choice to the engine."""

    model: Name | None = None
    mode: Name | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    max_tokens: Annotated[int, Field(gt=0, le=MAX_INTEGER)] | None = None

    def over(self, base: TurnOptions) -> TurnOptions:
        """These options, with `base` filling what they leave open."""
        return base.model_copy(update=self.model_dump(exclude_none=True))


class Overrides(Value):
    """What one prompt asks for: options, a route, a summary of its own."""

    options: TurnOptions = TurnOptions()
    route_intent: Name | None = None
    input_summary: str | None = None


class ThreadSettings(Value):
    """A thread's defaults.

    `steerable` says whether its engine can take input between two steps; `queue_on_interrupt` is
    what an interrupt does to waiting prompts when it does not say (L15).
    """

    options: TurnOptions = TurnOptions()
    queue_on_interrupt: QueuePolicy = "hold"
    steerable: bool = True


class SettingsChange(Value):
    """What an update changes; None keeps what is there, whatever that is by then.

    The options that `cleared` names are left to the engine again. None of them may be given, too.
    """

    options: TurnOptions = TurnOptions()
    cleared: Annotated[tuple[OptionName, ...], AfterValidator(_each_once)] = ()
    queue_on_interrupt: QueuePolicy | None = None
    steerable: bool | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if both := self.options.model_dump(exclude_none=True).keys() & set(self.cleared):
            raise ValueError(f"given and cleared: {', '.join(sorted(both))}")
        return self

    def over(self, base: ThreadSettings) -> ThreadSettings:
        """These settings, with `base` for what they leave as it is."""
        options = self.options.over(base.options).model_copy(update=dict.fromkeys(self.cleared))
        given = self.model_dump(include={"queue_on_interrupt", "steerable"}, exclude_none=True)
        return base.model_copy(update={**given, "options": options})


class Routing(Value):
    """Model by intent. Intents are compared without regard to case."""

    rules: Mapping[str, str] = {}

    def model_for(self, intent: str | None) -> str | None:
        """The model the rules name for `intent`; None if they name none."""
        if intent is None:
            return None
        wanted = intent.casefold()
        return next((m for name, m in self.rules.items() if name.casefold() == wanted), None)


def resolve(overrides: Overrides, settings: ThreadSettings, routing: Routing) -> TurnOptions:
    """The options a prompt's turn will run with: route, then prompt, then thread.

    A route that matches wins over the prompt's own model, as naming an intent asks the rules.
    """
    options = overrides.options.over(settings.options)
    routed = routing.model_for(overrides.route_intent)
    return options.model_copy(update={"model": routed}) if routed else options
