"""What is wrong with a thread that was hammered: its answers, its log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from adapters.audit import audit_thread
from adapters.composition import Turnlog
from domain.thread import Thread
from tests.contracts.chain import broken_links
from tests.race.calls import Operation, judged, line_of
from tests.race.linearizability import LIMIT, Call, Verdict, check
from tests.race.pure import Known, State, fork_of, step, tells

UNDECIDED: Final = """Undecided: the search gave up after {limit} configurations, at
{call}
with {count} other calls under way. Nothing is known to be wrong, and nothing is proven after that
call. Too many calls were under way at once: run this seed again with fewer calls
(TURNLOG_TEST_RACE_CALLS=40), or raise LIMIT in tests/race/linearizability.py."""

WRONG: Final = """No order of the calls explains
{operation}
answered
{answer}
possible were (before what the log has in the end was looked at)
{possible}
under way were
{beside}"""


@dataclass(frozen=True)
class Trouble:
    """An answer nobody could have had alone; a search that gave up; a log that breaks its laws; an
    acknowledged prompt that is not in the log once."""

    kind: Literal["answer", "undecided", "log", "lost"]
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


def troubles(
    turnlog: Turnlog, thread_id: str, calls: Sequence[Call[Operation]], limit: int = LIMIT
) -> list[Trouble]:
    """All there is to say against the calls on that thread, and against its log."""
    told = [call for call in calls if call.operation.thread_id == thread_id]
    return [
        *_about_answers(thread_id, told, _known(turnlog, thread_id, told), limit),
        *_about_log(turnlog, thread_id),
        *_about_prompts(turnlog, thread_id, told),
    ]


def _known(turnlog: Turnlog, thread_id: str, calls: Sequence[Call[Operation]]) -> Known:
    """What is in the log in the end."""
    commands = {
        str(call.operation.arguments["command_id"])
        for call in calls
        if call.operation.method == "fork"
    }
    made = [found for command_id in commands if (found := turnlog.log.read_command(command_id))]
    history = turnlog.log.read_thread(thread_id)
    return Known([line_of(entry) for entry in history], frozenset(map(fork_of, made)))


def _about_answers(
    thread_id: str, calls: Sequence[Call[Operation]], known: Known, limit: int
) -> Iterator[Trouble]:
    initial = State(Thread(thread_id))
    verdict = check(judged(calls), initial, step, limit, known.leads_on, tells)
    done = Counter(call.operation.method for call in calls if _is_done(call))
    print(f"{len(calls)} calls, {verdict.configurations} configurations; done: {dict(done)}")  # noqa: T201
    if verdict.undecided is not None:
        count = len(verdict.open_calls)
        what = UNDECIDED.format(limit=limit, call=verdict.undecided.operation, count=count)
        yield Trouble("undecided", what)
    if verdict.refuted is not None:
        yield Trouble("answer", _wrong(verdict, verdict.refuted))


def _is_done(call: Call[Operation]) -> bool:
    """Whether it was answered, and not by a refusal."""
    return call.answer is not None and not re.match("[A-Za-z]+(:|$)", str(call.answer))


def _wrong(verdict: Verdict[Operation], call: Call[Operation]) -> str:
    return WRONG.format(
        operation=call.operation,
        answer=call.answer,
        possible="\n".join(map(str, verdict.possible)),
        beside="\n".join(f"{one.operation} -> {one.answer}" for one in verdict.open_calls),
    )


def _about_log(turnlog: Turnlog, thread_id: str) -> Iterator[Trouble]:
    """Numbers, hashes, laws, fold."""
    entries = turnlog.recorder.select_thread(thread_id)
    for finding in audit_thread(thread_id, entries).findings:
        yield Trouble("log", f"seq {finding.seq}: {finding.what}")
    for broken in broken_links(entries):
        yield Trouble("log", f"the chain is broken: {broken}")


def _about_prompts(
    turnlog: Turnlog, thread_id: str, calls: Sequence[Call[Operation]]
) -> Iterator[Trouble]:
    """Whatever was acknowledged is there once."""
    admitted = Counter(
        entry.event.command_id
        for entry in turnlog.log.read_thread(thread_id)
        if entry.event.name == "prompt.admitted"
    )
    for call in calls:
        if "admission=Admission(" in str(call.answer):
            input_id = call.operation.arguments["input_id"]
            if admitted[input_id] != 1:
                yield Trouble("lost", f"{input_id} is in the log {admitted[input_id]} times")
