"""Real logs against counts that another program made of them.

They lie beside the checkout (`../shared/transcripts`) or where TURNLOG_TEST_TRANSCRIPTS says, and
are not part of the project. `expected.json` counts native records; each test relates such counts to
events, exactly.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

import pytest

from adapters.event_log import RecordedLog
from adapters.importers.import_files import import_paths
from adapters.importers.records import Record, lines, parse
from adapters.importers.report import FileReport
from adapters.importers.values import mapping, string
from adapters.memory.recorder import MemoryLogRecorder
from domain.events.base import Event, TurnEvent
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import PromptAdmitted
from domain.events.thread import ThreadCreated, ThreadUpdated
from domain.events.turn import TurnCompleted, TurnInterruptRequested, TurnStarted, TurnSteered
from domain.laws import violations
from domain.ports import Recorded
from tests.adapters.importers.logs import check_tally

E = TypeVar("E", bound=Event)

FOLDER = Path(
    os.environ.get("TURNLOG_TEST_TRANSCRIPTS")
    or Path(__file__).resolve().parents[4] / "shared" / "transcripts"
)
pytestmark = pytest.mark.skipif(
    not (FOLDER / "expected.json").is_file(),
    reason="no transcripts beside the checkout; TURNLOG_TEST_TRANSCRIPTS names another place",
)


def names(program: str) -> list[str]:
    """The files of that program."""
    expected = FOLDER / "expected.json"
    listed = json.loads(expected.read_text()) if expected.is_file() else {}
    return [name for name in listed if name.startswith(f"{program}/")] or [f"{program}/none"]


CODEX = names("codex")
CLAUDE = names("claude-code")
CATALOGUE = "codex/agentsessions-shape-catalogue.jsonl"
SESSIONS = [name for name in CODEX if name != CATALOGUE]


@dataclass
class Imported:
    """A file that was imported into a log of its own."""

    name: str
    report: FileReport
    history: Sequence[Recorded]

    @cached_property
    def events(self) -> list[Event]:
        return [entry.event for entry in self.history]

    @cached_property
    def expected(self) -> Counter[str]:
        counts = json.loads((FOLDER / "expected.json").read_text())[self.name]["counts"]
        return Counter(counts)

    @cached_property
    def records(self) -> dict[tuple[int, int], Record]:
        """The file's records, by line and part."""
        with (FOLDER / self.name).open("rb") as stream:
            pieces = [piece for line in lines(stream) for piece in parse(line)]
        return {(p.line, p.part): p for p in pieces if isinstance(p, Record)}

    def cause(self, event: Event) -> Record:
        """The record an event comes from."""
        assert event.source is not None
        return self.records[event.source.line, event.source.part]

    def of(self, cls: type[E], record_type: str | None = None) -> list[E]:
        """The events of that class, caused by records of that type."""
        found = [event for event in self.events if isinstance(event, cls)]
        return [e for e in found if record_type is None or self.cause(e).type == record_type]

    @cached_property
    def items(self) -> dict[str, ItemStarted]:
        return {event.item_id: event for event in self.of(ItemStarted)}

    def kinds(self, *kinds: str) -> int:
        """How many items there are of those kinds."""
        return sum(item.kind in kinds for item in self.items.values())

    def skipped(self, *beginnings: str) -> int:
        """How many records were skipped for reasons that begin so."""
        skipped = self.report.tally.skipped
        return sum(n for reason, n in skipped.items() if reason.startswith(beginnings))


def bring(log: RecordedLog, name: str) -> Imported:
    report = import_paths([FOLDER / name], log)
    (file,) = report.files
    assert file.problem is None
    assert file.thread_id is not None
    return Imported(name, file, log.read_thread(file.thread_id))


@cache
def imported(name: str) -> Imported:
    """That file, imported once for all tests."""
    return bring(RecordedLog(MemoryLogRecorder()), name)


@pytest.mark.parametrize("name", [*CODEX, *CLAUDE])
def test_the_laws_hold_and_every_record_has_a_fate(name: str) -> None:
    file = imported(name)
    assert violations(file.history) == []
    assert file.report.tally.records == file.expected["records"]
    check_tally(file.report)
    assert "says nothing of its own" not in file.report.tally.skipped
    assert file.report.tally.held == {}
    assert all(event.source is not None for event in file.events)


@pytest.mark.parametrize("name", [*CODEX, *CLAUDE])
def test_importing_again_adds_nothing(name: str) -> None:
    log = RecordedLog(MemoryLogRecorder())
    first, again = bring(log, name), bring(log, name)
    assert (again.report.new, again.report.known) == (0, len(first.events))
    assert first.events == imported(name).events


@pytest.mark.parametrize("name", [*CODEX, *CLAUDE])
def test_any_earlier_state_of_the_file_is_a_beginning(name: str, tmp_path: Path) -> None:
    data = (FOLDER / name).read_bytes()
    whole = [event.model_dump(exclude={"origin"}) for event in imported(name).events]
    log = RecordedLog(MemoryLogRecorder())
    path = tmp_path / Path(name).name
    events: list[object] = []
    for share in (0.1, 0.45, 0.77, 1):
        path.write_bytes(data[: int(len(data) * share)])
        (file,) = import_paths([path], log).files
        assert file.problem is None
        stored = log.read_thread(imported(name).report.thread_id or "")
        assert violations(stored) == []
        events = [*(entry.event.model_dump(exclude={"origin"}) for entry in stored)]
        assert events == whole[: len(events)]
    assert len(events) == len(whole)


def test_grown_files_add_their_tail_in_any_order() -> None:
    pairs = [
        ("entire-9fe3cfdef74d-0.grow1.jsonl", "entire-9b3838281539-0.grow2.jsonl"),
        ("ohmyposh-52ce428f6a9c-0.grow1.jsonl", "ohmyposh-5f7d1158f007-0.grow2.jsonl"),
    ]
    for earlier, later in [(f"claude-code/{a}", f"claude-code/{b}") for a, b in pairs]:
        log = RecordedLog(MemoryLogRecorder())
        before, after = bring(log, earlier), bring(log, later)
        assert before.report.new == len(before.events) > 0
        assert after.report.known == len(before.events)
        assert after.report.new == len(after.events) - len(before.events) > 0
        assert after.events[1:] == imported(later).events[1:]
        assert bring(log, earlier).report.new == 0


def test_everything_under_the_folder_at_once() -> None:
    log = RecordedLog(MemoryLogRecorder())
    report = import_paths([FOLDER], log)
    assert report.problems == []
    assert len(report.imported) == 17
    assert {f.path.name for f in report.files if f.not_a_log} == {"SOURCES.md", "expected.json"}
    assert len({file.thread_id for file in report.imported}) == 15  # two are earlier states


# ── Codex ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", CODEX)
def test_codex_prompts_and_ends(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    assert len(file.of(PromptAdmitted)) == expected["event_msg/user_message"]
    ends = [e for e in file.of(TurnCompleted) if e.source and not e.source.inferred]
    stated = [e for e in ends if e.status != "interrupted"]
    not_open = file.skipped("the end of a turn that is not open")
    assert len(stated) + not_open == expected["event_msg/task_complete"]
    assert len(file.of(TurnInterruptRequested)) == expected["event_msg/turn_aborted"]
    assert file.skipped("token_count") == expected["event_msg/token_count"]
    assert file.skipped("turn_context") == expected["turn_context"]
    assert 1 + file.skipped("another session's session_meta") == expected["session_meta"]
    open_turns = file.report.open_turn is not None
    assert open_turns == expected["turn open at end of file"]


@pytest.mark.parametrize("name", SESSIONS)
def test_codex_turns(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    started = file.of(TurnStarted)
    assert len(started) == expected["event_msg/task_started"]
    assert len(file.of(TurnSteered)) == expected["steer (2nd+ user_message in one task)"]
    interrupted = {e.turn_id for e in file.of(TurnCompleted) if e.status == "interrupted"}
    unprompted = [e for e in started if e.input_id is None and e.turn_id in interrupted]
    assert len(unprompted) == expected["aborted turn without any prompt"]
    assert [e for e in file.events if e.source and e.source.inferred] == []
    assert file.report.tally.contradictions == {}


@pytest.mark.parametrize("name", SESSIONS)
def test_codex_items(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    assert file.kinds("agent_message") == expected["event_msg/agent_message"]
    assert file.kinds("reasoning") == expected["response_item/reasoning"]
    assert file.kinds("context_compaction") == expected["compacted"]
    assert file.skipped("context compaction: written twice") == expected["compacted"]
    messages = file.skipped("injected message", "message(user)", "agent message: written twice")
    assert messages == expected["response_item/message"]
    calls = [i for i in file.items.values() if payload_type(file.cause(i)).endswith("_call")]
    functions, custom = "response_item/function_call", "response_item/custom_tool_call"
    assert len(calls) == expected[functions] + expected[custom]
    ended = [e for e in ends(file) if payload_type(file.cause(e)).endswith("_output")]
    assert len(ended) == expected[f"{functions}_output"] + expected[f"{custom}_output"]
    assert len(calls) - len(ended) == expected["calls without output"]
    reported = expected["event_msg/patch_apply_end"] + expected["event_msg/exec_command_end"]
    assert file.skipped("patch_apply_end: told", "exec_command_end: told") == reported


def test_the_catalogue_of_shapes_is_no_session_and_imports_all_the_same() -> None:
    file, expected = imported(CATALOGUE), imported(CATALOGUE).expected
    compactions = file.kinds("context_compaction") + file.skipped("context compaction: written")
    assert compactions == expected["compacted"] + expected["event_msg/context_compacted"]
    assert file.skipped("world_state") == expected["world_state"]
    assert file.skipped("ghost_snapshot") == expected["response_item/ghost_snapshot"]
    completed = [i for i in file.items.values() if i.summary.startswith("item_completed/")]
    twins = file.skipped("item_completed", "reasoning without text")
    # Two are messages of the model that nothing else in the catalogue repeats.
    assert len(completed) + twins + 2 == expected["event_msg/item_completed"]
    assert all(cause.type for cause in map(file.cause, file.events))


def payload_type(record: Record) -> str:
    return string(mapping(record.body, "payload"), "type") or ""


def ends(file: Imported) -> Iterator[ItemCompleted | ItemFailed | ItemInterrupted]:
    """The ends of items that another record began."""
    for event in file.events:
        if not isinstance(event, ItemCompleted | ItemFailed | ItemInterrupted):
            continue
        if file.cause(event) is not file.cause(file.items[event.item_id]):
            yield event


# ── Claude Code ───────────────────────────────────────────────────────────────────────────────────


def said_by(file: Imported, kind: str) -> list[PromptAdmitted]:
    """Prompts that user records admit, but for words with a declined call, which steer."""
    admitted = file.of(PromptAdmitted, "user")
    return [e for e in admitted if e.origin == kind and e.delivery != "steer"]


@pytest.mark.parametrize("name", CLAUDE)
def test_claude_prompts(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    typed = len(said_by(file, "human")) + len(said_by(file, "command"))
    twins = file.skipped("user record: twin of the queued prompt")
    assert typed + twins == expected["user prompt (human)"] + expected["user slash command"]
    assert len(said_by(file, "shell")) == expected["user bash input"]
    assert len(file.of(TurnInterruptRequested)) == expected["interrupt marker"]
    local = [e for e in file.events if string(file.cause(e).body, "subtype") == "local_command"]
    assert len({e.source.line for e in local if e.source}) == expected["system local_command"]


@pytest.mark.parametrize("name", CLAUDE)
def test_claude_queue(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    queued = file.of(PromptAdmitted, "queue-operation")
    assert len(queued) == expected["queue enqueue, human text"] == expected["queue enqueue"]
    assert len(file.of(TurnSteered, "queue-operation")) == expected["queue remove"]
    assert len(file.of(TurnStarted, "queue-operation")) == expected["queue dequeue"]
    taken = expected["queue remove"] + expected["queue dequeue"]
    assert file.report.pending_prompts == len(queued) - taken


@pytest.mark.parametrize("name", CLAUDE)
def test_claude_messages(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    blocks = [i for i in file.items.values() if i.detail and "message" in i.detail]
    by_type = Counter(block_type(file, item) for item in blocks)
    repeated = file.skipped("the same uuid")  # one record, of one text
    assert by_type["text"] + repeated == expected["assistant block text"]
    assert by_type["thinking"] == expected["assistant block thinking"]
    assert by_type["tool_use"] == expected["assistant block tool_use"]
    messages = {item.detail["message"] for item in blocks if item.detail}
    assert len(messages) == expected["assistant message ids"]


def block_type(file: Imported, item: ItemStarted) -> str:
    content = mapping(file.cause(item).body, "message").get("content")
    assert isinstance(content, list)
    if item.detail and "name" in item.detail:
        return "tool_use"
    types = {block["type"] for block in content if isinstance(block, dict)} - {"tool_use"}
    (only,) = types
    return str(only)


@pytest.mark.parametrize("name", CLAUDE)
def test_claude_results(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    results = [
        e
        for e in ends(file)
        if file.cause(e).type == "user" and (detail := file.items[e.item_id].detail)
        if "message" in detail
    ]
    assert len(results) == expected["tool_result"]
    failed = [e for e in results if not isinstance(e, ItemCompleted)]
    assert len(failed) == expected["tool_result is_error"]
    asked = {i.item_id for i in file.items.values() if i.detail and "input" in i.detail}
    assert len(asked) - len(results) == expected["tool_use ids without result"]


@pytest.mark.parametrize("name", CLAUDE)
def test_claude_bookkeeping(name: str) -> None:
    file, expected = imported(name), imported(name).expected
    for kind in ("progress", "file-history-snapshot", "last-prompt", "attachment"):
        assert file.skipped(kind) == expected[f"type {kind}"]
    titles = len(file.of(ThreadUpdated)) + file.skipped("a title", "summary of another session")
    assert titles == expected["type custom-title"] + expected["type summary"]
    glued = expected["records glued to a previous one on its line"]
    assert file.report.tally.records - file.report.tally.lines == glued
    notes = [e for e in file.of(ItemStarted) if e.summary == "a note to the model"]
    assert len(notes) + file.skipped("outside a turn: a note") == expected["user isMeta"]


def test_claude_subagents_in_the_same_file() -> None:
    file = imported("claude-code/ccviewer-5c0375b4.jsonl")
    told = {
        e.source.line
        for e in file.of(TurnEvent, "user")
        if e.source and file.cause(e).body.get("isSidechain") is True
    }
    assert len(told) == file.expected["sidechain user"]


def test_two_sessions_in_one_file_are_the_thread_of_the_model() -> None:
    file = imported("claude-code/entire-8cfa910f8ef9-5.first120.jsonl")
    sessions = {r.body["sessionId"] for r in file.records.values() if "sessionId" in r.body}
    assert len(sessions) == file.expected["sessionIds"] == 2
    first = next(r for r in file.records.values() if r.type == "assistant")
    created = file.events[0]
    assert isinstance(created, ThreadCreated)
    assert created.origin is not None
    assert created.origin.native_id == first.body["sessionId"]
