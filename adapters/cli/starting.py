"""A new thread together with its first prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from adapters.cli.words import one_line
from domain import ids
from domain.decide.lifecycle import decide_create
from domain.decide.submit import NewPrompt, decide_submit
from domain.execution import Intent
from domain.options import Overrides, Routing, ThreadSettings
from domain.thread import fold

if TYPE_CHECKING:
    from adapters.composition import Turnlog
    from domain.command import Command
    from domain.events.base import Event
    from domain.outcome import Outcome
    from domain.ports import Engine
    from domain.thread import Thread

TITLE_CHARS: Final = 60


def start_thread(
    log: Turnlog,
    text: str,
    title: str | None,
    overrides: Overrides,
    engine: Engine | None,
    input_id: str | None,
    actor: str,
) -> Outcome:
    """Creation and submission in one append, so that a refused prompt leaves no empty thread (L7).

    A retry by `input_id` finds the thread it made then.
    """
    settings = ThreadSettings(steerable=engine.steerable if engine else True)
    routing = Routing(rules=log.settings.routing)
    key = ids.check("inp", input_id or log.service.new_id("inp"))
    prompt = NewPrompt(key, text, None, overrides)
    name = title or one_line(text, TITLE_CHARS)

    def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
        created = decide_create(name, settings, None, command, thread)
        return (*created, *decide_submit(prompt, routing, command, fold(thread, created)))

    body = {"title": title, "text": text, "overrides": overrides}
    return log.execution.run(
        Intent(
            "start",
            body,
            log.service.new_id("thr"),
            decide,
            actor,
            key,
            retryable=input_id is not None,
            thread_chosen=False,
        )
    )
