"""Small logs by hand: records as both programs write them, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from adapters.event_log import RecordedLog
from adapters.importers.import_files import import_paths
from adapters.importers.report import FileReport
from adapters.memory.recorder import MemoryLogRecorder
from domain.events.base import Event, Json
from domain.laws import violations
from domain.ports import Recorded
from tests.adapters.importers.story import story

SESSION = "11111111-2222-4333-8444-555555555555"
START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def time(second: int) -> str:
    """The second's time, as both programs write it."""
    return (START + timedelta(seconds=second)).isoformat(timespec="milliseconds")[:-6] + "Z"


def jsonl(records: Sequence[Json]) -> bytes:
    """The records as a file has them; record n (from 0) gets second n unless it says otherwise."""
    timed = [
        record if "timestamp" in record or record.pop("untimed", None) else stamped(record, second)
        for second, record in enumerate(records)
    ]
    return b"".join(json.dumps(record).encode() + b"\n" for record in timed)


def stamped(record: Json, second: int) -> Json:
    return {"timestamp": time(second), **record}


@dataclass
class Told:
    """What became of a file."""

    report: FileReport
    history: Sequence[Recorded]

    @property
    def events(self) -> list[Event]:
        return [entry.event for entry in self.history]

    @property
    def story(self) -> list[str]:
        """The events after thread.created, as lines."""
        return story(self.events)[1:]

    @property
    def skipped(self) -> dict[str, int]:
        return dict(self.report.tally.skipped)

    @property
    def contradictions(self) -> dict[str, int]:
        return dict(self.report.tally.contradictions)

    @property
    def held(self) -> dict[str, int]:
        return dict(self.report.tally.held)


class Importing:
    """A log in memory, and a folder for files."""

    def __init__(self, folder: Path, max_event_bytes: int = 1024 * 1024) -> None:
        self.folder = folder
        self.log = RecordedLog(MemoryLogRecorder(max_event_bytes=max_event_bytes), max_event_bytes)
        self.max_event_bytes = max_event_bytes

    def bring(self, data: bytes, name: str = f"{SESSION}.jsonl") -> Told:
        """Imports a file of these bytes. Whatever they are, the laws hold and no line is lost."""
        path = self.folder / name
        path.write_bytes(data)
        report = import_paths([path], self.log, max_event_bytes=self.max_event_bytes)
        (file,) = report.files
        history = self.log.read_thread(file.thread_id) if file.thread_id else []
        assert violations(history) == []
        check_tally(file)
        return Told(file, history)

    def tell(self, records: Sequence[Json], name: str = f"{SESSION}.jsonl") -> Told:
        """Imports a file of these records."""
        told = self.bring(jsonl(records), name)
        assert told.report.problem is None
        return told


def check_tally(file: FileReport) -> None:
    """Every piece of the file is counted once."""
    tally = file.tally
    fates = tally.mapped + sum(tally.skipped.values()) + sum(tally.held.values())
    assert fates == tally.records + tally.pieces
    assert all(count > 0 for count in [*tally.skipped.values(), *tally.held.values()])


# ── Codex ─────────────────────────────────────────────────────────────────────────────────────────


def meta(session_id: str = SESSION, **more: JsonValue) -> Json:
    payload = {"id": session_id, "timestamp": time(0), "cli_version": "0.142.0", **more}
    return {"type": "session_meta", "payload": payload}


def event(kind: str, **payload: JsonValue) -> Json:
    return {"type": "event_msg", "payload": {"type": kind, **payload}}


def item(kind: str, **payload: JsonValue) -> Json:
    return {"type": "response_item", "payload": {"type": kind, **payload}}


def task(turn_id: str = "t1") -> Json:
    return event("task_started", turn_id=turn_id)


def done(turn_id: str = "t1", last: str | None = "done") -> Json:
    return event("task_complete", turn_id=turn_id, last_agent_message=last)


def typed(text: str) -> list[Json]:
    """A prompt, written twice."""
    return [spoken("user", text), event("user_message", message=text)]


def spoken(role: str, text: str) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    return item("message", role=role, content=[{"type": kind, "text": text}])


def answer(text: str, **more: JsonValue) -> list[Json]:
    """What the model says, written twice."""
    return [event("agent_message", message=text, **more), spoken("assistant", text)]


def call(name: str, call_id: str, arguments: Json) -> Json:
    return item("function_call", name=name, call_id=call_id, arguments=json.dumps(arguments))


def output(call_id: str, text: JsonValue) -> Json:
    return item("function_call_output", call_id=call_id, output=text)


def totals(inputs: int, outputs: int, cached: int = 0, thought: int = 0) -> Json:
    usage: Json = {
        "input_tokens": inputs,
        "cached_input_tokens": cached,
        "output_tokens": outputs,
        "reasoning_output_tokens": thought,
    }
    return event("token_count", info={"total_token_usage": usage})


# ── Claude Code ───────────────────────────────────────────────────────────────────────────────────


def claude(kind: str, **more: JsonValue) -> Json:
    return {"type": kind, "sessionId": SESSION, **more}


def user(content: JsonValue, **more: JsonValue) -> Json:
    return claude("user", message={"role": "user", "content": content}, **more)


def assistant(message_id: str, *blocks: Json, stop: str | None = None, **usage: int) -> Json:
    message: Json = {
        "id": message_id,
        "role": "assistant",
        "model": "some-model",
        "content": list(blocks),
        "stop_reason": stop,
        "usage": dict(usage),
    }
    return claude("assistant", message=message)


def say(text: str) -> Json:
    return {"type": "text", "text": text}


def think(text: str) -> Json:
    return {"type": "thinking", "thinking": text}


def use(call_id: str, tool: str, **asked: JsonValue) -> Json:
    return {"type": "tool_use", "id": call_id, "name": tool, "input": dict(asked)}


def result(call_id: str, content: JsonValue, *, error: bool = False) -> Json:
    block = {"type": "tool_result", "tool_use_id": call_id, "content": content, "is_error": error}
    return user([block])


def queue(operation: str, content: str | None = None) -> Json:
    more = {"content": content} if content is not None else {}
    return claude("queue-operation", operation=operation, **more)


def system(subtype: str, **more: JsonValue) -> Json:
    return claude("system", subtype=subtype, **more)


def duration() -> Json:
    return system("turn_duration", durationMs=1000)


def hook(**more: JsonValue) -> Json:
    return system("stop_hook_summary", preventedContinuation=False, hookErrors=[], **more)


INTERRUPT = "[Request interrupted by user]"
DECLINE = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected. "
    "To tell you how to proceed, the user said:\n"
)
