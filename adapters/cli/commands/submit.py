"""Send a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import (
    Actor,
    AllowShell,
    AsJson,
    AutoApprove,
    DeliveryChoice,
    EngineName,
    InputId,
    MaxTokens,
    Mode,
    Model,
    NoRun,
    QueuedChoice,
    Route,
    ScriptFile,
    Summary,
    Temperature,
    TopP,
    Trust,
    argument,
    option,
)
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from domain.options import Overrides

ThreadUnlessNew = Annotated[
    str | None,
    argument(
        metavar="THREAD", help="The thread: its id, the beginning of it, or `last`. Not with --new."
    ),
]
Text = Annotated[str | None, argument(metavar="TEXT", help="The prompt; `-` reads it from stdin.")]
New = Annotated[bool, typer.Option("--new", help="Start a new thread with it.")]
Title = Annotated[str | None, option("--title", help="Title of the new thread.")]
Delivery = Annotated[
    DeliveryChoice | None,
    option(
        "--delivery",
        help=(
            "How it enters when a turn is running: in line behind it, into it at its next "
            "step, or instead of it. Without this a busy thread refuses."
        ),
    ),
]
Queued = Annotated[
    QueuedChoice | None,
    option("--queued", help="With --delivery interrupt: what becomes of the prompts that wait."),
]


def submit(
    *,
    thread: ThreadUnlessNew = None,
    text: Text = None,
    new: New = False,
    title: Title = None,
    delivery: Delivery = None,
    queued: Queued = None,
    input_id: InputId = None,
    model: Model = None,
    mode: Mode = None,
    route: Route = None,
    summary: Summary = None,
    allow_shell: AllowShell = None,
    trust: Trust = None,
    auto_approve: AutoApprove = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    max_tokens: MaxTokens = None,
    engine: EngineName = "scripted",
    script: ScriptFile = None,
    no_run: NoRun = False,
    actor: Actor = "user",
    as_json: AsJson = False,
) -> None:
    """Send a prompt to a thread, and run its turn if nobody else does."""
    from adapters.cli.overrides import build_overrides
    from adapters.cli.texts import read_text

    screen = Screen(as_json=as_json)
    reference, given = _thread_and_text(thread, text, new=new)
    _check_together(
        new=new, title=title, delivery=delivery, queued=queued, stdin_for=(given, script)
    )
    overrides = build_overrides(
        model=model,
        mode=mode,
        route=route,
        summary=summary,
        allow_shell=allow_shell,
        trust_mode=trust,
        auto_approve=auto_approve,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
    )
    sending = _Sending(reference, read_text(given, screen), title, overrides, input_id, actor)
    _send(sending, delivery, queued, None if no_run else (engine, script), screen)


@dataclass(frozen=True)
class _Sending:
    """A prompt on its way: into that thread, or with None into one that it makes."""

    thread: str | None
    text: str
    title: str | None
    overrides: Overrides
    input_id: str | None
    actor: str


def _send(
    sending: _Sending,
    delivery: DeliveryChoice | None,
    queued: QueuedChoice | None,
    engine: tuple[str, str | None] | None,
    screen: Screen,
) -> None:
    from adapters.cli.references import find_thread
    from adapters.cli.session import session
    from adapters.cli.working import load_engine, work_and_report
    from domain.options import ThreadSettings

    with session(screen) as log, screen.enduring():
        runs = load_engine(log, *engine) if engine else None
        if sending.thread is None:
            outcome = log.service.start(
                sending.text,
                title=sending.title,
                settings=ThreadSettings(steerable=runs.steerable if runs else True),
                overrides=sending.overrides,
                input_id=sending.input_id,
                actor=sending.actor,
            )
            screen.say(f"Thread {outcome.thread_id} is there.")
        else:
            outcome = log.service.submit(
                find_thread(sending.thread, log, sending.input_id),
                sending.text,
                delivery=delivery,
                queued=queued,
                overrides=sending.overrides,
                input_id=sending.input_id,
                actor=sending.actor,
            )
        work_and_report(log, outcome, runs, screen)


def _thread_and_text(thread: str | None, text: str | None, *, new: bool) -> tuple[str | None, str]:
    """With --new the only argument is the prompt, though it comes first."""
    from adapters.cli.failures import UsageProblem

    if new and text is not None:
        raise UsageProblem("--new takes the prompt alone. Quote it if it has blanks in it.")
    if new and thread is not None:
        return None, thread
    if text is None or thread is None:
        raise UsageProblem("Missing argument 'TEXT': the prompt; or --new, to start a thread.")
    return thread, text


def _check_together(
    *,
    new: bool,
    title: str | None,
    delivery: str | None,
    queued: str | None,
    stdin_for: tuple[str, str | None],
) -> None:
    from adapters.cli.failures import UsageProblem

    if stdin_for == ("-", "-"):
        raise UsageProblem("Only one of the prompt and the script can be read from stdin.")

    if title is not None and not new:
        raise UsageProblem("--title is for a new thread (--new); `turnlog update` changes one.")
    if queued is not None and delivery != "interrupt":
        raise UsageProblem("--queued goes with --delivery interrupt.")
    if new and delivery is not None:
        raise UsageProblem("--delivery is for a thread that is there; a new one runs it at once.")
