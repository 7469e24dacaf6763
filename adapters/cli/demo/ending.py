"""What the log is good for afterwards: replayed, rebuilt from, verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from adapters.cli.demo.stage import StoryBroken
from adapters.cli.screen import Screen
from adapters.cli.thread_view import slot_and_inbox
from adapters.cli.timeline_view import TimelinePrinter
from adapters.cli.verifying import Verdict, verify_threads
from adapters.cli.words import count, duration
from projections.replay import replay, until
from projections.timeline import timeline

if TYPE_CHECKING:
    from adapters.composition import Turnlog
    from domain.ports import Recorded

TOLD: Final = (
    "turn.started",
    "turn.steered",
    "turn.interrupt_requested",
    "turn.completed",
    "queue.held",
    "queue.released",
)
ENDS: Final = ["completed", "interrupted", "completed", "interrupted", "completed"]


def tell_ending(log: Turnlog, thread_id: str, held_at: int, screen: Screen) -> dict[str, object]:
    """Replay, rebuild, verify, and what came of it for a program; `StoryBroken` if not clean."""
    history = log.log.read_thread(thread_id)
    _replay(history, held_at, screen)
    rebuilt = log.rebuild(lambda _: None)
    verdict = Verdict()
    verify_threads(log, None, verdict, lambda _done, _total, _note="": None)
    screen.say()
    screen.say("turnlog rebuild, turnlog verify", "bold")
    what = f"from {count(rebuilt.position, 'event')} in {duration(rebuilt.seconds)}"
    screen.say(f"The read models, made anew {what}.", indent=4)
    if not verdict.is_clean:
        verdict.tell(screen, limit=5)
        raise StoryBroken(what="verify found something")
    screen.say(
        "Clean: numbers without a gap, hashes, laws, and "
        f"{count(verdict.rows, 'row')} as the log says.",
        indent=4,
    )
    return {"rebuilt": asdict(rebuilt), "verified": verdict.as_document()}


def _replay(history: Sequence[Recorded], held_at: int, screen: Screen) -> None:
    rows = replay(history)
    ends = [turn.status for turn in rows.turns]
    if ends != ENDS or rows.inbox:
        raise StoryBroken(what=f"the turns ended as {ends}")
    screen.say()
    screen.say("turnlog replay (its turns only)", "bold")
    printer = TimelinePrinter(screen)
    for entry in timeline(history):
        if entry.type in TOLD:
            printer.show(entry)
    then = replay(until(history, seq=held_at)).thread
    if then is None or then.held_count != 1:
        raise StoryBroken(what=f"one prompt was held at seq {held_at}")
    screen.say(f"With --at {held_at} it is as it was then: {slot_and_inbox(then)}.", indent=4)
