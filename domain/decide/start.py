"""Start a thread with its first prompt: in one append, as a refused one leaves no thread (L7)."""

from __future__ import annotations

from typing import Final

from domain import text
from domain.command import Command
from domain.decide.lifecycle import decide_create
from domain.decide.submit import NewPrompt, decide_submit
from domain.events.base import Event
from domain.options import Routing, ThreadSettings
from domain.thread import Thread, fold

TITLE_LIMIT: Final = 60  # characters of the prompt


def decide_start(
    title: str | None,
    settings: ThreadSettings,
    prompt: NewPrompt,
    routing: Routing,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """A new thread runs `prompt`, and is named after it unless it has a title of its own.

    `PromptRequired`, `ThreadExists`.
    """
    name = title or text.summarize(text.clean_prompt(prompt.text).text, TITLE_LIMIT)
    created = decide_create(name, settings, None, command, thread)
    return (*created, *decide_submit(prompt, routing, command, fold(thread, created)))
