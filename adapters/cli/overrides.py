"""The options of a prompt, from what was typed."""

from __future__ import annotations

from pydantic import ValidationError

from adapters.cli.failures import UsageProblem
from domain.options import Overrides, TurnOptions

MAX_NAME_LENGTH = 200

_FLAGS = {
    "allow_shell": "--shell",
    "trust_mode": "--trust",
    "auto_approve": "--auto-approve",
}


def build_overrides(
    *,
    model: str | None = None,
    mode: str | None = None,
    route: str | None = None,
    summary: str | None = None,
    allow_shell: bool | None = None,
    trust_mode: bool | None = None,
    auto_approve: bool | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: int | None = None,
) -> Overrides:
    """`UsageProblem`, naming the option, for a value that cannot be."""
    for flag, name in (("--model", model), ("--mode", mode), ("--route", route)):
        check_name(flag, name)
    try:
        options = TurnOptions(
            model=model,
            mode=mode,
            allow_shell=allow_shell,
            trust_mode=trust_mode,
            auto_approve=auto_approve,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
        )
    except ValidationError as error:
        raise UsageProblem(_sentence(error)) from None
    return Overrides(options=options, route_intent=route, input_summary=summary)


def check_name(flag: str, name: str | None) -> None:
    """`UsageProblem` unless it is a short, printable word or two."""
    if name is not None and not (0 < len(name) <= MAX_NAME_LENGTH and name.isprintable()):
        what = f"give 1 to {MAX_NAME_LENGTH} printable characters"
        raise UsageProblem(f"Invalid value for '{flag}': {what}.")


def _sentence(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    field = str(problem["loc"][0])
    flag = _FLAGS.get(field, f"--{field.replace('_', '-')}")
    return f"Invalid value for '{flag}': {problem['msg']}."
