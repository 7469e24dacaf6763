"""What Codex calls are, and what their outputs say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from adapters.importers.values import as_json, content_text, mapping, string
from domain.events.base import ItemKind, Json

_COMMANDS: Final = frozenset(
    {"exec_command", "shell", "shell_command", "write_stdin", "local_shell"}
)
_EXIT_CODE: Final = re.compile(
    r"^(?:Exit code: |Process exited with code )(-?\d{1,9})$", re.MULTILINE
)
_RUNNING: Final = re.compile(r"^Process running with session ID (\S+)$", re.MULTILINE)
# Only what stands before the output itself is the program's; the output may say anything.
_OUTPUT_BEGINS: Final = "\nOutput:"
_LONGEST_HEADER: Final = 2000
_PATCH_REFUSED: Final = "apply_patch verification failed"
_ABORTED: Final = re.compile(r"\A(?:Wall time: [^\n]*\n)?aborted by user")


@dataclass(frozen=True, slots=True)
class Call:
    """A call as an item: its kind, a line for people, what was asked."""

    kind: ItemKind
    summary: str
    detail: Json


@dataclass(frozen=True, slots=True)
class Output:
    """What came back. `error` says why it failed, `aborted` that the user cut it short."""

    text: str
    result: Json | None
    error: str | None = None
    aborted: bool = False


def function_call(payload: Json) -> Call:
    """The item of a `function_call`, `custom_tool_call` or another `…_call`."""
    name = string(payload, "name") or (string(payload, "type") or "call").removesuffix("_call")
    raw = next((payload[k] for k in ("arguments", "input", "action") if k in payload), None)
    asked = as_json(raw)
    line = command_line(asked)
    if name == "apply_patch" or (name in _COMMANDS and line.startswith("apply_patch")):
        kind: ItemKind = "file_change"
    else:
        kind = "command_execution" if name in _COMMANDS else "tool_call"
    summary = line if kind != "tool_call" and line else _summary(name, asked)
    return Call(kind, summary, {"name": name, "input": asked})


def command_line(asked: JsonValue) -> str:
    """The command in a call's arguments, whichever way it is written; else nothing."""
    if not isinstance(asked, dict):
        return ""
    for key in ("cmd", "command"):
        value = asked.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            words = [word for word in value if isinstance(word, str)]
            return words[2] if len(words) == 3 and words[1] in ("-c", "-lc") else " ".join(words)
    return ""


def output_of(value: JsonValue, end: Json | None) -> Output:
    """What a `…_output` says; `end` is the event that reported the same end, if there was one."""
    text, code, success = _read(value)
    result: Json = {}
    if end is not None:
        code = _int(end.get("exit_code"), code)
        success = _bool(end.get("success")) if "success" in end else success
        result = {key: end[key] for key in ("changes", "duration", "status") if key in end}
    if code is not None:
        result["exit_code"] = code
    if success is not None:
        result["success"] = success
    if running := _RUNNING.search(_header(text)):
        result["session_id"] = running[1]
    error = f"exit code {code}" if code else None
    if error is None and (success is False or text.startswith(_PATCH_REFUSED)):
        error = "it did not succeed"
    return Output(text, result or None, error, _ABORTED.match(text) is not None)


def _read(value: JsonValue) -> tuple[str, int | None, bool | None]:
    """Text, exit code and success, from any of the dresses an output comes in."""
    meant = as_json(value)
    # In a string only the program's own wrapping counts; other JSON is the output itself.
    wrapped = ("output", "metadata") if isinstance(value, str) else ("content",)
    if isinstance(meant, dict) and all(key in meant for key in wrapped):
        text = content_text(meant[wrapped[0]])
        code = _int(mapping(meant, "metadata").get("exit_code"), None)
        return text, code, _bool(meant.get("success"))
    text = content_text(value)
    found = _EXIT_CODE.search(_header(text))
    return text, int(found[1]) if found else None, None


def _header(text: str) -> str:
    return text[:_LONGEST_HEADER].split(_OUTPUT_BEGINS, 1)[0]


def _summary(name: str, asked: JsonValue) -> str:
    if asked in (None, "", {}):
        return name
    return f"{name} {asked if isinstance(asked, str) else json.dumps(asked)[:400]}"


def _int(value: JsonValue, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _bool(value: JsonValue) -> bool | None:
    return value if isinstance(value, bool) else None
