"""Arguments and options that several commands have in common."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

DeliveryChoice = Literal["queue", "steer", "interrupt"]
QueuedChoice = Literal["hold", "continue", "discard"]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for programs.")]
ThreadRef = Annotated[
    str,
    typer.Argument(
        metavar="THREAD",
        help="The thread: its id, the beginning of it, or `last`.",
        show_default=False,
    ),
]
PromptText = Annotated[
    str,
    typer.Argument(metavar="TEXT", help="The prompt; `-` reads it from stdin.", show_default=False),
]
Actor = Annotated[
    str, typer.Option("--actor", metavar="NAME", help="Who does this, for the record.")
]
CommandId = Annotated[
    str | None,
    typer.Option(
        "--command-id",
        metavar="ID",
        help="An id (cmd_…) to repeat when you retry: the same command is answered, not repeated.",
        show_default=False,
    ),
]
InputId = Annotated[
    str | None,
    typer.Option(
        "--input-id",
        metavar="ID",
        help="An id (inp_…) to repeat when you retry: the same prompt is answered, not repeated.",
        show_default=False,
    ),
]

_OVERRIDES = "What this prompt runs with"
Model = Annotated[
    str | None,
    typer.Option("--model", rich_help_panel=_OVERRIDES, help="The model.", show_default=False),
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--mode", rich_help_panel=_OVERRIDES, help="The engine's mode.", show_default=False
    ),
]
Route = Annotated[
    str | None,
    typer.Option(
        "--route",
        metavar="INTENT",
        rich_help_panel=_OVERRIDES,
        help="An intent, from which TURNLOG_ROUTING chooses the model.",
        show_default=False,
    ),
]
Summary = Annotated[
    str | None,
    typer.Option(
        "--summary", rich_help_panel=_OVERRIDES, help="A summary for lists.", show_default=False
    ),
]
AllowShell = Annotated[
    bool | None,
    typer.Option(
        "--shell/--no-shell", rich_help_panel=_OVERRIDES, help="Allow a shell.", show_default=False
    ),
]
Trust = Annotated[
    bool | None,
    typer.Option(
        "--trust/--no-trust", rich_help_panel=_OVERRIDES, help="Trust mode.", show_default=False
    ),
]
AutoApprove = Annotated[
    bool | None,
    typer.Option(
        "--auto-approve/--no-auto-approve",
        rich_help_panel=_OVERRIDES,
        help="Approve what the engine asks for.",
        show_default=False,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", rich_help_panel=_OVERRIDES, help="0 to 10.", show_default=False),
]
TopP = Annotated[
    float | None,
    typer.Option("--top-p", rich_help_panel=_OVERRIDES, help="0 to 1.", show_default=False),
]
MaxTokens = Annotated[
    int | None,
    typer.Option("--max-tokens", rich_help_panel=_OVERRIDES, help="1 or more.", show_default=False),
]

_RUNNING = "Who runs it"
EngineName = Annotated[
    str, typer.Option("--engine", rich_help_panel=_RUNNING, help="The engine that runs turns.")
]
ScriptFile = Annotated[
    str | None,
    typer.Option(
        "--script",
        metavar="FILE",
        rich_help_panel=_RUNNING,
        help="Steps for the scripted engine, as JSON; `-` reads them from stdin.",
        show_default=False,
    ),
]
NoRun = Annotated[
    bool,
    typer.Option(
        "--no-run",
        rich_help_panel=_RUNNING,
        help="Only record it; `turnlog run` works on it later.",
    ),
]
