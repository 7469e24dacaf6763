"""Arguments and options that several commands have in common."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import typer

option = partial(typer.Option, show_default=False)
argument = partial(typer.Argument, show_default=False)

DeliveryChoice = Literal["queue", "steer", "interrupt"]
QueuedChoice = Literal["hold", "continue", "discard"]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for programs.")]
ThreadRef = Annotated[
    str, argument(metavar="THREAD", help="The thread: its id, the beginning of it, or `last`.")
]
PromptRef = Annotated[
    str, typer.Argument(metavar="PROMPT", help="The prompt's id, or the beginning of it.")
]
PromptText = Annotated[str, argument(metavar="TEXT", help="The prompt; `-` reads it from stdin.")]
Actor = Annotated[
    str, typer.Option("--actor", metavar="NAME", help="Who does this, for the record.")
]
CommandId = Annotated[
    str | None,
    option(
        "--command-id",
        metavar="ID",
        help="An id (cmd_…) to repeat when you retry: the same command is answered, not repeated.",
    ),
]
InputId = Annotated[
    str | None,
    option(
        "--input-id",
        metavar="ID",
        help="An id (inp_…) to repeat when you retry: the same prompt is answered, not repeated.",
    ),
]

_override = partial(option, rich_help_panel="What this prompt runs with")
Model = Annotated[str | None, _override("--model", help="The model.")]
Mode = Annotated[str | None, _override("--mode", help="The engine's mode.")]
Route = Annotated[
    str | None,
    _override(
        "--route",
        metavar="INTENT",
        help="An intent, from which TURNLOG_ROUTING chooses the model.",
    ),
]
Summary = Annotated[str | None, _override("--summary", help="A summary for lists.")]
AllowShell = Annotated[bool | None, _override("--shell/--no-shell", help="Allow a shell.")]
Trust = Annotated[bool | None, _override("--trust/--no-trust", help="Trust mode.")]
AutoApprove = Annotated[
    bool | None,
    _override("--auto-approve/--no-auto-approve", help="Approve what the engine asks for."),
]
Temperature = Annotated[float | None, _override("--temperature", help="0 to 10.")]
TopP = Annotated[float | None, _override("--top-p", help="0 to 1.")]
MaxTokens = Annotated[int | None, _override("--max-tokens", help="1 or more.")]

_run = partial(typer.Option, rich_help_panel="Who runs it")
EngineName = Annotated[str, _run("--engine", help="The engine that runs turns.")]
ScriptFile = Annotated[
    str | None,
    _run(
        "--script",
        metavar="FILE",
        help="Steps for the scripted engine, as JSON; `-` reads them from stdin.",
        show_default=False,
    ),
]
NoRun = Annotated[bool, _run("--no-run", help="Only record it; `turnlog run` works on it later.")]
