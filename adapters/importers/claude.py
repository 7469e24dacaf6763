"""Claude Code session logs: one record after the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import JsonValue

from adapters.importers.claude_commands import Commands
from adapters.importers.claude_compaction import Compactions
from adapters.importers.claude_flow import Flow
from adapters.importers.claude_items import Items
from adapters.importers.claude_queue import Queue
from adapters.importers.claude_text import Said, said, words_of_decline
from adapters.importers.claude_waiting import Waiting
from adapters.importers.records import Record
from adapters.importers.turns import Ending, Turns
from adapters.importers.values import content_text, mapping, name, objects, string
from domain.events.base import Json

# With these the model has nothing more to say.
_LAST_WORDS: Final = frozenset({"end_turn", "stop_sequence", "max_tokens", "refusal"})
_BOOKKEEPING: Final = frozenset({"file-history-snapshot", "last-prompt", "mode"})
REPEATED: Final = "the same uuid with the same content again"


class Claude:
    """The mapper of one log. In a subagent's own log all is sidechain, and told as a thread."""

    def __init__(self, turns: Turns, *, is_subagent: bool) -> None:
        self._turns = turns
        self._recording = turns.recording
        self._is_subagent = is_subagent
        self._waiting = Waiting(turns)
        self._flow = Flow(turns, self._waiting)
        self._queue = Queue(turns, self._flow, self._waiting)
        self._items = Items(turns, self._flow.ensure_turn)
        self._seen: dict[str, bytes] = {}  # uuid → digest of what the record says
        self._commands = Commands(turns, self._flow, self._queue, self._items)
        self._compactions = Compactions(turns, self._flow, self._items)
        self._handlers: Mapping[str, Callable[[Json], None]] = {
            "assistant": self._assistant,
            "user": self._user,
            "system": self._system,
            "queue-operation": self._queue.operation,
            "attachment": self._attachment,
            "summary": self._summary,
            "custom-title": self._custom_title,
            "progress": self._progress,
        }

    def take(self, record: Record) -> None:
        body = record.body
        if self._is_repeated(body):
            self._recording.skip(REPEATED)
        elif handler := self._handlers.get(record.type):
            handler(body)
        elif record.type in _BOOKKEEPING:
            self._recording.skip(f"{record.type}: bookkeeping")
        else:
            shown = (name(record.type) or "no type")[:60]
            self._items.status(f"unknown record ({shown})", None, {"record": body})

    def _is_repeated(self, body: Json) -> bool:
        uuid = string(body, "uuid")
        if uuid is None:
            return False
        says = [body.get(key) for key in ("type", "subtype", "content", "attachment", "data")] + [
            mapping(body, "message").get("content")
        ]
        digest = hashlib.sha256(json.dumps(says).encode()).digest()
        before = self._seen.setdefault(uuid, digest)
        if before is digest:
            return False
        if before != digest:
            self._recording.contradiction("the same uuid with another content")
        return before == digest

    # ── The model ─────────────────────────────────────────────────────────────────────────────────

    def _assistant(self, body: Json) -> None:
        self._queue.settle()
        message = mapping(body, "message")
        if string(message, "model") == "<synthetic>":
            self._synthetic(body, content_text(message.get("content")))
            return
        if self._is_sidechain(body):
            self._sidechain(message)
            return
        self._recording.skip("a message without content")
        self._flow.ensure_turn()
        self._flow.usage.see(message)
        self._flow.went_on()
        self._items.message(message, sidechain=False)
        if string(message, "stop_reason") in _LAST_WORDS:
            self._flow.over = Ending(note="the model's last message ended its turn")

    def _synthetic(self, body: Json, text: str) -> None:
        """Words of the program in the model's place."""
        if body.get("isApiErrorMessage") is True:
            self._flow.ensure_turn()
            self._turns.record_item("error", text, text)
            self._flow.end(Ending("failed", text or "API error", inferred=False))
        else:
            self._items.status("synthetic message", text)

    def _sidechain(self, message: Json) -> None:
        if self._turns.turn:
            self._recording.skip("a message without content")
            self._flow.usage.see(message)
            self._items.message(message, sidechain=True)
        else:
            self._recording.skip("a subagent's record outside a turn")

    def _is_sidechain(self, body: Json) -> bool:
        return body.get("isSidechain") is True and not self._is_subagent

    # ── The user, and what the program says in the user's name ────────────────────────────────────

    def _user(self, body: Json) -> None:
        content = mapping(body, "message").get("content")
        results = [b for b in objects(content) if string(b, "type") == "tool_result"]
        if results:
            self._results(results, content)
        elif self._is_sidechain(body):
            text = content_text(content)
            self._items.status("a subagent's prompt", text, {"sidechain": True})
        elif body.get("isCompactSummary") is True:
            self._compactions.summary(content_text(content))
        elif body.get("isMeta") is True:
            self._items.status("a note to the model", content_text(content))
        else:
            is_notice = string(mapping(body, "origin"), "kind") == "task-notification"
            self._said(said(content_text(content)), is_notice=is_notice)

    def _said(self, words: Said, *, is_notice: bool) -> None:
        match words.kind:
            case "interrupt":
                self._queue.settle()
                self._flow.interrupt()
            case "command" | "shell":
                self._commands.run(words)
            case "output":
                self._commands.output(words.text)
            case "note":
                self._items.status("a note of the program", words.text)
            case "blank":
                self._recording.skip("an empty prompt")
            case _ if is_notice or words.kind == "notification":
                self._queue.send(words.text, "notification")
            case _:
                self._queue.send(words.text, "human")

    def _results(self, results: list[Json], content: JsonValue) -> None:
        for block in results:
            text = self._items.result(block)
            if (steer := words_of_decline(text)) and self._turns.turn:
                self._queue.steer(steer)
        texts = [b for b in objects(content) if string(b, "type") == "text"]
        for block in texts:
            words = said(string(block, "text") or "")
            if words.kind == "interrupt":
                self._flow.interrupt()
            elif words.kind != "blank":
                self._items.status("a text with a tool result", words.text)

    # ── The program ───────────────────────────────────────────────────────────────────────────────

    def _system(self, body: Json) -> None:
        match subtype := string(body, "subtype"):
            case "turn_duration":
                self._flow.end(Ending(inferred=False))
            case "stop_hook_summary":
                self._stop_hook(body)
            case "compact_boundary":
                self._compactions.boundary(body)
            case "microcompact_boundary":
                self._items.status("microcompaction", None, {"record": body})
            case "api_error":
                attempt, most = body.get("retryAttempt"), body.get("maxRetries")
                self._items.status(f"API error, retry {attempt} of {most}", None, {"record": body})
            case "local_command":
                words = said(string(body, "content") or "")
                if words.kind in ("command", "output"):
                    self._said(words, is_notice=False)
                else:
                    self._items.status("local command", words.text)
            case _:
                shown = (name(subtype) or "no subtype")[:60]
                self._items.status(f"system ({shown})", None, {"record": body})

    def _stop_hook(self, body: Json) -> None:
        """A stop hook runs when the model has nothing more to do, unless it made it go on."""
        turn = self._turns.turn
        ended = turn and self._flow.had_output and not turn.open_items
        if ended and body.get("preventedContinuation") is not True and not body.get("hookErrors"):
            self._flow.end(Ending(note="a stop hook has run"))
        else:
            self._recording.skip("stop_hook_summary: ends no turn")

    def _attachment(self, body: Json) -> None:
        attachment = mapping(body, "attachment")
        kind = string(attachment, "type")
        if kind != "queued_command":
            self._recording.skip(f"attachment ({(name(kind) or 'no type')[:60]})")
        elif string(attachment, "commandMode") == "task-notification":
            self._recording.skip("attachment (queued_command): a notification")
        else:
            self._queue.attached(content_text(attachment.get("prompt")))

    def _progress(self, body: Json) -> None:
        kind = name(mapping(body, "data").get("type"))
        self._recording.skip(f"progress ({(kind or 'no type')[:60]})")

    def _summary(self, body: Json) -> None:
        if string(body, "leafUuid") in self._seen:
            self._turns.rename(string(body, "summary"))
        else:
            self._recording.skip("summary of another session")

    def _custom_title(self, body: Json) -> None:
        self._turns.rename(string(body, "customTitle"))
