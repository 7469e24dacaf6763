"""Change what a waiting prompt says."""

from __future__ import annotations

from domain import text
from domain.command import Command
from domain.decide.queue import find_waiting
from domain.decide.submit import summary_of
from domain.events.base import Event
from domain.events.prompt import PromptEdited
from domain.inbox import Prompt
from domain.options import Overrides, Routing, resolve
from domain.thread import Thread


def decide_edit(
    input_id: str,
    content: str,
    overrides: Overrides | None,
    routing: Routing,
    command: Command,
    thread: Thread,
) -> tuple[Event, ...]:
    """The prompt keeps its place and its delivery; nothing if it says that already.

    With `overrides` its options are resolved anew, else they stay as they are. `PromptNotWaiting`,
    `PromptRequired`.
    """
    thread.writable()
    before = find_waiting(input_id, thread)
    cleaned = text.clean_prompt(content)
    options, route_intent = before.options, before.route_intent
    if overrides is not None:
        options = resolve(overrides, thread.settings, routing)
        route_intent = overrides.route_intent
    event = PromptEdited(
        **command.header(thread.thread_id),
        input_id=input_id,
        text=cleaned.text,
        summary=_summary(cleaned.text, overrides, before),
        options=options,
        route_intent=route_intent,
        replaced=cleaned.replaced,
    )
    return () if _says(event, before) else (event,)


def _summary(cleaned: str, overrides: Overrides | None, before: Prompt) -> str:
    """The one it was given, if it still says the same; else that of what it says now."""
    if overrides is None and cleaned == before.text:
        return before.summary
    return summary_of(cleaned, overrides or Overrides())


def _says(event: PromptEdited, prompt: Prompt) -> bool:
    return (event.text, event.summary, event.options, event.route_intent) == (
        prompt.text,
        prompt.summary,
        prompt.options,
        prompt.route_intent,
    )
