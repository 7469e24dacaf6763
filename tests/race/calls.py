"""Calls as they are made, taken down and told: a line of JSON at the begin, and one at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Protocol

from domain.errors import LeaseLost, Refused, ThreadContended
from domain.execution import Execution
from domain.outcome import Outcome
from domain.ports import EventLog, Lease, Pause, Recorded, Threads
from domain.service import ThreadService
from tests.fixtures.clock import START
from tests.race.linearizability import Call

CONTENDED: Final = ThreadContended.__name__
HOUR: Final = 3600.0


@dataclass(frozen=True)
class Operation:
    """What is asked for: a method of the service, or one of `read`, `history`, `acquire`, `lapse`.

    `token` is that of the lease a worker names. No two operations have the same `name`.
    """

    name: str
    thread_id: str
    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    token: int | None = None


class Site(Protocol):
    """Where operations are done: the product, or its model."""

    @property
    def log(self) -> EventLog: ...
    @property
    def threads(self) -> Threads: ...
    def acquire(self, turn_id: str, thread_id: str) -> int | None: ...
    def lapse(self, turn_id: str, token: int) -> None: ...


class _Clock:
    def now(self) -> datetime:
        return START


class _Entropy:
    """The same for all that one operation mints: so its model mints the same ids."""

    def __init__(self, name: str) -> None:
        self._bytes = hashlib.sha256(name.encode()).digest()[:16]

    def bytes(self) -> bytes:
        return self._bytes


def do(operation: Operation, site: Site, pause: Pause) -> str:
    """The answer, as it is compared: without the position, as other threads move that on, too."""
    execution = Execution(site.log, site.threads, _Clock(), _Entropy(operation.name), pause)
    arguments, thread_id = operation.arguments, operation.thread_id
    try:
        match operation.method:
            case "read":
                return repr(execution.thread(thread_id))
            case "history":
                return "\n".join(map(line_of, execution.history(thread_id)))
            case "acquire":
                return repr(site.acquire(arguments["turn_id"], thread_id))
            case "lapse":
                site.lapse(arguments["turn_id"], arguments["token"])
                return "lapsed"
        if operation.token is not None:
            lease = Lease(arguments["turn_id"], thread_id, "somebody", operation.token, HOUR)
            arguments = {**arguments, "lease": lease}
        command = getattr(ThreadService(execution), operation.method)
        outcome = command(thread_id=thread_id, **arguments)
    except LeaseLost as refusal:
        return type(refusal).__name__  # what it says besides are times
    except Refused as refusal:
        return f"{type(refusal).__name__}: {refusal}"
    except ThreadContended:
        return CONTENDED
    assert isinstance(outcome, Outcome)
    return repr(replace(outcome, position=None))


def line_of(recorded: Recorded) -> str:
    """An entry of a history, as `history` answers."""
    event = recorded.event
    return f"{recorded.seq} {recorded.version} {event.name} {event.model_dump_json()}"


class Recorder:
    """Takes down calls, so that they are there also after a kill."""

    def __init__(self, write: Callable[[bytes], object], now: Callable[[], int]) -> None:
        self._write = write
        self._now = now

    def begin(self, operation: Operation) -> None:
        self._put({"begin": self._now(), "operation": asdict(operation)})

    def end(self, operation: Operation, answer: str) -> None:
        self._put({"end": self._now(), "name": operation.name, "answer": answer})

    def _put(self, line: Mapping[str, object]) -> None:
        self._write(json.dumps(line).encode() + b"\n")  # whole lines, by one write each


def calls_of(lines: Iterable[str]) -> list[Call[Operation]]:
    """The calls in what recorders have written; a last line may be torn."""
    begun: dict[str, Call[Operation]] = {}
    for line in lines:
        if not line.endswith("\n"):
            continue
        told = json.loads(line)
        if "begin" in told:
            operation = Operation(**told["operation"])
            assert operation.name not in begun, f"two operations {operation.name}"
            begun[operation.name] = Call(operation, told["begin"])
        else:
            call = begun[told["name"]]
            begun[told["name"]] = replace(call, end=told["end"], answer=told["answer"])
    return list(begun.values())


def judged(calls: Iterable[Call[Operation]]) -> list[Call[Operation]]:
    """The calls to judge.

    A command that gave up (`ThreadContended`) says of nothing but its luck, and did nothing. And a
    lease that lapses has run out, for an append that was under way, when that one is done at the
    latest: what was checked before is not undone.
    """
    told = [call for call in calls if call.answer != CONTENDED]
    return [_lapsing(call, told) if call.operation.method == "lapse" else call for call in told]


def _lapsing(call: Call[Operation], told: Iterable[Call[Operation]]) -> Call[Operation]:
    end = call.end
    if end is None:
        return call
    beside = [one for one in told if one.begin <= end and (one.end is None or one.end >= end)]
    ends = [one.end for one in beside if one.end is not None]
    return replace(call, end=max(ends) if len(ends) == len(beside) else None)
