"""The demo."""

from __future__ import annotations

import os
import time

from adapters.cli.options import AsJson
from adapters.cli.screen import Screen


def demo(*, as_json: AsJson = False) -> None:
    """Tell a story: a queue, a steer, an interrupt, a crash; in a schema of its own."""
    import asyncio

    from adapters.cli.demo import script
    from adapters.cli.demo.ending import tell_ending
    from adapters.cli.demo.stage import Stage
    from adapters.cli.demo.story import tell_story
    from adapters.cli.session import demo_session
    from domain.options import ThreadSettings

    screen = Screen(as_json=as_json)
    began = time.monotonic()
    with demo_session(screen) as log:
        _tell_beginning(screen)
        engine = log.engine("scripted", (script.text(), "demo"))
        runner, _ = log.runner(engine)
        settings = ThreadSettings(steerable=engine.steerable)
        first = log.service.start(script.RETRY, settings=settings, actor="ada")
        stage = Stage(log, screen, first.thread_id)
        held_at = asyncio.run(tell_story(stage, runner, first))
        found = tell_ending(log, first.thread_id, held_at, screen)
        seconds = time.monotonic() - began
        steps = stage.as_document()
        screen.document(
            {
                "thread_id": first.thread_id,
                "schema": log.settings.schema_name,
                "steps": steps,
                **found,
                "seconds": round(seconds, 3),
            }
        )
        _tell_next(screen, log.settings.schema_name, seconds)


def _tell_beginning(screen: Screen) -> None:
    screen.say(
        "A conversation with an agent, and what turnlog decides. The engine plays a script; "
        "the database, the processes and the crash are real. Under each step are the events "
        "that it wrote, with their numbers in the thread."
    )


def _tell_next(screen: Screen, schema: str, seconds: float) -> None:
    from adapters.cli.words import duration

    # Empty counts as not set: the demo is on the embedded database, whatever is set.
    embedded = "TURNLOG_DATABASE_URL= " if os.environ.get("TURNLOG_DATABASE_URL") else ""
    screen.say()
    screen.say(f"That took {duration(seconds)}. What to try next:", "bold")
    for command, what in (
        (f"{embedded}TURNLOG_SCHEMA={schema} turnlog show last", "this conversation in full"),
        ('turnlog submit --new "Hello"', "one of your own, with an echo"),
        ("turnlog import ~/.codex/sessions", "your agents' logs, as threads"),
        ("turnlog --help", "everything else"),
    ):
        screen.say(f"{command:<45}  {what}", indent=4)
