"""What comes after a command that may have given an engine something to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from adapters.cli import outcomes
from adapters.cli.driving import Driven
from adapters.cli.failures import INTERRUPTED, REFUSED
from adapters.cli.screen import Screen
from adapters.cli.texts import read_script
from adapters.cli.words import duration, one_line

if TYPE_CHECKING:
    from adapters.composition import Turnlog
    from domain.outcome import Outcome
    from domain.ports import Engine

_ENDS = {
    "recovered": "Turn {turn_id} was left by a lost worker; it is recorded as interrupted.",
    "gone": "Turn {turn_id} was ended by somebody else.",
    "lost": "The lease of turn {turn_id} was lost or could not be renewed, so we stopped.",
}


def load_engine(log: Turnlog, name: str, script: str | None) -> Engine:
    """The engine, with its script if one is given; before anything is written."""
    return log.engine(name, read_script(script) if script else None)


def report(outcome: Outcome, screen: Screen, done: str = "") -> None:
    """The outcome of a command that runs nothing; `done` says it, if anything was done."""
    if done and outcome.seq is not None:
        screen.say(done)
    screen.document({"outcome": outcomes.as_document(outcome)})
    outcomes.tell(outcome, screen)


def work_and_report(log: Turnlog, outcome: Outcome, engine: Engine | None, screen: Screen) -> None:
    """The outcome, and the thread's turns run, if there is an `engine`, until its slot is free.

    The turns run even if the outcome cannot be told: nobody else might run them.
    """
    with screen.enduring():
        _work_and_report(log, outcome, engine, screen)


def _work_and_report(log: Turnlog, outcome: Outcome, engine: Engine | None, screen: Screen) -> None:
    from adapters.cli.driving import drive_thread

    outcomes.tell(outcome, screen)
    if engine is None:
        screen.document({"outcome": outcomes.as_document(outcome), "turns": []})
        return
    after = outcome.position or log.recorder.head()
    driven = drive_thread(log, engine, outcome.thread_id, screen, after)
    screen.document({"outcome": outcomes.as_document(outcome), **as_document(driven)})
    tell_end(log, {outcome.thread_id}, driven, screen, outcomes.held_by(outcome))


def as_document(driven: Driven) -> dict[str, object]:
    """What became of the turns, for a program."""
    return {
        "turns": [
            {
                "thread_id": result.thread_id,
                "turn_id": result.turn_id,
                "end": result.end,
                "next_turn_id": result.outcome.started_turn_id if result.outcome else None,
            }
            for result in driven.results
        ],
        "stopped": driven.stopped,
    }


def tell_end(
    log: Turnlog, thread_ids: set[str], driven: Driven, screen: Screen, told_held: int = 0
) -> None:
    """How it ended and what is on hold, unless that was told; exits with 130 after Ctrl-C, with 1
    after a failure."""
    for result in driven.results:
        if result.end == "taken":
            _tell_worker(log, result.turn_id, screen)
        elif result.end in _ENDS:
            screen.say(_ENDS[result.end].format(turn_id=result.turn_id), "yellow")
    for problem in driven.problems:
        screen.note(problem.message)
    if any(result.end == "lost" for result in driven.results):
        raise typer.Exit(REFUSED)  # perhaps because the log is out of reach: no use asking it
    for thread_id in sorted(thread_ids):
        held = sum(1 for p in log.service.thread(thread_id).inbox if p.state == "held")
        if held != told_held:
            outcomes.tell_held(held, thread_id, screen)
    if driven.stopped:
        raise typer.Exit(INTERRUPTED)
    if driven.failed:
        raise typer.Exit(REFUSED)


def _tell_worker(log: Turnlog, turn_id: str, screen: Screen) -> None:
    """Who has the turn, and when to come back should that worker be gone."""
    lease = log.leases.find(turn_id)
    holder = f" ({one_line(lease.holder, 60)})" if lease else ""
    screen.say(f"Another worker{holder} is at turn {turn_id}, and takes on what follows it.")
    if lease and lease.seconds_left > 0:
        left = duration(max(1.0, lease.seconds_left))
        screen.say(
            f"If it is gone: `turnlog run` takes over when its lease ends, in {left}.", "dim"
        )
