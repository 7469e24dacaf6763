"""A thread's log as a timeline, and what the thread was at a point of it."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.options import AsJson, ThreadRef, option
from adapters.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from adapters.cli.timeline_view import TimelinePrinter
    from adapters.composition import Turnlog
    from domain.errors import CorruptEvent
    from domain.ports import Recorded
    from projections.timeline import TimelineEntry


def replay(
    *,
    thread: ThreadRef,
    at: Annotated[
        str | None,
        option(
            "--at", metavar="SEQ|TIME", help="Only up to this event, or as it was at this time."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is appended, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell a thread's log as a timeline, and the state it leads to."""
    from adapters.cli.failures import UsageProblem
    from adapters.cli.moments import parse_moment
    from adapters.cli.session import thread_session
    from adapters.cli.timeline_view import TimelinePrinter
    from domain.errors import ThreadNotFound
    from projections.timeline import timeline

    if at is not None and follow:
        raise UsageProblem("--at looks back and --follow ahead; give one of them.")
    screen = Screen(as_json=as_json)
    with thread_session(screen, thread) as (log, thread_id):
        moment = None if at is None else parse_moment(at, log.clock.now())
        history, problem = _history(thread_id, log, moment)
        if not history and problem is None:
            raise ThreadNotFound(thread_id=thread_id)
        printer = TimelinePrinter(screen)
        if follow:
            _follow(thread_id, history, log, screen, printer)
            return
        history = _until(history, moment)
        lines = list(timeline(history))
        for line in lines:
            printer.show(line)
        _tell_state(thread_id, history, lines, screen, whole=at is None)
        if problem is not None and at is None:
            raise problem


def _history(
    thread_id: str, log: Turnlog, moment: int | datetime | None
) -> tuple[Sequence[Recorded], CorruptEvent | None]:
    """What can be read from the first event on, and what stops it.

    Of what comes after a seq that is looked back to nothing is read; but the first event always is,
    for it shows that there is a thread.
    """
    from adapters.event_log import decoded
    from domain.errors import CorruptEvent

    upto = max(moment, 1) if isinstance(moment, int) else None
    with contextlib.suppress(CorruptEvent):
        return log.log.read_thread(thread_id, upto_seq=upto), None
    history: list[Recorded] = []
    for entry in log.recorder.select_thread(thread_id, upto_seq=upto):
        try:
            history.append(decoded(entry))
        except CorruptEvent as error:
            return history, error
    return history, None


def _until(history: Sequence[Recorded], moment: int | datetime | None) -> Sequence[Recorded]:
    from projections.replay import until

    if isinstance(moment, int):
        return until(history, seq=moment)
    return until(history, at=moment)


def _tell_state(
    thread_id: str,
    history: Sequence[Recorded],
    lines: Sequence[TimelineEntry],
    screen: Screen,
    *,
    whole: bool,
) -> None:
    from adapters.cli.thread_view import document, slot_and_inbox, tell_thread
    from adapters.cli.words import count
    from projections.replay import replay as fold

    rows = fold(history)
    seq = history[-1].seq if history else 0
    if screen.as_json:
        screen.document(
            {
                "thread_id": thread_id,
                "seq": seq,
                "timeline": [asdict(line) for line in lines],
                "state": document(rows),
            }
        )
    screen.say()
    if rows.thread is None:
        screen.say("The thread did not exist yet.")
    elif whole:
        state = slot_and_inbox(rows.thread)
        screen.say(f"After seq {seq}: {state}, {count(rows.thread.turn_count, 'turn')}.", "bold")
    else:
        screen.say(f"After seq {seq}:", "bold")
        tell_thread(rows, screen, history[-1].event.at, turns=1, full=False)


def _follow(
    thread_id: str,
    history: Sequence[Recorded],
    log: Turnlog,
    screen: Screen,
    printer: TimelinePrinter,
) -> None:
    """What there is and then what comes, as one timeline, a line of JSON each for programs."""
    from itertools import chain

    from adapters.cli.live import Watch
    from adapters.event_log import decoded
    from projections.timeline import timeline

    watch = Watch(log.recorder, history[-1].position if history else 0)
    coming = (decoded(entry) for entry in watch if entry.thread_id == thread_id)
    for line in timeline(chain(history, coming)):
        printer.show(line)
        screen.line(asdict(line))
